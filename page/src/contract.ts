// What the service answers; see lambda/pkai/assessment.py, whose words these are.

export type Outcome = "better" | "equivalent" | "worse";

export interface Passage {
  start_s: number;
  end_s: number;
  rating: number;
}

export interface TimelinePoint extends Passage {
  attention: number;
}

export interface Reference {
  name: string;
  title: string;
  piece: string;
  level: string;
  rating: number;
}

export interface Comparison {
  reference: Reference;
  outcome: Outcome;
  p_better: number;
}

/** What was heard of one family of flaws, and where it is worst. */
export interface Finding {
  family: string;
  extent: "none" | "some" | "much";
  severity: number;
  /** Points of rating that were gained without it. */
  cost: number;
  over_time: number[];
  passages: { start_s: number; end_s: number }[];
  sentence: string;
  /** Whether the model hears it well enough to say a word of it. */
  judged: boolean;
}

export interface Notice {
  code: string;
  message: string;
}

/** Which piece was played: named by the asker, recognised, or unknown. */
export interface Piece {
  name: string | null;
  confidence: number;
  how: "named" | "recognised" | "unknown";
}

export interface Assessment {
  model: { name: string; version: string; sha256: string };
  recording: {
    duration_s: number;
    played_from_s: number;
    played_to_s: number;
    codec: string;
    sample_rate: number;
    channels: number;
  };
  piece?: Piece;
  score: number;
  rating: number;
  rating_interval: [number, number];
  level: string;
  timeline: TimelinePoint[];
  strongest: Passage[];
  weakest: Passage[];
  diagnosis?: Finding[];
  comparisons: Comparison[];
  rank: { better_than: number; of: number };
  warnings: Notice[];
}

export interface PairAssessment {
  outcome: Outcome;
  p_better: number;
  first: Assessment;
  second: Assessment;
}

export interface Upload {
  id: string;
  url: string;
  fields: Record<string, string>;
  max_bytes: number;
  assessment: string;
}

export type Found =
  | { id: string; status: "pending" }
  | { id: string; status: "done"; assessment: Assessment }
  | { id: string; status: "failed"; error: { code: string; message: string } };
