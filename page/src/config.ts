// How this page was set up: by config.json beside it, which the stack provides.

export interface SignIn {
  authorize: string;
  token: string;
  client_id: string;
  scope: string;
}

export interface Config {
  /** Origin of the API; empty where it is the page's own. */
  api: string;
  sign_in: SignIn | null;
}

const SAME_ORIGIN: Config = { api: "", sign_in: null };

export async function readConfig(): Promise<Config> {
  try {
    const answer = await fetch("config.json", { cache: "no-cache" });
    return answer.ok ? { ...SAME_ORIGIN, ...(await answer.json()) } : SAME_ORIGIN;
  } catch {
    return SAME_ORIGIN; // off line: takes of before can still be looked at
  }
}
