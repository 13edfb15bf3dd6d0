import { crc32 } from 'node:zlib';
import { decodeRequest } from '../../../src/kv/command-codec.js';
import { encodeRequest, KvMachine, singleKey } from '../../../src/kv/index.js';
import type { LogEntry } from '../../../src/ports/index.js';
import { type Answer, decodeBatch } from './sim-requests.js';

/** What is to be told when an entry is applied. */
export interface Proposed {
  readonly term: number;
  readonly answers: readonly ((answer: Answer) => void)[];
}

/** The state machine of one member, with those who wait for its answers. */
export class SimKv {
  readonly machine: KvMachine;
  /** Applied up to here. */
  index = 0;
  private readonly proposed = new Map<number, Proposed>();
  private readonly readers: { readonly index: number; readonly run: () => void }[] = [];

  constructor(skipsDeduplication: boolean) {
    this.machine = skipsDeduplication ? new ForgetfulMachine(crc32) : new KvMachine(crc32);
  }

  /** Waits for the entry at `index`, if it is that of `term`. */
  expect(index: number, proposed: Proposed): void {
    this.proposed.set(index, proposed);
  }

  apply(entry: LogEntry): void {
    const { index, term, type, data } = entry;
    const replies = type === 'commands' ? this.machine.apply(index, decodeBatch(data)) : [];
    this.index = index;
    const proposed = this.proposed.get(index);
    this.proposed.delete(index);
    for (const [at, answer] of (proposed?.answers ?? []).entries()) {
      const reply = replies[at];
      if (proposed?.term === term && reply !== undefined) answer({ type: 'written', reply });
      else answer({ type: 'refused' }); // another leader's entry stands where this one would have
    }
    this.wakeReaders();
  }

  /** Everything up to `index` came with a snapshot; whether waiting commands are in it nobody knows. */
  restored(index: number): void {
    this.index = index;
    for (const at of this.proposed.keys()) if (at <= index) this.proposed.delete(at);
    this.wakeReaders();
  }

  /** Runs `run` when everything up to `index` is applied. */
  whenApplied(index: number, run: () => void): void {
    if (index <= this.index) run();
    else this.readers.push({ index, run });
  }

  get(key: string): string | undefined {
    return storedValue(this.machine, key);
  }

  private wakeReaders(): void {
    for (let at = this.readers.length - 1; at >= 0; at -= 1) {
      const reader = this.readers[at];
      if (reader === undefined || reader.index > this.index) continue;
      this.readers.splice(at, 1);
      reader.run();
    }
  }
}

/** What a member's state has for a key. */
export function storedValue(machine: KvMachine, key: string): string | undefined {
  const range = singleKey(key);
  const op = { type: 'range', range, limit: 1, revision: 0, keysOnly: false, countOnly: false } as const;
  const [item] = machine.range(op).items;
  return item === undefined ? undefined : Buffer.from(item.value).toString();
}

/** A state machine without memory of what it executed: commands that come twice count twice. */
class ForgetfulMachine extends KvMachine {
  override apply(index: LogEntry['index'], commands: readonly Uint8Array[]): readonly Uint8Array[] {
    const unstamped = commands.map((bytes) => encodeRequest({ ...decodeRequest(bytes), session: undefined }));
    return super.apply(index, unstamped);
  }
}
