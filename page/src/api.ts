// Asking the service. Sending goes by XMLHttpRequest: fetch tells no progress of what is sent.

import type { Assessment, Found, PairAssessment, Reference, Upload } from "./contract";
import { Refusal } from "./refusal";

// On AWS a request is handed on in base64 and may have 6 MB then; what is larger goes by way of an upload.
export const MAX_DIRECT_BYTES = 4_000_000;
// A line may be as slow as it likes while something moves on it.
const MAX_STANDSTILL_MS = 45_000;
const MAX_ANSWER_MS = 120_000;
const MAX_PATIENCE_S = 10;
const N_TRIES = 3;
// How often an answer to an upload is asked for, where the service names no pause: ever less often, and not for ever.
const FIRST_POLL_S = 1;
const POLL_GROWTH = 1.25;
const MAX_POLL_S = 15;
const MAX_POLLING_MS = 5 * 60_000;

const TYPE_OF_SUFFIX: Record<string, string> = {
  mp3: "audio/mpeg",
  m4a: "audio/mp4",
  mp4: "video/mp4",
  mov: "video/quicktime",
  aac: "audio/aac",
  ogg: "audio/ogg",
  oga: "audio/ogg",
  opus: "audio/opus",
  webm: "audio/webm",
  flac: "audio/flac",
  wav: "audio/wav",
  aif: "audio/aiff",
  aiff: "audio/aiff",
};

export interface Sending {
  /** From 0 to 1, as it is sent; null while the service listens. */
  onProgress: (part: number | null) => void;
  /** Told when the service is busy and the same is asked again. */
  onWait: () => void;
  signal: AbortSignal;
}

interface Answer {
  status: number;
  body: unknown;
  retryAfterS: number | null;
}

export class Api {
  constructor(
    private readonly origin: string,
    private readonly token: () => string | null,
  ) {}

  async references(): Promise<Reference[]> {
    const answer = await this.ask("GET", "/v1/references", null, {}, null);
    return (answer.body as { references: Reference[] }).references;
  }

  /** Assess a recording, in the request itself or by way of an upload. */
  async assess(audio: Blob, name: string, piece: string | null, sending: Sending): Promise<Assessment> {
    const type = audioType(audio.type, name);
    if (audio.size > MAX_DIRECT_BYTES) return this.assessUpload(audio, type, piece, sending);
    const path = "/v1/assessments" + (piece ? `?piece=${encodeURIComponent(piece)}` : "");
    const answer = await this.patiently(sending, () =>
      this.ask("POST", path, audio, { "content-type": type ?? "application/octet-stream" }, sending),
    );
    return answer.body as Assessment;
  }

  /** Ask which of two recordings is played better; both must fit into one request. */
  async compare(first: Blob, second: Blob, sending: Sending): Promise<PairAssessment> {
    const body = JSON.stringify({ first: { base64: await base64(first) }, second: { base64: await base64(second) } });
    const answer = await this.patiently(sending, () => this.json("POST", "/v1/comparisons", body, sending));
    return answer.body as PairAssessment;
  }

  private async assessUpload(
    audio: Blob,
    type: string | null,
    piece: string | null,
    sending: Sending,
  ): Promise<Assessment> {
    const asked = JSON.stringify({ content_type: type ?? "audio/mpeg", ...(piece ? { piece } : {}) });
    const offered = (await this.patiently(sending, () => this.json("POST", "/v1/uploads", asked))).body as Upload;
    if (audio.size > offered.max_bytes) throw new Refusal("too_large");
    const form = new FormData();
    for (const [field, value] of Object.entries(offered.fields)) form.append(field, value);
    form.append("file", audio);
    await send("POST", offered.url, form, {}, sending).catch((reason: Refusal) => {
      throw reason.code === "signed_out" ? new Refusal("unknown", reason.told) : reason; // S3 knows no session
    });
    sending.onProgress(null);
    return this.answerAt(offered.assessment, sending);
  }

