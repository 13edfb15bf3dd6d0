import { FlotillaError, type Prng, type RpcError } from '../../../src/base/index.js';
import type { MemberId } from '../../../src/ports/index.js';
import type { RaftCore, RaftMessage, Restored } from '../../../src/raft/index.js';
import { SafetyViolation } from './sim-checks.js';
import { startDirect } from './sim-direct.js';
import type { EngineParts, SimEngine } from './sim-engine.js';
import { startGroup } from './sim-group.js';
import type { SimHost } from './sim-host.js';
import { SimProcess } from './sim-process.js';
import type { Answer, Question } from './sim-requests.js';
import { SimStorage } from './sim-storage.js';

/** One member with its process, its disk and its clock, through all its lives. */
export class SimMember {
  readonly id: MemberId;
  /** Where it lives. */
  readonly node: string;
  readonly process: SimProcess;
  readonly storage: SimStorage;
  /** Of the present life, or the last one. */
  core: RaftCore | undefined;
  private engine: SimEngine | undefined;
  /** Its disk cannot be used any more: it will not come back under this id. */
  isLost = false;
  private readonly host: SimHost;
  private readonly random: Prng;
  private readonly founding: Restored | undefined;
  private readonly clockRate: number;
  private readonly clockOffsetMs: number;
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

  /** What its state machine has applied. */
  get appliedIndex(): number {
    return this.engine?.appliedIndex ?? 0;
  }

  stateHash(): string {
    return this.engine?.stateHash() ?? '';
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
  }

  receive(from: MemberId, message: RaftMessage): void {
    if (this.isReady) this.engine?.receive(from, message);
  }

  ask(question: Question, answer: (answer: Answer) => void): void {
    if (this.isReady) this.engine?.ask(question, answer);
  }

  proposeHere(command: Uint8Array, settle: (settled: Uint8Array | RpcError) => void): void {
    if (this.isReady) this.engine?.proposeHere(command, settle);
  }

  /** Appends a command of nobody, if this member leads; for the caller to pump. */
  propose(): boolean {
    return this.isReady && this.engine?.propose() === true;
  }

  /** A read for the checks alone. */
  probe(mode: 'lease' | 'linearizable'): void {
    this.ask({ type: 'read', mode, key: 'noise' }, () => undefined);
  }

  snapshot(keep: number): void {
    if (this.isReady) this.engine?.snapshot(keep);
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

  /** Carries out what was done to the core. */
  pump(): void {
    if (this.isReady) this.engine?.pump();
  }

  private async boot(life: number): Promise<void> {
    const isAlive = () => this.process.life === life;
    try {
      await this.storage.suffer();
      const engine = await (this.host.hasGroups ? startGroup : startDirect)(this.partsOf(isAlive));
      if (isAlive()) this.run(engine);
    } catch (error) {
      if (isAlive()) this.notStarted(error);
    }
  }

  private run(engine: SimEngine): void {
    if (this.storage.mustRefuse) throw new SafetyViolation(`member ${this.id} starts from a damaged log`);
    this.engine = engine;
    this.core = engine.core;
    this.isReady = true;
    engine.pump();
  }

  private partsOf(isAlive: () => boolean): EngineParts {
    const { id, node, host, process, storage, founding, clockRate } = this;
    return {
      id,
      node,
      host,
      process,
      storage,
      founding,
      random: this.random.fork(`life ${process.life}`),
      nowMs: () => this.nowMs,
      worldMsUntil: (localMs) => (localMs - this.nowMs) / clockRate,
      isAlive,
      fail: () => this.fail(),
    };
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

  /** A disk error ends the process: nothing may be acknowledged any more. */
  private fail(): void {
    this.crash(this.random.chance(0.5) ? 'power' : 'process');
    this.host.diskFailed(this.id);
  }
}
