import type { Prng } from '../../../src/base/index.js';
import type { LogEntry, MemberId, SnapshotMeta } from '../../../src/ports/index.js';
import {
  type Effects,
  type MessageAfterPersist,
  type Persist,
  RaftCore,
  type RaftMessage,
  type ReadId,
  type ReadMode,
} from '../../../src/raft/index.js';
import { SAFETY_RULES } from '../../../src/raft/rules.js';
import type { Watched } from './sim-checks.js';
import type { SimDisk, SimState } from './sim-disk.js';
import type { SimHost } from './sim-host.js';

/** One member with its disk, its clock and its state machine, driven as a real driver would. */
export class SimMember {
  readonly id: MemberId;
  readonly machine: string;
  readonly disk: SimDisk;
  isUp = false;
  /** Its disk finishes nothing. */
  isDiskHung = false;
  core!: RaftCore;
  state: SimState = { index: 0, hash: 0 };
  private watched!: Watched;
  private readonly world: SimHost;
  private readonly random: Prng;
  private readonly clockRate: number;
  private readonly clockOffsetMs: number;
  private life = 0;
  private writes: { readonly persist: Persist; readonly state: SimState | undefined }[] = [];
  private isWriting = false;
  private waiting: { readonly sequence: number; readonly messages: readonly MessageAfterPersist[] }[] = [];
  private durable = 0;
  private wakeAtMs = Number.POSITIVE_INFINITY;
  private reads = new Map<ReadId, { readonly mustSee: number; readonly mode: ReadMode }>();
  private received = new Map<SnapshotMeta, SimState>();

  constructor(world: SimHost, id: MemberId, machine: string, disk: SimDisk) {
    this.world = world;
    this.id = id;
    this.machine = machine;
    this.disk = disk;
    this.random = world.random.fork(`member ${id} on ${machine}`);
    this.clockRate = 1 + this.random.float() * (world.options.clockDriftMax - 1) * 0.99;
    this.clockOffsetMs = this.random.float() * 10_000;
  }

  /** The member's own monotonic clock, which runs at its own rate. */
  get nowMs(): number {
    return this.clockOffsetMs + this.world.nowMs * this.clockRate;
  }

  start(): void {
    this.life += 1;
    this.isUp = true;
    this.durable = 0;
    this.state = this.disk.state;
    const { restored } = this.disk;
    const { faults, options, rules } = this.world;
    const hardState = faults.forgetVote ? { ...restored.hardState, vote: undefined } : restored.hardState;
    const parts = { id: this.id, random: this.random.fork(`life ${this.life}`), nowMs: this.nowMs, options };
    this.core = new RaftCore(parts, { ...restored, hardState }, { ...SAFETY_RULES, ...rules });
    this.watched = { id: this.id, core: this.core, commit: 0, ledTerm: 0 };
    this.pump();
  }

  /** Loses the writes under way, but perhaps for a part of the first. */
  crash(): void {
    const first = this.writes[0];
    if (first !== undefined) this.disk.storeTorn(first.persist, this.random.int(first.persist.entries.length + 1));
    this.isUp = false;
    this.life += 1;
    this.writes = [];
    this.isWriting = false;
    this.waiting = [];
    this.reads.clear();
    this.received.clear();
    this.wakeAtMs = Number.POSITIVE_INFINITY;
  }

  receive(from: MemberId, message: RaftMessage, state: SimState | undefined): void {
    if (!this.isUp) return;
    if (message.type === 'installSnapshot' && state !== undefined) this.received.set(message.meta, state);
    this.core.step(from, message, this.nowMs);
    this.pump();
  }

  propose(payload: Uint8Array): boolean {
    const { isAccepted } = this.core.propose([payload], this.nowMs);
    this.pump();
    return isAccepted;
  }

  read(mode: ReadMode): void {
    const mustSee = this.world.checks.committedTo;
    const id = this.core.readIndex(mode, this.nowMs);
    this.reads.set(id, { mustSee, mode });
    const before = this.world.counts.reads;
    this.pump();
    if (mode === 'lease' && this.world.counts.reads > before) this.world.counts.leaseReads += 1;
  }

