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

interface Schema extends DBSchema {
  takes: { key: string; value: Take };
}

export class Takes {
  // The browser had no room for these; the page has them until it is left.
  private readonly unkept = new Set<string>();

  private constructor(
    private readonly database: IDBPDatabase<Schema> | null,
    private takes: Take[],
  ) {}

  /** Read what is there; a browser that keeps nothing gives takes that last until the page is left. */
  static async open(): Promise<Takes> {
    try {
      const database = await openDB<Schema>("pkai", 1, {
        upgrade: (fresh) => void fresh.createObjectStore("takes", { keyPath: "id" }),
      });
      const takes = await database.getAll("takes");
      return new Takes(database, takes.sort((a, b) => a.at - b.at));
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
    await this.database?.put("takes", take).then(
      () => this.unkept.delete(take.id),
      () => this.unkept.add(take.id),
    );
    await this.makeRoom();
  }

  async remove(id: string): Promise<void> {
    this.takes = this.takes.filter((take) => take.id !== id);
    this.unkept.delete(id);
    await this.database?.delete("takes", id);
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
