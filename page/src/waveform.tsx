// The recording as a waveform coloured by its rating, to look at and to listen to.

import type { JSX } from "preact";
import { useEffect, useImperativeHandle, useRef, useState } from "preact/hooks";
import type { Ref } from "preact";
import type WaveSurfer from "wavesurfer.js";
import { colourOf, isPlaying, ratingAt } from "./colours";
import type { Assessment } from "./contract";
import { minutes, useWords } from "./words/words";

const HEIGHT = 96;
const BAR = 3;
const GAP = 1;
const STEP_S = 2;
// Of the mean. The attention of a short take often differs less from stretch to stretch, and the judge went by all of
// it then; drawn to its own extremes it would look as if the judge had chosen.
const MIN_ATTENTION_SPAN = 0.25;

/** Play a passage, from and to these seconds. */
export type Hear = (from: number, to: number) => void;

export interface Player {
  hear: Hear;
}

interface Props {
  audio: Blob;
  assessment: Assessment;
  dark: boolean;
  player?: Ref<Player>;
}

export function Waveform({ audio, assessment, dark, player }: Props): JSX.Element {
  const words = useWords();
  const frame = useRef<HTMLDivElement>(null);
  const surfer = useRef<WaveSurfer | null>(null);
  const [plays, setPlays] = useState(false);
  const [time, setTime] = useState(0);
  const [isPlayable, setIsPlayable] = useState(true);
  const duration = assessment.recording.duration_s;

  useEffect(() => {
    let gone = false;
    setIsPlayable(true);
    void draw(audio, assessment, dark).then(({ made, host }) => {
      if (gone || !frame.current) return made.destroy();
      frame.current.replaceChildren(host);
      surfer.current = made;
      made.on("play", () => setPlays(true));
      made.on("pause", () => setPlays(false));
      made.on("finish", () => setPlays(false));
      made.on("timeupdate", (now) => setTime(Math.round(now)));
      made.on("error", () => {
        if (made.getMediaElement()?.error) setIsPlayable(false);
      });
      void load(made, audio, duration);
    });
    return () => {
      gone = true;
      surfer.current?.destroy();
      surfer.current = null;
    };
  }, [audio, assessment, dark]);

  const cannot = () => setIsPlayable(false);
  const playPause = () => void surfer.current?.playPause().catch(cannot);
  useImperativeHandle(player ?? null, () => ({ hear: (from, to) => void surfer.current?.play(from, to).catch(cannot) }), []);

  const onKeyDown = (event: KeyboardEvent) => {
    const steps: Record<string, number> = { ArrowLeft: -STEP_S, ArrowRight: STEP_S };
    const made = surfer.current;
    if (!made) return;
    if (event.key in steps) made.setTime(Math.min(duration, Math.max(0, made.getCurrentTime() + steps[event.key]!)));
    else if (event.key === "Home") made.setTime(0);
    else if (event.key === " " || event.key === "Enter") playPause();
    else return;
    event.preventDefault();
  };

  return (
    <div class="waveform">
      <div
        ref={frame}
        class="waveform-frame"
        role="slider"
        tabIndex={0}
        aria-label={words.position}
        aria-valuemin={0}
        aria-valuemax={Math.round(duration)}
        aria-valuenow={time}
        aria-valuetext={`${minutes(time)} / ${minutes(duration)}`}
        onKeyDown={onKeyDown}
      />
      {attentionVaries(assessment) && <Attention assessment={assessment} />}
      <div class="waveform-foot">
        <button type="button" class="play" disabled={!isPlayable} onClick={playPause}>
          <svg viewBox="0 0 24 24" aria-hidden="true">
            <path d={plays ? "M7 5h4v14H7zM13 5h4v14h-4z" : "M8 5v14l11-7z"} />
          </svg>
          {plays ? words.pause : words.play}
        </button>
        <span class="time" aria-hidden="true">{`${minutes(time)} / ${minutes(duration)}`}</span>
        <Legend dark={dark} />
      </div>
      {!isPlayable && <p class="hint warn" role="status">{words.unplayable}</p>}
    </div>
  );
}

/** From the least to the most attention of any stretch. */
function attentionSpan(assessment: Assessment): [number, number] {
  const each = assessment.timeline.map((point) => point.attention);
  return [Math.min(...each), Math.max(...each)];
}

export function attentionVaries(assessment: Assessment): boolean {
  const [least, most] = attentionSpan(assessment);
  return most - least >= MIN_ATTENTION_SPAN;
}

