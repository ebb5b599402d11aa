// What was said of one take.

import type { JSX } from "preact";
import { useContext, useEffect, useRef } from "preact/hooks";
import type { Assessment, Passage } from "./contract";
import { arriveAt } from "./arrive";
import type { Desk } from "./desk";
import { Diagnosis } from "./diagnosis";
import { Dial } from "./dial";
import { Ladder } from "./ladder";
import { useDark } from "./scheme";
import type { Take } from "./takes";
import { attentionVaries, type Hear, type Player, Waveform } from "./waveform";
import { minutes, pieceName, points, Spoken, useWords, when, type Words } from "./words/words";

export function useTakeName(): (take: Take) => string {
  const words = useWords();
  const language = useContext(Spoken);
  return (take) => (take.recorded ? words.recordedName(when(language, take.at)) : take.name);
}

export function Answer({ desk, take }: { desk: Desk; take: Take }): JSX.Element {
  const words = useWords();
  const nameOf = useTakeName();
  const heading = useRef<HTMLHeadingElement>(null);
  const player = useRef<Player>(null);
  useEffect(() => arriveAt(heading.current), [take.id]);
  const assessment = take.assessment!;
  const hear: Hear | null = take.audio ? (from, to) => player.current?.hear(from, to) : null;
  return (
    <article class="answer" aria-labelledby="answer">
      <header class="answer-head">
        <button type="button" class="quiet back" onClick={desk.toStage}>{words.back}</button>
        <h1 id="answer" ref={heading} tabIndex={-1}>{nameOf(take)}</h1>
        <p class="hint">{pieceTold(assessment, words)}</p>
      </header>
      <div class="answer-sum">
        <Dial assessment={assessment} />
        <Standing assessment={assessment} />
        {assessment.warnings.map((notice) => (
          <p key={notice.code} class="hint warn">
            {words.warnings[notice.code]?.(piecesOf(assessment, words)) ?? notice.message}
          </p>
        ))}
        <button type="button" class="action" onClick={() => void desk.record()}>{words.again}</button>
      </div>
      <div class="answer-parts">
        <OverTime take={take} player={player} />
        <Passages assessment={assessment} onHear={hear} />
        <Diagnosis assessment={assessment} onHear={hear} />
        <Ladder assessment={assessment} />
        <p class="hint judged">{words.judgedBy(assessment.model.name.toUpperCase(), assessment.model.version)}</p>
      </div>
    </article>
  );
}

function Standing({ assessment }: { assessment: Assessment }): JSX.Element {
  const words = useWords();
  const { rank, comparisons } = assessment;
  const equal = comparisons.filter((one) => one.outcome === "equivalent").length;
  return rank.of > 0 ? <p class="standing">{words.standing(rank.better_than, equal, rank.of)}</p> : <></>;
}

/** The pieces that it is compared with. */
function piecesOf(assessment: Assessment, words: Words): string {
  const names = assessment.comparisons.map(({ reference }) => pieceName(words, reference.piece, reference.title));
  return [...new Set(names)].join(" · ");
}

function pieceTold(assessment: Assessment, words: Words): string {
  const { piece } = assessment;
  if (!piece) return "";
  if (piece.name === null) return words.unknownPiece;
  const reference = assessment.comparisons.find((one) => one.reference.piece === piece.name)?.reference;
  const name = reference ? pieceName(words, piece.name, reference.title) : piece.name;
  return piece.how === "recognised" ? words.recognised(name) : name;
}

export function OverTime({ take, player }: { take: Take; player?: { current: Player | null } }): JSX.Element {
  const words = useWords();
  const dark = useDark();
  const assessment = take.assessment!;
  return (
    <section aria-labelledby="over-time">
      <h2 id="over-time">{words.overTime}</h2>
      {take.audio ? (
        <>
          <Waveform audio={take.audio} assessment={assessment} dark={dark} {...(player ? { player } : {})} />
          <p class="hint">
            {words.overTimeHint}
            {attentionVaries(assessment) && (
              <> <span class="attention-key" aria-hidden="true" /> {words.attention}</>
            )}
          </p>
        </>
      ) : (
        <p class="hint">{words.noAudio}</p>
      )}
    </section>
  );
}

function Passages({
  assessment,
  onHear,
}: {
  assessment: Assessment;
  onHear: Hear | null;
}): JSX.Element {
  const words = useWords();
  const all = [
    ...assessment.strongest.map((passage) => ({ passage, strong: true })),
    ...assessment.weakest.map((passage) => ({ passage, strong: false })),
  ];
  return (
    <section aria-labelledby="passages">
      <h2 id="passages">{words.passages}</h2>
      {all.length === 0 && <p>{words.even}</p>}
      <ul class="passages">
        {all.map(({ passage, strong }) => {
          const from = minutes(passage.start_s);
          const to = minutes(passage.end_s);
          return (
            <li key={passage.start_s} class={strong ? "strong" : "weak"}>
              <span class="mark" aria-hidden="true">{strong ? "▲" : "▼"}</span>
              <span>
                <strong>{strong ? words.strongest(from, to) : words.weakest(from, to)}</strong>
                <span class="hint">{passageTold(passage, strong, assessment, words)}</span>
              </span>
              {onHear && (
                <button type="button" class="play" aria-label={words.hear(from, to)} onClick={() => onHear(passage.start_s, passage.end_s)}>
                  <svg viewBox="0 0 24 24" aria-hidden="true"><path d="M8 5v14l11-7z" /></svg>
                </button>
              )}
            </li>
          );
        })}
      </ul>
    </section>
  );
}

/** Its rating, and how far that is from the whole; the whole may lie beyond all of its passages, and is left out then. */
function passageTold(passage: Passage, strong: boolean, assessment: Assessment, words: Words): string {
  const rating = points(passage.rating);
  const above = Number(rating) - Number(points(assessment.rating));
  if (strong && above > 0) return words.above(rating, String(above));
  if (!strong && above < 0) return words.below(rating, String(-above));
  return words.rated(rating);
}
