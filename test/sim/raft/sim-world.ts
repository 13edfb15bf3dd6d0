import { DeadlineHeap, nodeId, Prng } from '../../../src/base/index.js';
import type { MemberId } from '../../../src/ports/index.js';
import {
  bootstrap,
  type ClusterConfig,
  joining,
  memberId,
  RAFT_DEFAULTS,
  type RaftEvent,
  type RaftMessage,
  type RaftOptions,
} from '../../../src/raft/index.js';
import type { SafetyRules } from '../../../src/raft/rules.js';
import { SimChecks } from './sim-checks.js';
import { SimDisk, type SimState } from './sim-disk.js';
import type { DriverFaults, SimHost } from './sim-host.js';
import { SimMember } from './sim-member.js';

export interface WorldOptions {
  readonly seed: number;
  readonly faults?: DriverFaults;
  readonly rules?: Partial<SafetyRules>;
}

/** Machines there are; members live on them. */
export const MACHINES = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7'] as const;

/**
 * A whole group in one loop of events: virtual time, a network that loses, delays, repeats, reorders and cuts, disks
 * that take their time. Everything is drawn from the seed.
 */
export class SimWorld implements SimHost {
  readonly random: Prng;
  readonly checks = new SimChecks();
  readonly options: RaftOptions;
  readonly faults: DriverFaults;
  readonly rules: Partial<SafetyRules>;
  readonly members = new Map<MemberId, SimMember>();
  readonly counts = {
    events: 0,
    messages: 0,
    reads: 0,
    leaseReads: 0,
    elections: 0,
    configs: 0,
    snapshots: 0,
    proposals: 0,
  };
  /** One-way cuts, `from>to`. */
  readonly cuts = new Set<string>();
  /** The last configuration that was committed. */
  config: ClusterConfig;
  nowMs = 0;
  /** Nothing goes wrong but that leaders come and go as fast as they can (see `SimFaults`). */
  readonly isDuel: boolean;
  /** A member's vote leaves. */
  onVote: (member: SimMember) => void = () => undefined;
  /** A member became leader. */
  onLeader: (member: SimMember) => void = () => undefined;
  /** Faults of the network are off in the end. */
  isCalm = false;
  private readonly queue = new DeadlineHeap<() => void>();
  private readonly net: Prng;
  private readonly disks: Prng;
  private readonly loss: number;
  private readonly repeats: number;
  private readonly delayMsMax: number;
  private readonly diskMsMax: number;

  constructor(o: WorldOptions) {
    this.random = new Prng(o.seed);
    this.faults = o.faults ?? {};
    this.rules = o.rules ?? {};
    this.net = this.random.fork('net');
    this.disks = this.random.fork('disks');
    const shape = this.random.fork('shape');
    this.isDuel = shape.chance(0.3);
    this.loss = this.isDuel || shape.chance(0.3) ? 0 : shape.float() * 0.15;
    this.repeats = shape.float() * 0.1;
    const isFast = this.isDuel || shape.chance(0.5);
    this.delayMsMax = 2 + shape.float() * (isFast ? 5 : 40);
    this.diskMsMax = 0.5 + shape.float() * (isFast ? 5 : 30);
    this.options = {
      ...RAFT_DEFAULTS,
      electionTimeoutMs: 150,
      heartbeatIntervalMs: 30,
      clockDriftMax: 1.2,
      diskStallMs: 400,
      appendBytesMax: this.isDuel || shape.chance(0.5) ? 1 : 4096,
      inFlightBytesMax: 4096,
      inFlightEntriesMax: shape.chance(0.4) ? 1 : 1 + shape.int(64),
    };
    const size = this.isDuel ? 5 : 3 + shape.int(3);
    const restored = bootstrap(MACHINES.slice(0, size).map(nodeId));
    const core = MACHINES.slice(0, size);
    this.config = {
      members: [],
      voters: core.map((_, at) => memberId(at + 1)),
      outgoing: [],
      learners: [],
      learnersNext: [],
    };
    for (const [at, machine] of core.entries()) this.add(memberId(at + 1), machine, new SimDisk(restored));
  }

  after(delayMs: number, run: () => void): void {
    this.queue.add(this.nowMs + delayMs, run);
  }

  /** Runs until `untilMs`, or until `isDone`. */
  run(untilMs: number, isDone: () => boolean = () => false): void {
    while (this.queue.nextMs() <= untilMs && !isDone()) {
      const next = this.queue.pop();
      if (next === undefined) break;
      this.nowMs = Math.max(this.nowMs, next.deadlineMs);
      this.counts.events += 1;
      next.value();
    }
    if (!isDone()) this.nowMs = untilMs;
  }

  send(id: MemberId, message: RaftMessage): void {
    const from = this.member(id);
    this.counts.messages += 1;
    const copies = this.chance(this.repeats) ? 2 : 1;
    const state = message.type === 'installSnapshot' ? from.disk.state : undefined;
    for (let copy = 0; copy < copies; copy += 1) {
      const isLost = this.chance(this.loss);
      this.after(this.netDelayMs(), () => this.deliver(from, message, state, isLost));
    }
  }

  diskDelayMs(): number {
    return this.disks.chance(0.02) ? this.diskMsMax * 8 : this.disks.float() * this.diskMsMax;
  }

  voted(voter: MemberId): void {
    this.onVote(this.member(voter));
  }

  /** What members say about themselves. */
  heard(from: MemberId, event: RaftEvent): void {
    const member = this.member(from);
    if (event.type === 'becameLeader') {
      this.counts.elections += 1;
      this.onLeader(member);
    }
    if (event.type !== 'configCommitted') return;
    this.counts.configs += 1;
    if (member.core.status().role === 'leader') this.config = event.config;
    // A node learns the id under which it joins only when the entry that added it is committed: before, another
    // leader's entry at the same index may add another node.
    for (const { id, node } of event.config.members) {
      if (!this.members.has(id)) this.add(id, node, new SimDisk(joining()));
    }
  }

  live(): SimMember[] {
    return [...this.members.values()].filter((member) => member.isUp);
  }

  leader(): SimMember | undefined {
    return this.live()
      .filter((member) => member.core.status().role === 'leader')
      .sort((a, b) => b.core.status().term - a.core.status().term)[0];
  }

  private add(id: MemberId, machine: string, disk: SimDisk): void {
    const member = new SimMember(this, id, machine, disk);
    this.members.set(id, member);
    member.start();
  }

  private member(id: MemberId): SimMember {
    return this.members.get(id) as SimMember;
  }

  private deliver(from: SimMember, message: RaftMessage, state: SimState | undefined, isLost: boolean): void {
    const target = this.members.get(message.to);
    const isCut = this.cuts.has(`${from.id}>${message.to}`);
    const arrives = !isLost && !isCut && target?.isUp === true;
    if (arrives) target.receive(from.id, message, state);
    if (message.type !== 'installSnapshot' || !from.isUp) return;
    this.counts.snapshots += 1;
    from.core.snapshotSent(message.to, arrives, from.nowMs);
    from.pump();
  }

  private netDelayMs(): number {
    if (this.isCalm) return 1 + this.net.float();
    return this.net.chance(0.01) ? this.delayMsMax * 20 : 0.2 + this.net.float() * this.delayMsMax;
  }

  private chance(probability: number): boolean {
    return !this.isCalm && this.net.chance(probability);
  }
}
