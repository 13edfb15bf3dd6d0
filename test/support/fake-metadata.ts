import { crc32 } from 'node:zlib';
import { decodeByteList, type NodeId, nodeId, RpcError } from '../../src/base/index.js';
import { GatheredReplies } from '../../src/drivers/metadata/gathered-replies.js';
import { type HistoryOptions, MetadataStore } from '../../src/drivers/metadata/index.js';
import { KvMachine } from '../../src/kv/index.js';
import {
  type Clock,
  type CommandSettle,
  type Consistency,
  type GroupId,
  type LeadershipView,
  type LogIndex,
  type ProposeOptions,
  type ReplicatedGroup,
  silentLogger,
  type Term,
} from '../../src/ports/index.js';

/**
 * Directors that agree without Raft: one log in memory, a leader that the test appoints, members that it stops and cuts
 * off. What is proposed is applied in the same turn.
 */
export class FakeCluster {
  readonly clock: Clock;
  readonly members: FakeMember[] = [];
  readonly log: Uint8Array[] = [];
  term = 1;
  leader: FakeMember | undefined;
  private readonly history: Partial<HistoryOptions>;

  constructor(clock: Clock, history: Partial<HistoryOptions> = {}) {
    this.clock = clock;
    this.history = history;
  }

  /** A member that has applied the log so far; the first one leads. */
  join(id: string): FakeMember {
    const member = new FakeMember(this, nodeId(id), this.history);
    this.members.push(member);
    if (this.members.length === 1) this.lead(member);
    else member.changed();
    return member;
  }

  /** Ends the leadership of whoever leads, and begins that of `member`. */
  lead(member: FakeMember | undefined): void {
    this.leader = member;
    this.term += 1;
    this.changed();
  }

  changed(): void {
    for (const member of this.members) member.changed();
  }
}

/** One director's part of a {@link FakeCluster}. */
export class FakeMember implements ReplicatedGroup {
  readonly id = 0 as GroupId;
  readonly node: NodeId;
  readonly machine = new KvMachine(crc32);
  readonly store: MetadataStore;
  appliedIndex = 0 as LogIndex;
  leadership: LeadershipView = { term: 0 as Term, leader: undefined, isLeading: false };
  /** How many commands it was given, by anybody. */
  proposals = 0;
  private readonly cluster: FakeCluster;
  private readonly listeners = new Set<(view: LeadershipView) => void>();
  private readonly waiting = new Set<() => void>();
  private isCutOff = false;
  private isPaused = false;
  private isSilent = false;
  private readonly swallowed: ((error: RpcError) => void)[] = [];

  constructor(cluster: FakeCluster, node: NodeId, history: Partial<HistoryOptions>) {
    this.cluster = cluster;
    this.node = node;
    const { clock } = cluster;
    this.store = new MetadataStore({ group: this, machine: this.machine, clock, logger: silentLogger, history });
  }

  /** It neither hears nor reaches the others. */
  cutOff(isCutOff: boolean): void {
    this.isCutOff = isCutOff;
    this.changed();
  }

  /** It stays where it is in the log. */
  pause(isPaused: boolean): void {
    this.isPaused = isPaused;
    this.changed();
  }

  /** It takes commands of others without an answer; those who wait are told so when that ends. */
  swallows(isSilent: boolean): void {
    this.isSilent = isSilent;
    for (const reject of this.swallowed.splice(0)) reject(RpcError.of('PROPOSAL_UNKNOWN', 'no answer'));
  }

  async propose(command: Uint8Array, options?: ProposeOptions): Promise<Uint8Array> {
    await this.until(() => this.reaches !== undefined, options?.timeoutMs);
    const leader = this.reaches as FakeMember;
    if (leader !== this && leader.isSilent) {
      return await new Promise<Uint8Array>((_, reject) => leader.swallowed.push(reject));
    }
    if (leader !== this) return await leader.store.proposeForwarded(command, options);
    return this.append(command);
  }

  submit(command: Uint8Array, _options: ProposeOptions | undefined, settle: CommandSettle): void {
    if (this.cluster.leader !== this) settle.reject(RpcError.of('NOT_LEADER', 'it does not lead'));
    else settle.resolve(this.append(command));
  }

  submitAll(commands: Uint8Array, _count: number, options: ProposeOptions | undefined, settle: CommandSettle): void {
    const list = decodeByteList(commands) ?? [];
    const replies = new GatheredReplies(list.length, settle);
    for (const [at, command] of list.entries()) this.submit(command, options, replies.at(at));
  }

  async readBarrier(consistency: Consistency, options?: { readonly timeoutMs?: number | undefined }): Promise<void> {
    if (consistency === 'eventual') return;
    await this.until(() => this.reaches !== undefined, options?.timeoutMs);
    const index = this.reaches?.appliedIndex ?? 0;
    await this.until(() => this.appliedIndex >= index, options?.timeoutMs);
  }

  onLeadership(listener: (view: LeadershipView) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Applies what it may and tells what has changed. */
  changed(): void {
    this.applyNext();
    const { reaches } = this;
    const { leader } = this.leadership;
    this.leadership = { term: this.cluster.term as Term, leader: reaches?.node, isLeading: reaches === this };
    if (leader !== reaches?.node) for (const listener of [...this.listeners]) listener(this.leadership);
    for (const wake of [...this.waiting]) wake();
  }

  close(): void {
    this.store.close();
  }

  private get reaches(): FakeMember | undefined {
    const { leader } = this.cluster;
    if (leader === this) return this;
    return this.isCutOff || leader?.isCutOff === true ? undefined : leader;
  }

  private append(command: Uint8Array): Uint8Array {
    this.proposals += 1;
    this.cluster.log.push(command);
    const reply = this.applyNext();
    this.cluster.changed();
    return reply as Uint8Array;
  }

  /** @returns the last reply */
  private applyNext(): Uint8Array | undefined {
    let reply: Uint8Array | undefined;
    const { log } = this.cluster;
    while (!this.isPaused && (!this.isCutOff || this.cluster.leader === this) && this.appliedIndex < log.length) {
      const command = log[this.appliedIndex] as Uint8Array;
      this.appliedIndex = (this.appliedIndex + 1) as LogIndex;
      [reply] = this.machine.apply(this.appliedIndex, [command]);
    }
    return reply;
  }

  private until(condition: () => boolean, timeoutMs = 10_000): Promise<void> {
    if (condition()) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const wake = (): void => {
        if (!condition()) return;
        this.waiting.delete(wake);
        timer.cancel();
        resolve();
      };
      const timer = this.cluster.clock.setTimer(timeoutMs, () => {
        this.waiting.delete(wake);
        reject(RpcError.of('NO_LEADER', 'no leader in time'));
      });
      this.waiting.add(wake);
    });
  }
}
