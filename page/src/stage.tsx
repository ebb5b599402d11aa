// Where one begins: play into the microphone, or bring a recording.

import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Reference } from "./contract";
import { arriveAt } from "./arrive";
import { type Desk, MAX_PLAYED_S, MIN_PLAYED_S } from "./desk";
import { Keyboard } from "./keyboard";
import type { Recorder } from "./recorder";
import type { Session } from "./session";
import { minutes, pieceName, useWords } from "./words/words";

const ACCEPTED = "audio/*,video/mp4,video/quicktime,video/webm,.opus,.flac,.m4a";
const FAINT = 0.12;
const FAINT_AFTER_S = 4;

export function Stage({ desk, session }: { desk: Desk; session: Session }): JSX.Element {
  const words = useWords();
  return (
    <section class="stage" aria-labelledby="tagline">
      <h1 id="tagline">{words.tagline}</h1>
      <p class="promise">{words.promise}</p>
      {session.isNeeded ? <SignInFirst session={session} /> : <Begin desk={desk} />}
      <Keyboard recorder={null} />
    </section>
  );
}

function SignInFirst({ session }: { session: Session }): JSX.Element {
  const words = useWords();
  return (
    <div class="begin">
      <button type="button" class="action" onClick={() => void session.leave()}>{words.signIn}</button>
      <p class="hint">{words.signInFirst}</p>
    </div>
  );
}

function Begin({ desk }: { desk: Desk }): JSX.Element {
  const words = useWords();
  const input = useRef<HTMLInputElement>(null);
  return (
    <div class="begin">
      <PieceChoice desk={desk} />
      <button type="button" class="record" onClick={() => void desk.record()}>
        <span class="record-disc" aria-hidden="true">
          <svg viewBox="0 0 24 24">
            <path d="M12 15a3.5 3.5 0 0 0 3.5-3.5v-5a3.5 3.5 0 1 0-7 0v5A3.5 3.5 0 0 0 12 15zm6-3.5a6 6 0 0 1-12 0H4.3a7.7 7.7 0 0 0 6.8 7.6V22h1.8v-2.9a7.7 7.7 0 0 0 6.8-7.6z" />
          </svg>
        </span>
        {words.record}
      </button>
      <div class="file">
        <button type="button" class="quiet" onClick={() => input.current?.click()}>{words.chooseFile}</button>
        <input
          ref={input}
          type="file"
          accept={ACCEPTED}
          hidden
          onChange={(event) => {
            const [file] = event.currentTarget.files ?? [];
            event.currentTarget.value = "";
            if (file) void desk.takeFile(file);
          }}
        />
        <span class="hint wide-only">{words.orDrop}</span>
      </div>
    </div>
  );
}

function PieceChoice({ desk }: { desk: Desk }): JSX.Element {
  const words = useWords();
  const first = new Map<string, Reference>();
  for (const reference of desk.references) if (!first.has(reference.piece)) first.set(reference.piece, reference);
  return (
    <label class="piece">
      <span>{words.piece}</span>
      <select value={desk.piece ?? ""} onChange={(event) => desk.choosePiece(event.currentTarget.value || null)}>
        <option value="">{words.anyPiece}</option>
        {[...first.values()].map((one) => (
          <option key={one.piece} value={one.piece}>{pieceName(words, one.piece, one.title)}</option>
        ))}
      </select>
    </label>
  );
}

/** Keep a phone's screen on: one that locks takes the microphone away, or the line. */
function useWakefulness(): void {
  useEffect(() => {
    let lock: WakeLockSentinel | null = null;
    let isOver = false;
    const ask = async () => {
      if (document.visibilityState !== "visible") return;
      lock = (await navigator.wakeLock?.request("screen").catch(() => null)) ?? null;
      if (isOver) await lock?.release();
    };
    void ask();
    document.addEventListener("visibilitychange", ask); // a page that was hidden has to ask again
    return () => {
      isOver = true;
      document.removeEventListener("visibilitychange", ask);
      void lock?.release();
    };
  }, []);
}

export function Listening({ recorder }: { recorder: Recorder }): JSX.Element {
  const words = useWords();
  const [played, setPlayed] = useState(0);
  const [level, setLevel] = useState(0);
  const quietSince = useRef(0);
  const heading = useRef<HTMLHeadingElement>(null);

  useWakefulness();
  useEffect(() => arriveAt(heading.current), []);
  useEffect(() => {
    const timer = setInterval(() => {
      const now = recorder.durationS;
      const heard = recorder.level();
      if (heard >= FAINT || !recorder.isHeard) quietSince.current = now;
      setPlayed(now);
      setLevel(heard);
    }, 100);
    return () => clearInterval(timer);
  }, [recorder]);
  useEffect(() => {
    if (played >= MAX_PLAYED_S) recorder.end();
  }, [played >= MAX_PLAYED_S]);

  const lacking = Math.ceil(MIN_PLAYED_S - played);
  const isFaint = played - quietSince.current > FAINT_AFTER_S;
  const told = isFaint ? words.faint : lacking > 0 ? words.playOn(lacking) : words.longEnough;
  return (
    <section class="stage listening" aria-labelledby="recording">
      <h1 id="recording" ref={heading} tabIndex={-1}><span class="lamp" aria-hidden="true" />{words.recording}</h1>
      <p class="clock" role="timer">{minutes(Math.floor(played))}</p>
      <div
        class="meter"
        role="meter"
        aria-label={words.level}
        aria-valuemin={0}
        aria-valuemax={100}
        aria-valuenow={Math.round(level * 100)}
        aria-valuetext={words.levelNow(Math.round(level * 10) * 10)}
      >
        <span style={{ transform: `scaleX(${level.toFixed(3)})` }} />
      </div>
      <p class={isFaint ? "hint warn" : "hint"}>{told}</p>
      {/* What is read aloud is recorded, so only that which spoils the recording anyway. */}
      <p class="unseen" role="alert">{isFaint && words.faint}</p>
      <div class="begin">
        <button type="button" class="action" onClick={() => recorder.end()}>{words.stop}</button>
        <button type="button" class="quiet" onClick={() => recorder.discard()}>{words.discard}</button>
      </div>
      <Keyboard recorder={recorder} />
    </section>
  );
}

export function Waiting({ desk }: { desk: Desk }): JSX.Element {
  const words = useWords();
  const heading = useRef<HTMLHeadingElement>(null);
  useWakefulness();
  useEffect(() => arriveAt(heading.current), []);
  if (desk.screen.kind !== "sending") return <></>;
  const { progress, waiting, both } = desk.screen;
  const told = waiting ? words.waiting : progress !== null ? words.sending : both ? words.comparing : words.listening;
  return (
    <section class="stage waiting" aria-labelledby="waiting">
      <h1 id="waiting" ref={heading} tabIndex={-1}>{told}</h1>
      <progress aria-labelledby="waiting" max={1} {...(progress === null ? {} : { value: progress })} />
      <p class="hint" aria-hidden="true">{progress === null ? " " : words.sent(Math.round(progress * 100))}</p>
      <button type="button" class="quiet" onClick={desk.cancel}>{words.cancel}</button>
      <Keyboard recorder={null} />
    </section>
  );
}
