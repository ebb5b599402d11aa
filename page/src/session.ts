// Signing in by the hosted login of the stack: authorization code with PKCE. The token is kept in memory and nowhere
// else, until it ends or the page is left.

import type { SignIn } from "./config";
import { base64url, random } from "./random";
import { Refusal } from "./refusal";
import { recall, remember } from "./storage";

const PENDING = "pkai-sign-in";

interface Pending {
  state: string;
  verifier: string;
}

export class Session {
  private held: { token: string; endsAt: number } | null = null;

  constructor(private readonly how: SignIn | null) {}

  get isNeeded(): boolean {
    return this.how !== null && this.token() === null;
  }

  get isSignedIn(): boolean {
    return this.token() !== null;
  }

  token(): string | null {
    if (this.held && Date.now() >= this.held.endsAt) this.held = null;
    return this.held?.token ?? null;
  }

  forget(): void {
    this.held = null;
  }

  /** Leave for the hosted login; it comes back to this page. */
  async leave(): Promise<void> {
    if (!this.how) return;
    const pending: Pending = { state: random(), verifier: random() };
    remember("sessionStorage", PENDING, JSON.stringify(pending));
    const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(pending.verifier));
    const asked = new URLSearchParams({
      response_type: "code",
      client_id: this.how.client_id,
      redirect_uri: here(),
      scope: this.how.scope,
      state: pending.state,
      code_challenge: base64url(new Uint8Array(digest)),
      code_challenge_method: "S256",
    });
    location.assign(`${this.how.authorize}?${asked}`);
  }

  /** Take the code that the hosted login came back with, if it did, and change it for a token. */
  async arrive(): Promise<void> {
    const came = new URLSearchParams(location.search);
    if (!this.how || !(came.has("code") || came.has("error"))) return;
    const kept = recall("sessionStorage", PENDING);
    remember("sessionStorage", PENDING, null);
    history.replaceState(null, "", location.pathname); // neither the code nor the state stays in the history
    const pending = kept ? (JSON.parse(kept) as Pending) : null;
    const code = came.get("code");
    if (!code || !pending || came.get("state") !== pending.state) throw new Refusal("sign_in_failed");
    const answer = await fetch(this.how.token, {
      method: "POST",
      body: new URLSearchParams({
        grant_type: "authorization_code",
        client_id: this.how.client_id,
        redirect_uri: here(),
        code,
        code_verifier: pending.verifier,
      }),
    }).catch(() => null);
    const told = answer?.ok ? ((await answer.json()) as { access_token?: string; expires_in?: number }) : null;
    if (!told?.access_token) throw new Refusal("sign_in_failed");
    this.held = { token: told.access_token, endsAt: Date.now() + (told.expires_in ?? 300) * 1000 };
  }
}

function here(): string {
  return location.origin + location.pathname;
}
