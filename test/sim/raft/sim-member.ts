import { FlotillaError, type Prng } from '../../../src/base/index.js';
import type { MemberId } from '../../../src/ports/index.js';
import {
  type AfterPersist,
  type Effects,
  RaftCore,
  type RaftMessage,
  type Restored,
  restored,
} from '../../../src/raft/index.js';
import { SAFETY_RULES } from '../../../src/raft/rules.js';
import { type Applied, SimApplier } from './sim-applier.js';
import { SafetyViolation, type Watched } from './sim-checks.js';
import type { SimHost } from './sim-host.js';
import { SimKv } from './sim-kv.js';
import { SimProcess } from './sim-process.js';
import type { Answer, Question } from './sim-requests.js';
import { SimService } from './sim-service.js';
import { type Found, SimStorage } from './sim-storage.js';

/** One member with its disk, its clock and its state machine, driven as a real driver would. */
export class SimMember {
  readonly id: MemberId;
  /** Where it lives. */
  readonly node: string;
  readonly process: SimProcess;
  readonly storage: SimStorage;
  /** Of the present life, or the last one. */
  core: RaftCore | undefined;
  kv: SimKv;
  /** Its disk cannot be used any more: it will not come back under this id. */
  isLost = false;
  private readonly host: SimHost;
  private readonly random: Prng;
  private readonly founding: Restored | undefined;
  private readonly clockRate: number;
  private readonly clockOffsetMs: number;
  private service!: SimService;
  private applier!: SimApplier;
  private watched!: Watched;
  private waiting: AfterPersist[] = [];
  private durable = 0;
  private wakeAtMs = Number.POSITIVE_INFINITY;
  private isReady = false;
  private receiving: { readonly untilMs: number } | undefined;

  constructor(host: SimHost, id: MemberId, node: string, founding: Restored | undefined) {
    this.host = host;
    this.id = id;
    this.node = node;
    this.founding = founding;
    this.process = new SimProcess(host.events);
    this.random = host.random.fork(`member ${id} on ${node}`);
    this.storage = new SimStorage(this.process, this.random.fork('disk'), host.counts, () => host.diskDelayMs());
    this.kv = new SimKv(false);
    this.clockRate = 1 + this.random.float() * (host.options.clockDriftMax - 1) * 0.99;
    this.clockOffsetMs = this.random.float() * 10_000;
  }

  /** The member's own monotonic clock, which runs at its own rate. */
  get nowMs(): number {
    return this.clockOffsetMs + this.host.events.nowMs * this.clockRate;
  }

  /** Started and running. */
  get isLive(): boolean {
    return this.process.isUp && this.isReady;
  }

  get isLeading(): boolean {
    return this.isLive && this.core?.status().role === 'leader';
  }

  start(): void {
    this.process.begin();
    this.host.counts.starts += 1;
    this.host.events.track(this.boot(this.process.life));
  }

  /** The power fails, or only the process ends: then the kernel keeps what was written. */
  crash(kind: 'power' | 'process' = 'power'): void {
    if (kind === 'power') this.storage.disk.crash();
    else this.storage.disk.kill();
    this.process.end();
    this.isReady = false;
    this.receiving = undefined;
    this.waiting = [];
    this.durable = 0;
    this.wakeAtMs = Number.POSITIVE_INFINITY;
  }

  receive(from: MemberId, message: RaftMessage): void {
    if (!this.isReady) return;
    this.core?.step(from, message, this.nowMs);
    this.pump();
  }

  ask(question: Question, answer: (answer: Answer) => void): void {
    if (this.isReady) this.service.ask(question, answer);
  }

  /** Appends a command of nobody, if this member leads; for the caller to pump. */
  propose(): boolean {
    return this.isReady && this.service.proposeNoise();
  }

  /** A read for the checks alone. */
  probe(mode: 'lease' | 'linearizable'): void {
    if (this.isReady) this.service.ask({ type: 'read', mode, key: 'noise' }, () => undefined);
  }

  snapshot(keep: number): void {
    if (this.isReady) this.applier.snapshot(keep);
  }

  /** Says who may send a snapshot now: one at a time, for at most so long. */
  receiveSnapshot(forMs: number): object | undefined {
    const { nowMs } = this.host.events;
    if (this.receiving !== undefined && this.receiving.untilMs > nowMs) return undefined;
    this.receiving = { untilMs: nowMs + forMs };
    return this.receiving;
  }

  isReceiving(ticket: object): boolean {
    return this.receiving === ticket;
  }

  endReceiving(ticket: object): void {
    if (this.receiving === ticket) this.receiving = undefined;
  }

