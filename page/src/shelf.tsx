// One's past takes: the curve of their ratings, and the list to open, compare and delete them.

import type { JSX } from "preact";
import { useContext, useEffect, useRef, useState } from "preact/hooks";
import { useTakeName } from "./answer";
import { stepBack } from "./arrive";
import { Curve } from "./curve";
import type { Desk } from "./desk";
import type { Take } from "./takes";
import { levelName, points, Spoken, useWords, when } from "./words/words";

const MIN_FOR_CURVE = 2;
// Safari's "tracking prevention" deletes what a page keeps, after a week without a visit to it.
const FORGETS = navigator.vendor.startsWith("Apple");

export function Shelf({ desk, areKept }: { desk: Desk; areKept: boolean }): JSX.Element {
  const words = useWords();
  const [ticked, setTicked] = useState<string[]>([]);
  if (desk.takes.length === 0) return <Removed desk={desk} />;
  const judged = desk.takes.filter((take) => take.assessment);
  const chosen = judged.filter((take) => ticked.includes(take.id));
  const tick = (id: string) =>
    setTicked(ticked.includes(id) ? ticked.filter((other) => other !== id) : [...ticked, id].slice(-2));
  const [first, second] = chosen;
  const kept = FORGETS ? words.takesForgotten : words.takesHint;
  return (
    <section class="shelf" aria-labelledby="shelf">
      <header>
        <h2 id="shelf">{words.yourTakes}</h2>
        <p class={areKept ? "hint" : "hint warn"}>{areKept ? kept : words.takesLost}</p>
      </header>
      <Removed desk={desk} />
      {judged.length >= MIN_FOR_CURVE && <Curve takes={judged} />}
      <ul class="takes">
        {[...desk.takes].reverse().map((take) => (
          <Row
            key={take.id}
            desk={desk}
            take={take}
            tick={judged.length > 1 && take.assessment ? () => tick(take.id) : null}
            isTicked={ticked.includes(take.id)}
          />
        ))}
      </ul>
      {judged.length > 1 && (
        <div class="compare">
          <button
            type="button"
            class="action"
            disabled={!second}
            onClick={() => first && second && void desk.compare(first, second)}
          >
            {words.compareTwo}
          </button>
          {!second && <span class="hint">{words.compareHint}</span>}
        </div>
      )}
    </section>
  );
}

/** A take that has just gone, and the way to have it again: a tap on a phone soon hits the wrong button. */
function Removed({ desk }: { desk: Desk }): JSX.Element {
  const words = useWords();
  const nameOf = useTakeName();
  const button = useRef<HTMLButtonElement>(null);
  const { removed } = desk;
  useEffect(() => button.current?.focus(), [removed]);
  if (!removed) return <></>;
  const putBack = () => {
    stepBack(button.current);
    void desk.putBack(removed);
  };
  return (
    <p class="hint removed">
      <span>{words.removed(nameOf(removed))}</span>
      <button type="button" class="link" ref={button} onClick={putBack}>{words.putBack}</button>
    </p>
  );
}

interface RowProps {
  desk: Desk;
  take: Take;
  tick: (() => void) | null;
  isTicked: boolean;
}

function Row({ desk, take, tick, isTicked }: RowProps): JSX.Element {
  const words = useWords();
  const language = useContext(Spoken);
  const name = useTakeName()(take);
  const { assessment } = take;
  return (
    <li>
      {tick ? (
        <input type="checkbox" checked={isTicked} onChange={tick} aria-label={words.compareTick(name)} />
      ) : (
        <span />
      )}
      <span class="take-rating">{assessment ? points(assessment.rating) : "–"}</span>
      <span class="take-name">
        {assessment ? (
          <button type="button" class="link" onClick={() => desk.open(take)}>{name}</button>
        ) : (
          <span>{name}</span>
        )}
        <span class="hint">
          {assessment ? levelName(words, assessment.level) : words.unsent}
          {!take.recorded && ` · ${when(language, take.at)}`}
        </span>
      </span>
      {!assessment && take.audio && (
        <button type="button" class="quiet" onClick={() => void desk.send(take)}>{words.sendAgain}</button>
      )}
      <button type="button" class="remove" aria-label={words.remove(name)} onClick={() => void desk.remove(take)}>
        <svg viewBox="0 0 24 24" aria-hidden="true"><path d="M6 7.4 7.4 6 12 10.6 16.6 6 18 7.4 13.4 12 18 16.6 16.6 18 12 13.4 7.4 18 6 16.6 10.6 12z" /></svg>
      </button>
    </li>
  );
}
