// Two takes side by side.

import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { useTakeName } from "./answer";
import type { PairAssessment } from "./contract";
import { arriveAt } from "./arrive";
import type { Desk } from "./desk";
import { Dial } from "./dial";
import { useDark } from "./scheme";
import type { Take } from "./takes";
import { Waveform } from "./waveform";
import { percent, useWords } from "./words/words";

interface Props {
  desk: Desk;
  takes: [Take, Take];
  pair: PairAssessment | null;
}

export function Pair({ desk, takes, pair }: Props): JSX.Element {
  const words = useWords();
  const nameOf = useTakeName();
  const dark = useDark();
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => arriveAt(heading.current), []);
  const better = pair && pair.outcome === "worse" ? takes[1] : takes[0];
  const told = !pair
    ? words.byRating
    : pair.outcome === "equivalent"
      ? words.equallyGood
      : words.firstBetter(nameOf(better), percent(Math.max(pair.p_better, 1 - pair.p_better)));
  return (
    <article class="pair" aria-labelledby="pair">
      <header class="answer-head">
        <button type="button" class="quiet back" onClick={desk.toStage}>{words.back}</button>
        <h1 id="pair" ref={heading} tabIndex={-1}>{told}</h1>
      </header>
      <div class="pair-takes">
        {takes.map((take) => (
          <section key={take.id} class={pair && pair.outcome !== "equivalent" && take === better ? "better" : ""}>
            <div class="pair-head">
              <h2>{nameOf(take)}</h2>
              <Dial assessment={take.assessment!} />
            </div>
            {take.audio && <Waveform audio={take.audio} assessment={take.assessment!} dark={dark} />}
          </section>
        ))}
      </div>
    </article>
  );
}