  /** Ask for the answer to an upload until it is there. */
  private async answerAt(path: string, sending: Sending): Promise<Assessment> {
    const giveUpAt = Date.now() + MAX_POLLING_MS;
    for (let pauseS = FIRST_POLL_S; Date.now() < giveUpAt; pauseS = Math.min(pauseS * POLL_GROWTH, MAX_POLL_S)) {
      const answer = await this.patiently(sending, () => this.ask("GET", path, null, {}, sending)).catch(unlessOffLine);
      const found = answer?.body as Found | undefined;
      if (found?.status === "done") return found.assessment;
      if (found?.status === "failed") throw Refusal.of(422, found);
      await pause(Math.max(pauseS, answer?.retryAfterS ?? 0), sending.signal);
    }
    throw new Refusal("slow");
  }

  private json(method: string, path: string, body: string, sending: Sending | null = null): Promise<Answer> {
    return this.ask(method, path, body, { "content-type": "application/json" }, sending);
  }

  private ask(
    method: string,
    path: string,
    body: XMLHttpRequestBodyInit | null,
    headers: Record<string, string>,
    sending: Sending | null,
  ): Promise<Answer> {
    const token = this.token();
    const signed = token ? { ...headers, authorization: `Bearer ${token}` } : headers;
    return send(method, this.origin + path, body, signed, sending);
  }

  /** Ask again where the service is busy, after the pause that it names. */
  private async patiently(sending: Sending, asking: () => Promise<Answer>): Promise<Answer> {
    for (let tried = 1; ; tried++) {
      try {
        return await asking();
      } catch (reason) {
        if (!(reason instanceof Refusal) || reason.code !== "busy" || tried === N_TRIES) throw reason;
        sending.onWait();
        await pause(Math.min(reason.retryAfterS ?? 2 ** tried, MAX_PATIENCE_S), sending.signal);
      }
    }
  }
}

/** The media type by which the service takes a file; null if neither the browser nor the suffix tells. */
export function audioType(type: string, name: string): string | null {
  const told = type.split(";")[0]!.trim().toLowerCase();
  const suffix = name.toLowerCase().split(".").pop() ?? "";
  const known = TYPE_OF_SUFFIX[suffix] ?? null;
  return Object.values(TYPE_OF_SUFFIX).includes(told) ? told : known;
}

function send(
  method: string,
  url: string,
  body: XMLHttpRequestBodyInit | null,
  headers: Record<string, string>,
  sending: Sending | null,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    if (sending?.signal.aborted) return reject(new Refusal("cancelled"));
    request.open(method, url);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    let timer = 0;
    const giveUpAfter = (ms: number, code: string) => {
      clearTimeout(timer);
      timer = setTimeout(() => (reject(new Refusal(code)), request.abort()), ms);
    };
    if (body === null) giveUpAfter(MAX_ANSWER_MS, "busy");
    else {
      giveUpAfter(MAX_STANDSTILL_MS, "network");
      request.upload.onprogress = (event) => {
        giveUpAfter(MAX_STANDSTILL_MS, "network");
        sending?.onProgress(event.total ? event.loaded / event.total : 0);
      };
      request.upload.onload = () => {
        giveUpAfter(MAX_ANSWER_MS, "busy");
        sending?.onProgress(null);
      };
    }
    const stop = () => request.abort();
    sending?.signal.addEventListener("abort", stop);
    request.onloadend = () => {
      clearTimeout(timer);
      sending?.signal.removeEventListener("abort", stop);
    };
    request.onerror = () => reject(new Refusal("network"));
    request.onabort = () => reject(new Refusal("cancelled"));
    request.onload = () => {
      const retryAfter = Number(request.getResponseHeader("retry-after") ?? NaN);
      const told: Answer = {
        status: request.status,
        body: parsed(request.responseText),
        retryAfterS: Number.isFinite(retryAfter) ? retryAfter : null,
      };
      if (told.status < 300) resolve(told);
      else reject(Refusal.of(told.status, told.body, told.retryAfterS));
    };
    request.send(body);
  });
}

/** What was received is judged, though a phone may lose its line meanwhile. */
function unlessOffLine(reason: Refusal): null {
  if (reason.code !== "network") throw reason;
  return null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function pause(seconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(new Refusal("cancelled"));
    const timer = setTimeout(resolve, seconds * 1000);
    signal.addEventListener("abort", () => (clearTimeout(timer), reject(new Refusal("cancelled"))), { once: true });
  });
}

function base64(blob: Blob): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).split(",", 2)[1] ?? "");
    reader.onerror = () => reject(new Refusal("wrong_file"));
    reader.readAsDataURL(blob);
  });
}