  snapshot(keep: number): void {
    if (this.state.index <= (this.disk.snapshot?.index ?? 0)) return;
    const meta = this.core.snapshotMeta(this.state.index as never);
    if (meta === undefined) return;
    this.disk.save(meta, this.state);
    this.core.snapshotSaved(meta);
    this.disk.compact(this.core.compact(Math.max(0, meta.index - keep) as never));
  }

  /** Drains and carries out; call after every input. */
  pump(): void {
    const effects = this.core.drain();
    this.world.checks.look(this.watched, effects);
    for (const message of effects.sendNow) this.world.send(this.id, message);
    this.persist(effects);
    this.apply(effects);
    for (const read of effects.readStates) {
      const asked = this.reads.get(read.id);
      this.reads.delete(read.id);
      if (asked !== undefined && read.index !== undefined) {
        this.world.checks.read(this.id, read.index, asked.mustSee, asked.mode);
        this.world.counts.reads += 1;
      }
    }
    for (const event of effects.events) this.world.heard(this.id, event);
    this.arm();
  }

  private persist({ persist, sendAfterPersist }: Effects): void {
    if (sendAfterPersist.messages.length > 0) this.waiting.push(sendAfterPersist);
    if (persist !== undefined) {
      const { snapshot } = persist;
      this.writes.push({ persist, state: snapshot === undefined ? undefined : this.received.get(snapshot) });
      if (this.world.faults.ackEarly) this.acknowledge(persist.sequence);
      this.write();
    }
    this.release();
  }

  /** One write at a time; each takes its time. */
  private write(): void {
    if (this.isWriting || this.writes.length === 0) return;
    this.isWriting = true;
    const { life } = this;
    this.world.after(this.world.diskDelayMs(), () => this.written(life));
  }

  private written(life: number): void {
    if (life !== this.life) return;
    this.isWriting = false;
    if (this.isDiskHung) {
      this.isWriting = true;
      this.world.after(20, () => this.written(life));
      return;
    }
    const done = this.writes.shift();
    if (done === undefined) return;
    this.disk.store(done.persist, done.state);
    this.write();
    if (!this.world.faults.ackEarly) this.acknowledge(done.persist.sequence);
  }

  private acknowledge(sequence: number): void {
    this.durable = sequence;
    this.release();
    this.core.persisted(sequence, this.nowMs);
    this.pump();
  }

  private release(): void {
    while (this.waiting[0] !== undefined && this.waiting[0].sequence <= this.durable) {
      for (const message of this.waiting.shift()?.messages ?? []) {
        this.world.checks.sent(this.id, message);
        this.world.send(this.id, message);
        if (message.type === 'voteReply') this.world.voted(this.id);
      }
    }
  }

  private apply({ apply }: Effects): void {
    if (apply.snapshot !== undefined) {
      this.state = this.disk.state;
      this.world.checks.applied(this.id, this.state);
      this.core.applied(apply.snapshot.index);
    }
    for (const entry of apply.entries) {
      this.state = { index: entry.index, hash: hashOf(this.state.hash, entry) };
      this.world.checks.applied(this.id, this.state);
    }
    const last = apply.entries.at(-1);
    if (last !== undefined) this.core.applied(last.index);
  }

  /** Wakes up when the core has something to do. */
  private arm(): void {
    const dueMs = (this.core.nextDeadlineMs() - this.clockOffsetMs) / this.clockRate;
    if (dueMs >= this.wakeAtMs || dueMs === Number.POSITIVE_INFINITY) return;
    const { life } = this;
    this.wakeAtMs = Math.max(dueMs, this.world.nowMs);
    this.world.after(this.wakeAtMs - this.world.nowMs + 0.001, () => {
      if (life !== this.life) return;
      this.wakeAtMs = Number.POSITIVE_INFINITY;
      this.core.tick(this.nowMs);
      this.pump();
    });
  }
}

function hashOf(before: number, { index, term, data }: LogEntry): number {
  let hash = Math.imul(before ^ index, 0x01000193) ^ term;
  for (const byte of data) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash;
}
