// The rating as a dial: a hand at the rating, and the stretch where it likely lies.

import type { JSX } from "preact";
import type { Assessment } from "./contract";
import { levelName, points, useWords } from "./words/words";

const CENTRE = 130;
const RADIUS = 104;

/** Where a rating is on the half circle, `outwards` from its line. */
function place(rating: number, outwards = 0): [number, number] {
  const angle = Math.PI * (1 - rating / 100);
  const radius = RADIUS + outwards;
  return [CENTRE + radius * Math.cos(angle), CENTRE - radius * Math.sin(angle)];
}

function arc(from: number, to: number): string {
  const [x0, y0] = place(from);
  const [x1, y1] = place(to);
  return `M${x0.toFixed(2)} ${y0.toFixed(2)} A${RADIUS} ${RADIUS} 0 0 1 ${x1.toFixed(2)} ${y1.toFixed(2)}`;
}

export function Dial({ assessment }: { assessment: Assessment }): JSX.Element {
  const words = useWords();
  const [low, high] = assessment.rating_interval;
  const level = levelName(words, assessment.level);
  const [x, y] = place(assessment.rating);
  const told = words.dial(points(assessment.rating), points(low), points(high), level);
  return (
    <div class="dial" role="img" aria-label={told} data-rating={points(assessment.rating)}>
      <svg viewBox="0 0 260 150" aria-hidden="true">
        <path class="dial-track" d={arc(0, 100)} />
        <path class="dial-likely" d={arc(low, high)} />
        {[0, 20, 40, 60, 80, 100].map((rating) => {
          const [x0, y0] = place(rating, 12);
          const [x1, y1] = place(rating, 17);
          return <line key={rating} class="dial-tick" x1={x0} y1={y0} x2={x1} y2={y1} />;
        })}
        <circle class="dial-hand" cx={x} cy={y} r={9} />
        <text class="dial-rating" x={CENTRE} y={116} text-anchor="middle">
          {points(assessment.rating)}
        </text>
        <text class="dial-of" x={CENTRE} y={138} text-anchor="middle">
          {words.of100}
        </text>
      </svg>
      <p class="dial-level" aria-hidden="true">{level}</p>
      <p class="dial-told" aria-hidden="true">{words.likely(points(low), points(high))}</p>
    </div>
  );
}
