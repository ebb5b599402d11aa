/** Begin reading a new screen at its heading, with eyes at the top and with a screen reader. */
export function arriveAt(heading: HTMLElement | null): void {
  heading?.focus({ preventScroll: true });
  window.scrollTo(0, 0);
}
