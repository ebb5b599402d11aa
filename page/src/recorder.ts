// The microphone: a recording of what is played, and how loud and how high it is while it is played.

import { Refusal } from "./refusal";

const BITS_PER_SECOND = 96_000;
const LOWEST_DB = -60;
const FFT_SIZE = 8192;
const PART_MS = 1000;
// A microphone that is taken for so long, by a call or another page, is not given back.
const MAX_MUTED_MS = 1000;

const WAY_OF_NAME: Record<string, string> = {
  NotAllowedError: "microphone_refused",
  SecurityError: "microphone_refused",
  NotFoundError: "no_microphone",
  OverconstrainedError: "no_microphone",
  NotReadableError: "microphone_busy",
  AbortError: "microphone_busy",
};

export class Recorder {
  private readonly parts: Blob[] = [];
  private readonly samples: Float32Array<ArrayBuffer>;
  readonly spectrum: Float32Array<ArrayBuffer>;
  readonly startedAt = performance.now();
  /** What was recorded, once it has ended: by `end`, or because the microphone went away. Null if it was discarded. */
  readonly recorded: Promise<Blob | null>;
  private isDiscarded = false;

  private constructor(
    private readonly stream: MediaStream,
    private readonly media: MediaRecorder,
    private readonly context: AudioContext,
    private readonly analyser: AnalyserNode,
    onPart: (part: Blob, n: number) => void,
  ) {
    this.samples = new Float32Array(2048);
    this.spectrum = new Float32Array(analyser.frequencyBinCount);
    media.ondataavailable = (event) => onPart(event.data, this.parts.push(event.data));
    this.recorded = new Promise((resolve) => {
      media.onstop = () => {
        this.letGo();
        resolve(this.isDiscarded ? null : new Blob(this.parts, { type: media.mimeType.split(";")[0] || "audio/webm" }));
      };
    });
    for (const track of stream.getAudioTracks()) {
      track.onmute = () => setTimeout(() => track.muted && this.end(), MAX_MUTED_MS);
    }
    context.onstatechange = () => {
      if (!this.isHeard && context.state !== "closed") void context.resume().catch(() => undefined);
    };
    media.start(PART_MS);
  }

  /** Whether `level` and `spectrum` are of now: a phone may suspend what they are made by, and still record. */
  get isHeard(): boolean {
    return this.context.state === "running";
  }

  /**
   * Ask for the microphone and begin. What browsers do to voices would spoil a piano, so it is switched off. Each
   * records in the format that it plays best. `onPart` is given what was recorded, second by second, counted from 1.
   */
  static async begin(onPart: (part: Blob, n: number) => void): Promise<Recorder> {
    if (!window.isSecureContext) throw new Refusal("not_secure");
    if (!navigator.mediaDevices?.getUserMedia || typeof MediaRecorder === "undefined") {
      throw new Refusal("no_microphone");
    }
    const stream = await navigator.mediaDevices
      .getUserMedia({ audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } })
      .catch((reason: DOMException) => {
        throw new Refusal(WAY_OF_NAME[reason.name] ?? "no_microphone", reason.message);
      });
    try {
      const context = new AudioContext();
      const analyser = new AnalyserNode(context, { fftSize: FFT_SIZE, smoothingTimeConstant: 0.55 });
      context.createMediaStreamSource(stream).connect(analyser);
      const media = new MediaRecorder(stream, { audioBitsPerSecond: BITS_PER_SECOND });
      return new Recorder(stream, media, context, analyser, onPart);
    } catch (reason) {
      stop(stream);
      throw reason;
    }
  }

  get durationS(): number {
    return (performance.now() - this.startedAt) / 1000;
  }

  get hzPerBin(): number {
    return this.context.sampleRate / FFT_SIZE;
  }

  /** Loudness now, from 0, nothing, to 1, as loud as can be recorded. */
  level(): number {
    this.analyser.getFloatTimeDomainData(this.samples);
    const power = this.samples.reduce((sum, sample) => sum + sample * sample, 0) / this.samples.length;
    return Math.max(0, 1 - (10 * Math.log10(power + 1e-12)) / LOWEST_DB);
  }

  /** Fill `spectrum` with the decibels of each bin now. */
  listen(): void {
    this.analyser.getFloatFrequencyData(this.spectrum);
  }

  /** Let go of the microphone; `recorded` then gives what was recorded. */
  end(): void {
    if (this.media.state !== "inactive") this.media.stop();
  }

  /** End it, and let nothing of it remain. */
  discard(): void {
    this.isDiscarded = true;
    this.end();
  }

  private letGo(): void {
    stop(this.stream);
    void this.context.close();
  }
}

function stop(stream: MediaStream): void {
  stream.getTracks().forEach((track) => track.stop());
}
