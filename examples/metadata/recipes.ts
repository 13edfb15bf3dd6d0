import type { Metadata } from 'flotilla-rpc';

// ANCHOR: change
/** Counts a key up by `steps`, whoever else does so at the same time. */
export async function countUp(metadata: Metadata, key: string, steps: number): Promise<void> {
  for (let done = 0; done < steps; ) {
    const entry = await metadata.get(key);
    const next = Number(entry?.text() ?? 0) + 1;
    // Of a key that is not there all numbers are 0.
    const { succeeded } = await metadata.txn({
      if: [{ key, modRevision: entry?.modRevision ?? 0 }],
      do: [{ put: key, value: String(next) }],
    });
    if (succeeded) done += 1;
  }
}
// ANCHOR_END: change

// ANCHOR: copy
/** A copy of all keys with a prefix, which follows their changes. */
export class ConfigCopy {
  private readonly keys = new Map<string, string>();
  private readonly ending = new AbortController();
  private following: Promise<void> = Promise.resolve();
  private changed: () => void = () => undefined;

  static async of(metadata: Metadata, prefix: string): Promise<ConfigCopy> {
    const copy = new ConfigCopy();
    let revision = 0;
    for await (const page of metadata.pages({ prefix })) {
      for (const entry of page.items) copy.keys.set(entry.key, entry.text());
      revision = page.revision;
    }
    // From the revision after the state that was read: nothing is missed, and nothing told twice.
    copy.following = copy.follow(metadata, prefix, revision + 1);
    return copy;
  }

  private async follow(metadata: Metadata, prefix: string, fromRevision: number): Promise<void> {
    for await (const { key, entry } of metadata.watch({ prefix }, { fromRevision, signal: this.ending.signal })) {
      if (entry === undefined) this.keys.delete(key);
      else this.keys.set(key, entry.text());
      this.changed();
    }
  }
  // ANCHOR_END: copy

  get text(): string {
    return [...this.keys].map(([key, value]) => `${key} is ${value}`).join(', ');
  }

  /** Resolves when the copy is as `isSo` wants it. */
  async until(isSo: (keys: ReadonlyMap<string, string>) => boolean): Promise<void> {
    while (!isSo(this.keys)) {
      await new Promise<void>((resolve) => {
        this.changed = resolve;
      });
    }
  }

  async close(): Promise<void> {
    this.ending.abort();
    await this.following;
  }
}

// ANCHOR: ledger
/** What a lock protects refuses every token that is smaller than one it has seen. */
export class Ledger {
  readonly lines: string[] = [];
  private newest = 0;

  /** False: the lock has passed on to somebody else since that token was given. */
  write(fencingToken: number, line: string): boolean {
    if (fencingToken < this.newest) return false;
    this.newest = fencingToken;
    this.lines.push(line);
    return true;
  }
}
// ANCHOR_END: ledger
