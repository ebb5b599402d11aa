// How the ratings of one's takes went, with the range in which each likely lies.

import type { JSX } from "preact";
import { useContext, useEffect, useRef } from "preact/hooks";
import type uPlot from "uplot";
import { useDark } from "./scheme";
import type { Take } from "./takes";
import { points, Spoken, useWords, type Language, when } from "./words/words";

const HEIGHT = 180;

export function Curve({ takes }: { takes: readonly Take[] }): JSX.Element {
  const words = useWords();
  const language = useContext(Spoken);
  const dark = useDark();
  const frame = useRef<HTMLDivElement>(null);

  useEffect(() => {
    let plot: uPlot | null = null;
    let gone = false;
    const resized = new ResizeObserver(() => {
      if (frame.current) plot?.setSize({ width: frame.current.clientWidth, height: HEIGHT });
    });
    void import("uplot").then(({ default: Plot }) => {
      if (gone || !frame.current) return;
      const style = getComputedStyle(frame.current);
      const options = optionsOf(takes, language, frame.current.clientWidth, (name) => style.getPropertyValue(name));
      plot = new Plot(options, dataOf(takes), frame.current);
      resized.observe(frame.current);
    });
    return () => {
      gone = true;
      resized.disconnect();
      plot?.destroy();
    };
  }, [takes, language, dark]);

  const ratings = takes.map((take) => points(take.assessment!.rating));
  const told = words.progressTold(takes.length, ratings[0]!, ratings.at(-1)!);
  return (
    <figure class="curve">
      <div ref={frame} role="img" aria-label={`${words.progress}: ${told}`} />
      <figcaption class="hint">{told} · {words.bandTold}</figcaption>
    </figure>
  );
}

function dataOf(takes: readonly Take[]): uPlot.AlignedData {
  const assessments = takes.map((take) => take.assessment!);
  return [
    assessments.map((_, i) => i + 1),
    assessments.map((one) => one.rating_interval[1]),
    assessments.map((one) => one.rating_interval[0]),
    assessments.map((one) => one.rating),
  ];
}

function optionsOf(
  takes: readonly Take[],
  language: Language,
  width: number,
  colour: (name: string) => string,
): uPlot.Options {
  const axis = { stroke: colour("--soft"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  const day = (take: Take | undefined) => (take ? when(language, take.at).split(/,? (?=\d\d?:)/)[0]! : "");
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { time: false, range: [0.7, takes.length + 0.3] }, y: { range: [0, 100] } },
    axes: [
      {
        ...axis,
        grid: { show: false },
        incrs: [1, 2, 5, 10, 20, 50],
        space: 70,
        values: (_, splits) => splits.map((at) => (Number.isInteger(at) ? day(takes[at - 1]) : "")),
      },
      { ...axis, size: 36, incrs: [20, 50], space: 24 },
    ],
    series: [
      {},
      { stroke: "transparent", points: { show: false } },
      { stroke: "transparent", points: { show: false } },
      { stroke: colour("--own"), width: 2.5, points: { show: true, size: 8, fill: colour("--own") } },
    ],
    bands: [{ series: [1, 2], fill: colour("--own-faint") }],
  };
}
