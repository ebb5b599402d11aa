// Why something could not be done, by a stable code that `words` tells in people's language.

const WAY_OF_STATUS: Record<number, string> = {
  401: "signed_out",
  403: "signed_out",
  429: "busy",
  502: "busy",
  503: "busy",
  504: "busy",
};

const WAY_OF_CODE: Record<string, string> = {
  unsupported_audio: "wrong_file",
  unsupported_media_type: "wrong_file",
  no_audio_stream: "wrong_file",
  empty_recording: "wrong_file",
  truncated_recording: "cut_file",
  recording_too_short: "too_short",
  recording_too_long: "too_long",
  recording_too_large: "too_large",
  request_too_large: "too_large",
  silent_recording: "too_quiet",
  not_configured: "no_uploads",
};

export class Refusal extends Error {
  constructor(
    readonly code: string,
    readonly told = "",
    readonly retryAfterS: number | null = null,
  ) {
    super(told || code);
  }

  /** Whether the same recording may well be taken later. */
  get mayPass(): boolean {
    return ["network", "busy", "slow", "signed_out", "unknown"].includes(this.code);
  }

  static of(status: number, body: unknown, retryAfterS: number | null = null): Refusal {
    const error = (body as { error?: { code?: string; message?: string } } | null)?.error;
    const code = (error?.code && WAY_OF_CODE[error.code]) || WAY_OF_STATUS[status] || "unknown";
    return new Refusal(code, error?.message ?? "", retryAfterS);
  }

  static from(reason: unknown): Refusal {
    if (reason instanceof Refusal) return reason;
    return new Refusal("unknown", reason instanceof Error ? reason.message : String(reason));
  }
}
