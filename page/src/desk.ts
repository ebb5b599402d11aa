// What the page does, step by step: record or take a file, send it, show what was said of it, compare two takes.

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { Api, MAX_DIRECT_BYTES, type Sending } from "./api";
import type { Config } from "./config";
import type { PairAssessment, Reference } from "./contract";
import { random } from "./random";
import { Recorder } from "./recorder";
import { Refusal } from "./refusal";
import type { Session } from "./session";
import { holdParts, nameOf, type Take, type Takes } from "./takes";

export const MIN_PLAYED_S = 8;
// A little less than the service takes, for the recorder itself goes on for a moment.
export const MAX_PLAYED_S = 20 * 60 - 5;
const MAX_FILE_BYTES = 50 * 1024 ** 2;
// Two recordings in base64, a third longer so, must fit into one request.
const MAX_PAIR_BYTES = (MAX_DIRECT_BYTES * 3) / 4;

export type Screen =
  | { kind: "stage" }
  | { kind: "recording"; recorder: Recorder }
  | { kind: "sending"; progress: number | null; waiting: boolean; both: boolean }
  | { kind: "answer"; take: Take }
  | { kind: "pair"; takes: [Take, Take]; pair: PairAssessment | null };

export interface Problem {
  refusal: Refusal;
  /** The take that is kept and can be sent again. */
  take: Take | null;
}

export interface Desk {
  screen: Screen;
  problem: Problem | null;
  references: Reference[];
  takes: readonly Take[];
  /** The take that was removed last, until it is put back or one goes on. */
  removed: Take | null;
  piece: string | null;
  choosePiece: (piece: string | null) => void;
  record: () => Promise<void>;
  takeFile: (file: File) => Promise<void>;
  send: (take: Take) => Promise<void>;
  cancel: () => void;
  open: (take: Take) => void;
  compare: (first: Take, second: Take) => Promise<void>;
  remove: (take: Take) => Promise<void>;
  putBack: (take: Take) => Promise<void>;
  toStage: () => void;
  dismiss: () => void;
}

