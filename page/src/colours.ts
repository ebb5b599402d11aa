// The colours of ratings within one recording, from the weakest to the strongest passage: the same for eyes that tell
// red and green apart and for those that do not.

import type { Assessment } from "./contract";

type Rgb = [number, number, number];

// A calm recording coloured to its own extremes would look as uneven as a wild one.
const MIN_SPAN = 20;
const LIGHT: Rgb[] = [[191, 66, 40], [214, 158, 62], [28, 122, 112]];
const DARK: Rgb[] = [[232, 110, 80], [232, 190, 104], [86, 192, 176]];

export interface Scale {
  low: number;
  high: number;
  colour: (rating: number) => string;
}

export function scaleOf(assessments: readonly Assessment[], dark: boolean): Scale {
  const ratings = assessments.flatMap((one) => one.timeline.map((point) => point.rating));
  const low = Math.min(...ratings);
  const high = Math.max(...ratings);
  const lacking = Math.max(0, MIN_SPAN - (high - low)) / 2;
  const bottom = Math.max(0, low - lacking);
  const top = Math.min(100, high + lacking);
  const stops = dark ? DARK : LIGHT;
  return { low: bottom, high: top, colour: (rating) => blend(stops, (rating - bottom) / (top - bottom)) };
}

/** The rating at a time; before and after the playing that of its first and last stretch. */
export function ratingAt(assessment: Assessment, time: number): number {
  const point = assessment.timeline.find((one) => time < one.end_s) ?? assessment.timeline.at(-1)!;
  return point.rating;
}

export function isPlaying(assessment: Assessment, time: number): boolean {
  return time >= assessment.recording.played_from_s && time <= assessment.recording.played_to_s;
}

function blend(stops: Rgb[], part: number): string {
  const along = Math.min(1, Math.max(0, part)) * (stops.length - 1);
  const first = Math.min(stops.length - 2, Math.floor(along));
  const mixed = stops[first]!.map((value, i) => Math.round(value + (stops[first + 1]![i]! - value) * (along - first)));
  return `rgb(${mixed.join(" ")})`;
}
