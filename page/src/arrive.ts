/** Begin reading a new screen at its heading, with eyes at the top and with a screen reader. */
export function arriveAt(heading: HTMLElement | null): void {
  heading?.focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

/** Keep the focus on the page when what has it is about to go away. */
export function stepBack(from: HTMLElement | null): void {
  from?.closest("main")?.focus();
}
