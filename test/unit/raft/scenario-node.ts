import { Prng } from '../../../src/base/index.js';
import type { HardState, LogEntry, MemberId, SnapshotMeta } from '../../../src/ports/index.js';
import {
  type Effects,
  type MessageAfterPersist,
  type Persist,
  RaftCore,
  type RaftMessage,
  type RaftOptions,
  type ReadId,
  type Restored,
} from '../../../src/raft/index.js';
import { describeEvent, describePersist } from './scenario-format.js';

/** One member of a scenario: the core, a disk whose writes can be held back, and a state machine that is a list. */
export class ScenarioNode {
  readonly id: MemberId;
  core: RaftCore;
  /** Writes wait for `sync` when set. */
  isDiskManual = false;
  /** Writes count as durable and are not: what `memFirst` risks. */
  isDiskMemory = false;
  /** Texts of the applied commands. */
  applied: string[] = [];
  private readonly options: Partial<RaftOptions>;
  private readonly send: (from: MemberId, message: RaftMessage) => void;
  private readonly print: (line: string) => void;
  private readonly snapshots: SnapshotShelf;
  private hardState: HardState;
  private snapshot: SnapshotMeta | undefined;
  private entries: LogEntry[];
  private writes: Persist[] = [];
  private waiting: { readonly sequence: number; readonly messages: readonly MessageAfterPersist[] }[] = [];
  private durableSequence = 0;
  private lives = 0;
  /** Reads of this life by name; they go on counting over restarts. */
  private readonly reads = new Map<ReadId, string>();
  private readCount = 0;

  constructor(o: {
    id: MemberId;
    restored: Restored;
    options: Partial<RaftOptions>;
    nowMs: number;
    snapshots: SnapshotShelf;
    send: (from: MemberId, message: RaftMessage) => void;
    print: (line: string) => void;
  }) {
    this.id = o.id;
    this.options = o.options;
    this.send = o.send;
    this.print = o.print;
    this.snapshots = o.snapshots;
    this.hardState = o.restored.hardState;
    this.snapshot = o.restored.snapshot;
    this.entries = [...o.restored.entries];
    if (this.snapshot !== undefined) this.snapshots.put(this.snapshot, []);
    this.core = this.start(o.nowMs);
  }

  /** Loses what was not synced and every message that waited for it. */
  restart(nowMs: number): void {
    this.writes = [];
    this.waiting = [];
    this.reads.clear();
    this.durableSequence = 0;
    this.applied = this.snapshot === undefined ? [] : [...this.snapshots.get(this.snapshot)];
    this.core = this.start(nowMs);
    this.pump(nowMs);
  }

  /** Carries out what the core asks for until it asks for nothing more. */
  pump(nowMs: number): void {
    for (;;) {
      const effects = this.core.drain();
      this.carryOut(effects);
      if (effects.persist === undefined || this.isDiskManual) return;
      this.sync(nowMs, 1);
    }
  }

  /** Finishes the oldest `count` writes. */
  sync(nowMs: number, count = Number.POSITIVE_INFINITY): void {
    const done = this.writes.splice(0, count);
    if (!this.isDiskMemory) for (const write of done) this.store(write);
    const last = done.at(-1);
    if (last === undefined) return;
    this.durableSequence = last.sequence;
    this.release();
    this.core.persisted(last.sequence, nowMs);
    this.pump(nowMs);
  }

  /** A read was begun: `a` for the first. */
  asked(id: ReadId): void {
    this.reads.set(id, String.fromCharCode(97 + this.readCount));
    this.readCount += 1;
  }

  /** Makes a snapshot of what is applied. */
  takeSnapshot(): SnapshotMeta {
    const meta = this.core.snapshotMeta(this.core.status().applied);
    if (meta === undefined) throw new Error('there is no state to make a snapshot of');
    this.snapshots.put(meta, this.applied);
    this.snapshot = meta;
    this.core.snapshotSaved(meta);
    return meta;
  }

  /** Drops what the disk need not hold any more. */
  compact(): void {
    const to = this.core.compact(this.snapshot?.index ?? this.core.status().applied);
    this.entries = this.entries.filter((entry) => entry.index > to);
  }

  /** The log on the disk: `index/term`. */
  diskLog(): string {
    return this.entries.map((entry) => `${entry.index}/${entry.term}`).join(' ');
  }

  private start(nowMs: number): RaftCore {
    this.lives += 1;
    const random = new Prng(`${this.id}/${this.lives}`);
    const restored = { hardState: this.hardState, snapshot: this.snapshot, entries: this.entries };
    return new RaftCore({ id: this.id, random, nowMs, options: this.options }, restored);
  }

  private carryOut(effects: Effects): void {
    for (const event of effects.events) this.print(`${this.id} ${describeEvent(event)}`);
    for (const read of effects.readStates) {
      const name = this.reads.get(read.id) ?? 'nobody asked for';
      const answer = read.index === undefined ? `refused: ${read.refused}` : `may see ${read.index}`;
      this.print(`${this.id} read ${name} ${answer}`);
    }
    for (const message of effects.sendNow) this.send(this.id, message);
    if (effects.persist !== undefined) {
      this.writes.push(effects.persist);
      if (this.isDiskManual) this.print(`${this.id} ${describePersist(effects.persist)}`);
    }
    if (effects.sendAfterPersist.messages.length > 0) this.waiting.push(effects.sendAfterPersist);
    this.release();
    this.apply(effects);
  }

  private apply({ apply }: Effects): void {
    if (apply.snapshot !== undefined) {
      this.applied = [...this.snapshots.get(apply.snapshot)];
      this.core.applied(apply.snapshot.index);
      this.print(`${this.id} restores snapshot ${apply.snapshot.index}`);
    }
    for (const entry of apply.entries) {
      if (entry.type !== 'commands') continue;
      const text = new TextDecoder().decode(entry.data);
      this.applied.push(text);
      this.print(`${this.id} applies ${entry.index} ${text}`);
    }
    const last = apply.entries.at(-1);
    if (last !== undefined) this.core.applied(last.index);
  }

  private release(): void {
    while (this.waiting[0] !== undefined && this.waiting[0].sequence <= this.durableSequence) {
      for (const message of this.waiting.shift()?.messages ?? []) this.send(this.id, message);
    }
  }

  private store({ snapshot, entries, hardState }: Persist): void {
    if (snapshot !== undefined) {
      this.snapshot = snapshot;
      this.entries = [];
    }
    const first = entries[0];
    if (first !== undefined) this.entries = [...this.entries.filter((entry) => entry.index < first.index), ...entries];
    if (hardState !== undefined) this.hardState = hardState;
  }
}

/** The bytes of snapshots, by what they stand for: stands in for the transfer. */
export class SnapshotShelf {
  private readonly states = new Map<string, readonly string[]>();

  put({ index, term }: SnapshotMeta, state: readonly string[]): void {
    this.states.set(`${index}/${term}`, [...state]);
  }

  get({ index, term }: SnapshotMeta): readonly string[] {
    return this.states.get(`${index}/${term}`) ?? [];
  }
}
