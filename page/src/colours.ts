// The colours of ratings, from 0 to 100: the same rating has the same colour in every take, and for eyes that tell red
// and green apart as for those that do not.

import type { Assessment } from "./contract";

type Rgb = [number, number, number];

const LIGHT: Rgb[] = [[191, 66, 40], [214, 158, 62], [28, 122, 112]];
const DARK: Rgb[] = [[232, 110, 80], [232, 190, 104], [86, 192, 176]];

export function colourOf(rating: number, dark: boolean): string {
  return blend(dark ? DARK : LIGHT, rating / 100);
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
