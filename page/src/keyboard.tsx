// A piano that lights up with what the microphone hears: the level meter that a pianist can read.

import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import type { Recorder } from "./recorder";

// C2 to C7, from 65 to 2,093 Hz: five octaves and the C that ends them, as MIDI counts notes.
const LOWEST = 36;
const HIGHEST = 96;
const BLACK = new Set([1, 3, 6, 8, 10]);
const FAINTEST_DB = -75;
const LOUDEST_DB = -35;

interface Key {
  note: number;
  black: boolean;
  /** Left edge in widths of a white key. */
  at: number;
}

const KEYS: Key[] = [];
let whites = 0;
for (let note = LOWEST; note <= HIGHEST; note++) {
  const black = BLACK.has(note % 12);
  KEYS.push({ note, black, at: black ? whites - 0.3 : whites++ });
}
const DRAWN = [...KEYS].sort((a, b) => Number(a.black) - Number(b.black));

export function Keyboard({ recorder }: { recorder: Recorder | null }): JSX.Element {
  const svg = useRef<SVGSVGElement>(null);
  useEffect(() => (recorder && svg.current ? light(svg.current, recorder) : undefined), [recorder]);
  return (
    <svg ref={svg} class="keyboard" viewBox={`0 0 ${whites} 6.4`} preserveAspectRatio="none" aria-hidden="true">
      {DRAWN.map(({ note, black, at }) => (
        <rect
          key={note}
          data-note={note}
          class={black ? "black" : "white"}
          x={at + 0.03}
          y={-0.4}
          width={black ? 0.6 : 0.94}
          height={black ? 4.2 : 6.6}
          rx={0.12}
        />
      ))}
    </svg>
  );
}

/** Light the keys until the returned function is called. */
function light(svg: SVGSVGElement, recorder: Recorder): () => void {
  const keys = [...svg.querySelectorAll<SVGRectElement>("rect")];
  let frame = 0;
  const draw = () => {
    recorder.listen();
    for (const key of keys) {
      const strength = strengthOf(Number(key.dataset.note), recorder.spectrum, recorder.hzPerBin);
      key.style.setProperty("--lit", strength.toFixed(2));
    }
    frame = requestAnimationFrame(draw);
  };
  draw();
  return () => {
    cancelAnimationFrame(frame);
    for (const key of keys) key.style.removeProperty("--lit");
  };
}

/** How clearly a note sounds, from 0 to 1: a peak of the spectrum at its pitch, no slope of another's. */
function strengthOf(note: number, spectrum: Float32Array, hzPerBin: number): number {
  const bin = (440 * 2 ** ((note - 69) / 12)) / hzPerBin;
  const centre = Math.round(bin);
  const here = spectrum[centre]!;
  const reach = Math.max(2, Math.round(bin * 0.045));
  const isPeak = here >= spectrum[centre - reach]! + 3 && here >= spectrum[centre + reach]! + 3;
  if (!isPeak) return 0;
  return Math.min(1, Math.max(0, (here - FAINTEST_DB) / (LOUDEST_DB - FAINTEST_DB)));
}