  /** Drains and carries out; call after every input. */
  pump(): void {
    const { core, host } = this;
    if (core === undefined || !this.isReady) return;
    const effects = core.drain();
    host.checks.look(this.watched, effects);
    for (const message of effects.sendNow) {
      if (message.type === 'installSnapshot') host.sendSnapshot(this.id, message);
      else host.send(this.id, message);
    }
    this.persist(effects);
    this.applier.add(effects.apply);
    for (const read of effects.readStates) this.service.readState(read);
    for (const event of effects.events) host.heard(this.id, event);
    this.arm();
  }

  private async boot(life: number): Promise<void> {
    const kv = new SimKv(this.host.faults.skipsDeduplication === true);
    try {
      const found = await this.storage.open(this.founding, kv.machine);
      const { meta } = found.snapshot ?? {};
      if (meta !== undefined) await kv.machine.restore(this.storage.snapshots.read(meta));
      if (life === this.process.life) this.begin(kv, found);
    } catch (error) {
      if (life === this.process.life) this.notStarted(error);
    }
  }

  private begin(kv: SimKv, { log, snapshot }: Found): void {
    const { faults, options, rules, checks } = this.host;
    const meta = snapshot?.meta;
    const found = restored(log, meta);
    const hardState = faults.forgetsVote === true ? { ...found.hardState, vote: undefined } : found.hardState;
    const random = this.random.fork(`life ${this.process.life}`);
    const parts = { id: this.id, random, nowMs: this.nowMs, options };
    this.kv = kv;
    kv.restored(meta?.index ?? 0);
    if (meta !== undefined) checks.state(this.id, meta.index, kv.machine.stateHash());
    this.core = new RaftCore(parts, { ...found, hardState }, { ...SAFETY_RULES, ...rules });
    checks.restarted(this.id, hardState, this.core.status().lastIndex);
    this.watched = { id: this.id, core: this.core, commit: 0, ledTerm: 0 };
    this.service = new SimService(this, this.core, this.host);
    this.applier = new SimApplier(this.life(this.core, kv), this.host);
    this.isReady = true;
    this.pump();
  }

  private life(core: RaftCore, kv: SimKv): Applied {
    const { life } = this.process;
    const { id, storage } = this;
    return { id, core, kv, storage, isAlive: () => this.process.life === life, pump: () => this.pump() };
  }

  private notStarted(error: unknown): void {
    if (!(error instanceof FlotillaError)) throw error;
    this.crash();
    if (error.code === 'DISK_FAILED' || error.code === 'DISK_FULL') {
      this.host.diskFailed(this.id);
      return;
    }
    if (!this.storage.wasHarmed) throw new SafetyViolation(`member ${this.id} refuses a good disk: ${error.message}`);
    this.isLost = true;
    this.host.lost(this.id);
  }

  private persist({ persist, sendAfterPersist }: Effects): void {
    if (sendAfterPersist.messages.length > 0) this.waiting.push(sendAfterPersist);
    if (persist !== undefined) {
      const { sequence } = persist;
      const { life } = this.process;
      const isEarly = this.host.faults.acknowledgesEarly === true;
      this.host.events.stir();
      this.storage.log.write(persist, (error) => {
        if (life !== this.process.life) return;
        if (error !== undefined) this.fail();
        else if (!isEarly) this.acknowledge(sequence);
      });
      if (isEarly) this.process.setTimer(0, () => this.acknowledge(sequence));
    }
    this.release();
  }

  /** A disk error ends the process: nothing may be acknowledged any more. */
  private fail(): void {
    this.crash(this.random.chance(0.5) ? 'power' : 'process');
    this.host.diskFailed(this.id);
  }

  private acknowledge(sequence: number): void {
    this.durable = Math.max(this.durable, sequence);
    this.release();
    this.core?.persisted(sequence, this.nowMs);
    this.pump();
  }

  private release(): void {
    while (this.waiting[0] !== undefined && this.waiting[0].sequence <= this.durable) {
      for (const message of this.waiting.shift()?.messages ?? []) {
        this.host.checks.sent(this.id, message);
        this.host.send(this.id, message);
        if (message.type === 'voteReply') this.host.voted(this.id);
      }
    }
  }

  /** Wakes up when the core has something to do. */
  private arm(): void {
    if (this.core === undefined) return;
    const { nowMs } = this.host.events;
    const dueMs = (this.core.nextDeadlineMs() - this.clockOffsetMs) / this.clockRate;
    if (dueMs >= this.wakeAtMs || dueMs === Number.POSITIVE_INFINITY) return;
    const { life } = this.process;
    this.wakeAtMs = Math.max(dueMs, nowMs);
    this.host.events.after(this.wakeAtMs - nowMs + 0.001, () =>
      this.process.enter(life, () => {
        this.wakeAtMs = Number.POSITIVE_INFINITY;
        this.core?.tick(this.nowMs);
        this.pump();
      }),
    );
  }
}