/** What the judge went by, stretch by stretch, under the waveform: the darker, the more. The least still shows. */
function Attention({ assessment }: { assessment: Assessment }): JSX.Element {
  const words = useWords();
  const [least, most] = attentionSpan(assessment);
  const duration = assessment.recording.duration_s;
  return (
    <svg class="attention" viewBox={`0 0 ${duration} 1`} preserveAspectRatio="none" role="img" aria-label={words.attention}>
      {assessment.timeline.map((point) => (
        <rect
          key={point.start_s}
          x={point.start_s}
          y={0}
          width={point.end_s - point.start_s}
          height={1}
          fill-opacity={0.15 + (0.85 * (point.attention - least)) / (most - least)}
        />
      ))}
    </svg>
  );
}

function Legend({ dark }: { dark: boolean }): JSX.Element {
  const words = useWords();
  const steps = Array.from({ length: 9 }, (_, i) => (100 * i) / 8);
  return (
    <span class="legend">
      <span>{`${words.weaker} 0`}</span>
      <svg viewBox="0 0 9 1" preserveAspectRatio="none" aria-hidden="true">
        {steps.map((rating, i) => (
          <rect key={rating} x={i} y={0} width={1.05} height={1} fill={colourOf(rating, dark)} />
        ))}
      </svg>
      <span>{`100 ${words.stronger}`}</span>
    </span>
  );
}

async function draw(
  audio: Blob,
  assessment: Assessment,
  dark: boolean,
): Promise<{ made: WaveSurfer; host: HTMLDivElement }> {
  const { default: Surfer } = await import("wavesurfer.js");
  const host = document.createElement("div");
  const ink = dark ? "#efe8da" : "#22201c";
  const made = Surfer.create({
    container: host,
    height: HEIGHT,
    cursorColor: ink,
    cursorWidth: 2,
    dragToSeek: true,
    progressColor: dark ? "#ffffff59" : "#00000040",
    blobMimeType: audio.type,
    renderFunction: (channels, context) => drawBars(channels[0]!, context, assessment, dark),
  });
  adoptStyles(made);
  return { made, host };
}

/** The page allows no style element, which wavesurfer puts into its shadow; a style sheet object is none. */
function adoptStyles(made: WaveSurfer): void {
  const shadow = made.getWrapper().getRootNode() as ShadowRoot;
  for (const element of shadow.querySelectorAll("style")) {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(element.textContent ?? "");
    shadow.adoptedStyleSheets.push(sheet);
    element.remove();
  }
}

/**
 * Give it the recording, and its length, which one that this browser cannot play does not tell; what it cannot decode is
 * drawn as a line, coloured all the same.
 */
async function load(made: WaveSurfer, audio: Blob, duration: number): Promise<void> {
  try {
    await made.loadBlob(audio, undefined, duration);
  } catch {
    await made.loadBlob(audio, [new Float32Array(512).fill(0.3)], duration).catch(() => undefined);
  }
}

function drawBars(
  samples: Float32Array | number[],
  context: CanvasRenderingContext2D,
  assessment: Assessment,
  dark: boolean,
): void {
  const { width, height } = context.canvas;
  const ratio = window.devicePixelRatio || 1;
  const step = (BAR + GAP) * ratio;
  const bars = Math.max(1, Math.floor(width / step));
  const peaks = Array.from({ length: bars }, (_, bar) => peakOf(samples, bar, bars));
  const loudest = Math.max(1e-6, ...peaks);
  peaks.forEach((peak, bar) => {
    const time = ((bar + 0.5) / bars) * assessment.recording.duration_s;
    const tall = Math.max(2 * ratio, (peak / loudest) ** 0.8 * height * 0.96);
    context.globalAlpha = isPlaying(assessment, time) ? 1 : 0.3;
    context.fillStyle = colourOf(ratingAt(assessment, time), dark);
    context.beginPath();
    context.roundRect(bar * step, (height - tall) / 2, BAR * ratio, tall, BAR * ratio);
    context.fill();
  });
  context.globalAlpha = 1;
}

function peakOf(samples: Float32Array | number[], bar: number, bars: number): number {
  const from = Math.floor((bar / bars) * samples.length);
  const to = Math.max(from + 1, Math.floor(((bar + 1) / bars) * samples.length));
  let peak = 0;
  for (let i = from; i < to; i++) peak = Math.max(peak, Math.abs(samples[i]!));
  return peak;
}
