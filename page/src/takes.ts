// One's takes, which stay in this browser: the recordings with what was said of them.

import { type DBSchema, type IDBPDatabase, openDB } from "idb";
import type { Assessment } from "./contract";

// Recordings beyond these are dropped, the oldest first; what was said of them stays.
const MAX_KEPT_RECORDINGS = 30;
const MAX_KEPT_BYTES = 200e6;

export interface Take {
  id: string;
  at: number;
  name: string;
  piece: string | null;
  recorded: boolean;
  audio: Blob | null;
  assessment: Assessment | null;
}

/** A second of a recording that goes on: if the page is left before it ends, this is what is left of it. */
export interface Part {
  take: string;
  n: number;
  at: number;
  piece: string | null;
  audio: Blob;
}

interface Schema extends DBSchema {
  takes: { key: string; value: Take };
  parts: { key: [string, number]; value: Part };
}

/** What a recording made here is called as a file. */
export function nameOf(audio: Blob): string {
  return `take.${audio.type.includes("mp4") ? "m4a" : audio.type.includes("ogg") ? "ogg" : "webm"}`;
}

/** Hold this while a take is recorded, so that other tabs leave its parts alone; ends what is held. */
export function holdParts(take: string): () => void {
  let end = () => {};
  void navigator.locks?.request(lockOf(take), () => new Promise<void>((resolve) => (end = resolve)));
  return () => end();
}

function lockOf(take: string): string {
  return `recording-${take}`;
}

function connect(): Promise<IDBPDatabase<Schema>> {
  return new Promise((resolve, reject) => {
    openDB<Schema>("pkai", 2, {
      upgrade: (database, before) => {
        if (before < 1) database.createObjectStore("takes", { keyPath: "id" });
        database.createObjectStore("parts", { keyPath: ["take", "n"] });
      },
      blocked: () => reject(new Error("an older page is open in another tab")),
      blocking: (_, __, event) => (event.target as IDBDatabase).close(), // the older one is this
    }).then(resolve, reject);
  });
}

export class Takes {
  // The browser had no room for these; the page has them until it is left.
  private readonly unkept = new Set<string>();

  private isAsked = false;

  private constructor(
    private database: IDBPDatabase<Schema> | null,
    private takes: Take[],
  ) {}

  /**
   * Read what is there; a browser that keeps nothing gives takes that last until the page is left. Recordings that never
   * ended are taken up if they have so many parts.
   */
  static async open(leastParts: number): Promise<Takes> {
    try {
      const database = await connect();
      const read = await database.getAll("takes");
      const takes = new Takes(database, read.sort((a, b) => a.at - b.at));
      await takes.takeUp(await database.getAll("parts"), leastParts);
      return takes;
    } catch {
      return new Takes(null, []);
    }
  }

  /** Whether they are still there after the page was left. */
  get areKept(): boolean {
    return this.database !== null && this.unkept.size === 0;
  }

  /** The oldest first. */
  all(): readonly Take[] {
    return this.takes;
  }

  async put(take: Take): Promise<void> {
    this.takes = [...this.takes.filter((other) => other.id !== take.id), take].sort((a, b) => a.at - b.at);
    const isKept = await this.write((database) => database.put("takes", take));
    if (isKept) this.unkept.delete(take.id);
    else this.unkept.add(take.id);
    if (isKept && !this.isAsked) {
      this.isAsked = true;
      void navigator.storage?.persist?.().catch(() => false); // else a browser that lacks room drops them first
    }
    await this.makeRoom();
  }

  async remove(id: string): Promise<void> {
    this.takes = this.takes.filter((take) => take.id !== id);
    this.unkept.delete(id);
    await this.write((database) => database.delete("takes", id));
  }

  /** Keep a part of a recording that goes on. */
  async putPart(part: Part): Promise<void> {
    await this.write((database) => database.put("parts", part));
  }

  /** Let go of the parts of a recording that has ended. */
  async removeParts(take: string): Promise<void> {
    await this.write((database) => database.delete("parts", IDBKeyRange.bound([take, 0], [take, Infinity])));
  }

  /** Make takes of recordings that never ended: the page was left, by a swipe, an update or an empty battery. */
  private async takeUp(parts: Part[], leastParts: number): Promise<void> {
    const running = (await navigator.locks?.query().catch(() => null))?.held?.map((lock) => lock.name) ?? [];
    for (const id of new Set(parts.map((part) => part.take))) {
      const own = parts.filter((part) => part.take === id); // in their order, as the keys are
      if (running.includes(lockOf(id))) continue; // in another tab
      const [first] = own;
      if (first && own.length >= leastParts && !this.takes.some((take) => take.id === id)) {
        const { at, piece, audio } = first;
        const type = audio.type.split(";")[0]!;
        const whole = new Blob(own.map((part) => part.audio), { type });
        await this.put({ id, at, name: nameOf(whole), piece, recorded: true, audio: whole, assessment: null });
      }
      await this.removeParts(id);
    }
  }

  /** Whether something could be written. Browsers on phones lose the connection at times; then it is made anew. */
  private async write(act: (database: IDBPDatabase<Schema>) => Promise<unknown>): Promise<boolean> {
    if (!this.database) return false;
    try {
      await act(this.database);
      return true;
    } catch {
      try {
        this.database = await connect();
        await act(this.database);
        return true;
      } catch {
        return false;
      }
    }
  }

  private async makeRoom(): Promise<void> {
    let kept = 0;
    let bytes = 0;
    for (const take of [...this.takes].reverse()) {
      if (!take.audio) continue;
      kept += 1;
      bytes += take.audio.size;
      if ((kept > MAX_KEPT_RECORDINGS || bytes > MAX_KEPT_BYTES) && take.assessment) {
        await this.put({ ...take, audio: null });
        return;
      }
    }
  }
}
