// The reference performances as the rungs of a ladder, with one's own place among them.

import type { JSX } from "preact";
import type { Assessment, Comparison } from "./contract";
import { levelName, percent, pieceName, points, useWords } from "./words/words";

const RUNGS_EACH_SIDE = 5;

export function Ladder({ assessment }: { assessment: Assessment }): JSX.Element {
  const words = useWords();
  if (assessment.comparisons.length === 0) return <></>;
  // Ratings end at 100, where the odds still tell who is better.
  const rungs = [...assessment.comparisons].sort(
    (a, b) => b.reference.rating - a.reference.rating || a.p_better - b.p_better,
  );
  const isAbove = ({ reference, p_better }: Comparison) =>
    reference.rating > assessment.rating || (reference.rating === assessment.rating && p_better < 0.5);
  const above = rungs.filter(isAbove).slice(-RUNGS_EACH_SIDE);
  const below = rungs.filter((one) => !isAbove(one)).slice(0, RUNGS_EACH_SIDE);
  const onePiece = new Set(rungs.map((one) => one.reference.piece)).size === 1;
  return (
    <section aria-labelledby="ladder">
      <h2 id="ladder">{words.ladder}</h2>
      <p class="hint rung-head" aria-hidden="true">{words.chanceHead}</p>
      <ol class="ladder">
        {above.map((one) => <Rung key={one.reference.name} comparison={one} onePiece={onePiece} />)}
        <li class="rung own">
          <span class="rung-rating">{points(assessment.rating)}</span>
          <span class="rung-name">{words.you}</span>
        </li>
        {below.map((one) => <Rung key={one.reference.name} comparison={one} onePiece={onePiece} />)}
      </ol>
    </section>
  );
}

function Rung({ comparison, onePiece }: { comparison: Comparison; onePiece: boolean }): JSX.Element {
  const words = useWords();
  const { reference, outcome, p_better } = comparison;
  const piece = pieceName(words, reference.piece, reference.title);
  const level = levelName(words, reference.level);
  return (
    <li class={`rung ${outcome}`}>
      <span class="rung-rating">{points(reference.rating)}</span>
      <span class="rung-name">
        {onePiece ? level : `${piece} · ${level}`}
        <span class="hint">{words.outcomes[outcome]}</span>
      </span>
      <span class="rung-chance">
        <span class="bar" aria-hidden="true"><span style={{ transform: `scaleX(${p_better.toFixed(3)})` }} /></span>
        <span class="rung-percent" aria-label={words.chance(percent(p_better))} role="img">{percent(p_better)}</span>
      </span>
    </li>
  );
}
