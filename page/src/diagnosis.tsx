// What was heard of each family of flaws, where it is worst, and how to practise it.

import type { JSX } from "preact";
import type { Assessment, Finding } from "./contract";
import type { Hear } from "./waveform";
import { minutes, useWords } from "./words/words";

interface Props {
  assessment: Assessment;
  onHear: Hear | null;
}

export function Diagnosis({ assessment, onHear }: Props): JSX.Element {
  const words = useWords();
  const { diagnosis } = assessment;
  if (!diagnosis || diagnosis.length === 0) return <></>;
  // One scale for all families: the same severity is as dark in each row, and a little of it is never black.
  const most = Math.max(1, ...diagnosis.flatMap((one) => one.over_time));
  const heard = diagnosis.filter((one) => one.extent !== "none").sort((a, b) => b.cost - a.cost);
  const named = (found: Finding[]) => found.map((one) => words.families[one.family] ?? one.family).join(" · ");
  const sound = diagnosis.filter((one) => one.judged && one.extent === "none");
  const unjudged = diagnosis.filter((one) => !one.judged);
  return (
    <section aria-labelledby="diagnosis">
      <h2 id="diagnosis">{words.diagnosis}</h2>
      {heard.length === 0 && <p>{words.flawless}</p>}
      <ul class="findings">
        {heard.map((one) => (
          <Flaw key={one.family} finding={one} most={most} assessment={assessment} onHear={onHear} />
        ))}
      </ul>
      {sound.length > 0 && heard.length > 0 && <p class="hint">{words.sound(named(sound))}</p>}
      {unjudged.length > 0 && <p class="hint">{words.unjudged(named(unjudged))}</p>}
    </section>
  );
}

function Flaw({ finding, most, assessment, onHear }: { finding: Finding; most: number } & Props): JSX.Element {
  const words = useWords();
  const name = words.families[finding.family] ?? finding.family;
  const everywhere = finding.passages.length === 0;
  return (
    <li class={`finding ${finding.extent}`}>
      <p class="finding-head">
        <strong>{name}</strong>
        <span class="extent">{words.extents[finding.extent]}</span>
      </p>
      <Severity finding={finding} most={most} assessment={assessment} label={words.severity(name)} />
      <p>{words.finding(finding.family, finding.extent, everywhere, finding.sentence)}</p>
      <p class="finding-places">
        {finding.passages.map(({ start_s, end_s }) => {
          const [from, to] = [minutes(start_s), minutes(end_s)];
          if (!onHear) return <span key={start_s} class="hint">{`${from}–${to}`}</span>;
          return (
            <button key={start_s} type="button" class="place" aria-label={words.hear(from, to)} onClick={() => onHear(start_s, end_s)}>
              <svg viewBox="0 0 24 24" aria-hidden="true"><path d="M8 5v14l11-7z" /></svg>
              {`${from}–${to}`}
            </button>
          );
        })}
      </p>
    </li>
  );
}

interface SeverityProps {
  finding: Finding;
  /** The severity that is darkest. */
  most: number;
  assessment: Assessment;
  label: string;
}

/** How bad it is along the recording: the darker, the worse. */
function Severity({ finding, most, assessment, label }: SeverityProps): JSX.Element {
  return (
    <svg class="severity" viewBox={`0 0 ${assessment.recording.duration_s} 1`} preserveAspectRatio="none" role="img" aria-label={label}>
      {assessment.timeline.map((point, i) => (
        <rect
          key={point.start_s}
          x={point.start_s}
          y={0}
          width={point.end_s - point.start_s}
          height={1}
          fill-opacity={(finding.over_time[i] ?? 0) / most}
        />
      ))}
    </svg>
  );
}
