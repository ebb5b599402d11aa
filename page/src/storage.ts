// What the browser remembers for the page; one that is told to remember nothing throws at the mere sight of it.

type Storage = "localStorage" | "sessionStorage";

export function recall(where: Storage, name: string): string | null {
  try {
    return window[where].getItem(name);
  } catch {
    return null;
  }
}

/** Remember it for the next time if the browser does; null forgets it. */
export function remember(where: Storage, name: string, value: string | null): void {
  try {
    if (value === null) window[where].removeItem(name);
    else window[where].setItem(name, value);
  } catch {
    return; // the page does without
  }
}