export function useDesk(config: Config, session: Session, kept: Takes, firstProblem: Refusal | null): Desk {
  const api = useMemo(() => new Api(config.api, () => session.token()), [config, session]);
  const [screen, setScreen] = useState<Screen>({ kind: "stage" });
  const [problem, setProblem] = useState<Problem | null>(firstProblem && { refusal: firstProblem, take: null });
  const [takes, setTakes] = useState(kept.all());
  const [references, setReferences] = useState<Reference[]>([]);
  const [piece, choosePiece] = useState<string | null>(null);
  const [removed, setRemoved] = useState<Take | null>(null);
  const underWay = useRef<AbortController | null>(null);
  const isBeginning = useRef(false);

  useEffect(() => {
    if (session.isNeeded) return;
    api.references().then(setReferences, () => undefined); // without them there is no piece to choose, and that is all
  }, [api, session.isSignedIn]);

  const keep = async (take: Take): Promise<void> => {
    await kept.put(take);
    setTakes(kept.all());
  };

  const drop = async (take: Take): Promise<void> => {
    await kept.remove(take.id);
    setTakes(kept.all());
  };

  const show = (next: Screen): void => {
    setRemoved(null);
    setScreen(next);
  };

  const fail = (reason: unknown, take: Take | null): void => {
    const refusal = Refusal.from(reason);
    show({ kind: "stage" });
    if (refusal.code === "signed_out") session.forget();
    if (refusal.code !== "cancelled") setProblem({ refusal, take });
  };

  const begin = (both: boolean): Sending => {
    const controller = new AbortController();
    underWay.current = controller;
    const at = (progress: number | null, waiting: boolean) => {
      if (!controller.signal.aborted) show({ kind: "sending", progress, waiting, both });
    };
    setProblem(null);
    at(0, false);
    return {
      onProgress: (part) => at(part, false),
      onWait: () => at(null, true),
      signal: controller.signal,
    };
  };

  const send = async (take: Take): Promise<void> => {
    if (!take.audio) return;
    try {
      const assessment = await api.assess(take.audio, take.name, take.piece, begin(false));
      const judged = { ...take, assessment };
      await keep(judged);
      show({ kind: "answer", take: judged });
    } catch (reason) {
      // A file that can never be judged is not kept; what may be taken later is, and what was played here and nowhere else.
      const refusal = Refusal.from(reason);
      const isWorthKeeping = refusal.mayPass || (take.recorded && refusal.code !== "too_quiet");
      if (isWorthKeeping || refusal.code === "cancelled") await keep(take);
      else await drop(take);
      fail(refusal, isWorthKeeping ? take : null);
    }
  };

  const newTake = (audio: Blob, name: string, recorded: boolean, id = random()): Take => ({
    id,
    at: Date.now(),
    name,
    piece,
    recorded,
    audio,
    assessment: null,
  });

  /** Record until it is ended on the page or the microphone goes away, and have it judged. */
  const record = async (): Promise<void> => {
    if (isBeginning.current) return; // asked twice while people are asked for the microphone
    isBeginning.current = true;
    setProblem(null);
    const id = random();
    const at = Date.now();
    const letGo = holdParts(id);
    const recorder = await Recorder.begin((audio, n) => void kept.putPart({ take: id, n, at, piece, audio }))
      .catch((reason) => fail(reason, null))
      .finally(() => (isBeginning.current = false));
    if (!recorder) return letGo();
    show({ kind: "recording", recorder });
    const audio = await recorder.recorded;
    const isLongEnough = recorder.durationS >= MIN_PLAYED_S;
    const take = audio && isLongEnough ? newTake(audio, nameOf(audio), true, id) : null;
    if (take) await keep(take); // before anything can go wrong on the way
    await kept.removeParts(id);
    letGo();
    if (take) await send(take);
    else if (audio === null) show({ kind: "stage" });
    else fail(new Refusal("too_short"), null);
  };

  const takeFile = async (file: File): Promise<void> => {
    if (isBeginning.current) return;
    setProblem(null);
    const isOther = file.type !== "" && !/^(audio|video)\/|^application\/(ogg|octet-stream)$/.test(file.type);
    if (isOther || file.size === 0) return fail(new Refusal("wrong_file"), null);
    if (file.size > MAX_FILE_BYTES) return fail(new Refusal("too_large"), null);
    // Read at once: what a picker or a drop gave may be gone when it is sent again. It may lie in the cloud, too.
    const { signal } = begin(false);
    const content = await unlessAborted(file.arrayBuffer(), signal).catch((reason) => fail(reason, null));
    if (content) await send(newTake(new Blob([content], { type: file.type }), file.name, false));
  };

  const compare = async (first: Take, second: Take): Promise<void> => {
    const fits = first.audio && second.audio && first.audio.size + second.audio.size <= MAX_PAIR_BYTES;
    if (!fits) return show({ kind: "pair", takes: [first, second], pair: null });
    try {
      const pair = await api.compare(first.audio!, second.audio!, begin(true));
      show({ kind: "pair", takes: [first, second], pair });
    } catch (reason) {
      fail(reason, null);
    }
  };

  const remove = async (take: Take): Promise<void> => {
    await drop(take);
    setRemoved(take);
  };

  const putBack = async (take: Take): Promise<void> => {
    await keep(take);
    setRemoved(null);
  };

  return {
    screen, problem, references, takes, removed, piece, choosePiece, record, takeFile, send, compare, remove, putBack,
    cancel: () => underWay.current?.abort(),
    open: (take) => (setProblem(null), show({ kind: "answer", take })),
    toStage: () => (setProblem(null), show({ kind: "stage" })),
    dismiss: () => setProblem(null),
  };
}

/** What a file holds, unless people no longer wait for it. */
function unlessAborted<T>(reading: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    signal.addEventListener("abort", () => reject(new Refusal("cancelled")));
    reading.then(resolve, (reason: Error) => reject(new Refusal("unreadable_file", reason.message)));
  });
}
