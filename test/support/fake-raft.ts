import { crc32 } from 'node:zlib';
import { decodeByteList, type NodeId, RpcError } from '../../src/base/index.js';
import { GatheredReplies } from '../../src/drivers/metadata/gathered-replies.js';
import { KvMachine } from '../../src/kv/index.js';
import type {
  Clock,
  CommandSettle,
  Consistency,
  GroupId,
  LeadershipView,
  LogIndex,
  ProposeOptions,
  ReplicatedGroup,
  Term,
} from '../../src/ports/index.js';

/**
 * What becomes of a proposal at the leader. `executedUnknown`: it commits, the proposer hears `PROPOSAL_UNKNOWN`;
 * `notExecutedUnknown`: it does not, and the proposer hears the same; `lost`: `PROPOSAL_LOST`; `silent`: it commits and
 * the proposer never hears.
 */
export type Fate = 'ok' | 'executedUnknown' | 'notExecutedUnknown' | 'lost' | 'silent';

/** One replicated log without a protocol: a test says who leads, who hears of what, and what goes wrong. */
export class FakeRaft {
  readonly clock: Clock;
  readonly groups: FakeGroup[] = [];
  readonly log: Uint8Array[] = [];
  /** From a proposal to its commit. */
  commitMs = 1;
  fate: (command: Uint8Array) => Fate = () => 'ok';
  leader: FakeGroup | undefined;
  term = 0;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  add(node: NodeId): FakeGroup {
    const group = new FakeGroup(this, node);
    this.groups.push(group);
    return group;
  }

  /** Another member leads, or none. */
  elect(group: FakeGroup | undefined): void {
    const before = this.leader;
    this.leader = group;
    this.term += 1;
    for (const each of this.groups) each.leadershipChanged();
    before?.loseProposals();
  }

  commit(command: Uint8Array): void {
    this.log.push(command);
    for (const group of this.groups) group.catchUp();
  }
}

export class FakeGroup implements ReplicatedGroup {
  readonly id = 0 as GroupId;
  readonly node: NodeId;
  readonly machine = new KvMachine(crc32);
  /** How the network between directors brings a forwarded command in. */
  onForwarded: (command: Uint8Array, options?: ProposeOptions) => Promise<Uint8Array>;
  private readonly raft: FakeRaft;
  private readonly listeners = new Set<(view: LeadershipView) => void>();
  private readonly pending = new Map<CommandSettle, Uint8Array>();
  private waiters: (() => void)[] = [];
  private applied = 0;
  private lagging = false;
  private cutOff = false;
  private lastReply: Uint8Array = new Uint8Array(0);

  constructor(raft: FakeRaft, node: NodeId) {
    this.raft = raft;
    this.node = node;
    this.onForwarded = (command, options) => this.propose(command, options);
  }

  get leadership(): LeadershipView {
    const leader = this.cutOff ? undefined : this.raft.leader;
    return { term: this.raft.term as Term, leader: leader?.node, isLeading: leader === this };
  }

  get appliedIndex(): LogIndex {
    return this.applied as LogIndex;
  }

  /** While it lags it applies nothing. */
  set isLagging(lagging: boolean) {
    this.lagging = lagging;
    this.catchUp();
  }

  /** While it is cut off it neither hears of the log nor of leaders. */
  set isCutOff(cutOff: boolean) {
    this.cutOff = cutOff;
    this.leadershipChanged();
    this.catchUp();
  }

  catchUp(): void {
    while (!this.lagging && !this.cutOff && this.applied < this.raft.log.length) {
      this.applied += 1;
      const command = this.raft.log[this.applied - 1] as Uint8Array;
      this.lastReply = this.machine.apply(this.applied as LogIndex, [command])[0] as Uint8Array;
    }
    this.wake();
  }

  leadershipChanged(): void {
    const view = this.leadership;
    for (const listener of this.listeners) listener(view);
    this.wake();
  }

  loseProposals(): void {
    const pending = [...this.pending.keys()];
    this.pending.clear();
    for (const settle of pending) settle.reject(RpcError.of('PROPOSAL_UNKNOWN', 'the leader was lost'));
  }

  async propose(command: Uint8Array, options?: ProposeOptions): Promise<Uint8Array> {
    const timeoutMs = options?.timeoutMs ?? 10_000;
    const { raft } = this;
    const isLed = await this.until(() => this.leadership.leader !== undefined, timeoutMs);
    if (!isLed || raft.leader === undefined) throw RpcError.of('NO_LEADER', 'no leader was known in time');
    if (raft.leader !== this) return await raft.leader.onForwarded(command, options);
    return await new Promise((resolve, reject) => this.submit(command, options, { resolve, reject }));
  }

  submit(command: Uint8Array, _options: ProposeOptions | undefined, settle: CommandSettle): void {
    const { raft } = this;
    if (!this.leadership.isLeading) {
      settle.reject(RpcError.of('NOT_LEADER', 'this director does not lead'));
      return;
    }
    const fate = raft.fate(command);
    this.pending.set(settle, command);
    raft.clock.setTimer(raft.commitMs, () => {
      if (!this.pending.delete(settle)) return;
      if (fate === 'lost') settle.reject(RpcError.of('PROPOSAL_LOST', 'another entry took its place'));
      else {
        if (fate !== 'notExecutedUnknown') raft.commit(command);
        if (fate === 'ok') settle.resolve(this.lastReply);
        else if (fate !== 'silent') settle.reject(RpcError.of('PROPOSAL_UNKNOWN', 'the leader was lost'));
      }
    });
  }

  submitAll(commands: Uint8Array, _count: number, options: ProposeOptions | undefined, settle: CommandSettle): void {
    const list = decodeByteList(commands) ?? [];
    const replies = new GatheredReplies(list.length, settle);
    for (const [at, command] of list.entries()) this.submit(command, options, replies.at(at));
  }

  async readBarrier(consistency: Consistency, options?: { readonly timeoutMs?: number | undefined }): Promise<void> {
    if (consistency === 'eventual') return;
    const target = this.raft.log.length;
    const isNew = (): boolean => this.leadership.leader !== undefined && this.applied >= target;
    if (await this.until(isNew, options?.timeoutMs ?? 10_000)) return;
    throw RpcError.of('NO_LEADER', 'no leader was known in time');
  }

  onLeadership(listener: (view: LeadershipView) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private async until(predicate: () => boolean, timeoutMs: number): Promise<boolean> {
    const endMs = this.raft.clock.nowMs() + timeoutMs;
    while (!predicate()) {
      const leftMs = endMs - this.raft.clock.nowMs();
      if (leftMs <= 0) return false;
      await new Promise<void>((resolve) => {
        this.waiters.push(resolve);
        this.raft.clock.setTimer(leftMs, resolve);
      });
    }
    return true;
  }

  private wake(): void {
    const { waiters } = this;
    this.waiters = [];
    for (const wake of waiters) wake();
  }
}
