// The page's words in the language that people read, and how numbers and times are written in it.

import { createContext } from "preact";
import { useContext } from "preact/hooks";
import { recall, remember } from "../storage";
import { en, type Words } from "./en";
import { ja } from "./ja";

export type { Words };
export type Language = "en" | "ja";

const KEPT = "pkai-language";
const ALL: Record<Language, Words> = { en, ja };

export const Spoken = createContext<Language>("en");

export function firstLanguage(): Language {
  const kept = recall("localStorage", KEPT);
  if (kept === "en" || kept === "ja") return kept;
  return navigator.language.toLowerCase().startsWith("ja") ? "ja" : "en";
}

export function keepLanguage(language: Language): void {
  remember("localStorage", KEPT, language);
  document.documentElement.lang = language;
}

export function useWords(): Words {
  return ALL[useContext(Spoken)];
}

/** A time in a recording as m:ss. */
export function minutes(seconds: number): string {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/** A probability in percent; never a certainty. */
export function percent(probability: number): string {
  if (probability < 0.01) return "<1 %";
  return probability > 0.99 ? ">99 %" : `${Math.round(probability * 100)} %`;
}

export function points(rating: number): string {
  return String(Math.round(rating));
}

export function levelName(words: Words, level: string): string {
  return words.levels[level] ?? level;
}

/** The name of a piece, from the title of one of its references: "Für Elise, bars 1-22, expert". */
export function pieceName(words: Words, piece: string, title: string): string {
  return words.pieces[piece] ?? title.split(",")[0]!;
}

/** What people's own system says of the language, such as which clock they read. */
function localeOf(language: Language): string {
  return navigator.languages.find((one) => one.startsWith(language)) ?? language;
}

export function when(language: Language, at: number): string {
  const options: Intl.DateTimeFormatOptions = { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" };
  return new Intl.DateTimeFormat(localeOf(language), options).format(at);
}
