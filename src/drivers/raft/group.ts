import { byteListCount, FlotillaError, type NodeId, RpcError } from '../../base/index.js';
import type {
  CommandSettle,
  Consistency,
  GroupId,
  LeadershipView,
  LogIndex,
  MemberId,
  ProposeOptions,
  ReplicatedGroup,
  SnapshotMeta,
  SnapshotStore,
} from '../../ports/index.js';
import { type MemberChange, type RaftMessage, type Restored, restored } from '../../raft/index.js';
import { CommandRouter } from './command-router.js';
import { type GroupCounters, newGroupCounters, type RaftGroupStatus } from './counters.js';
import { GroupEngine } from './engine.js';
import type { RaftGroupParts } from './group-parts.js';
import { LeadershipBoard } from './leadership-board.js';
import type { GroupInbox } from './network.js';
import { type RaftGroupOptions, raftGroupOptions } from './options.js';

/**
 * One member of one Raft group: the core with its disk, its network, its timers and its state machine.
 *
 * Until `start()` has resolved it knows no leader and drops messages.
 */
export class RaftGroup implements ReplicatedGroup, GroupInbox {
  readonly id: GroupId;
  readonly snapshots: SnapshotStore;
  readonly counters: GroupCounters = newGroupCounters();
  private readonly parts: RaftGroupParts;
  private readonly settings: RaftGroupOptions;
  private readonly board: LeadershipBoard;
  private readonly router: CommandRouter;
  private engine: GroupEngine | undefined;
  private starting: Promise<void> | undefined;
  private closing: Promise<void> | undefined;

  /** @throws FlotillaError `OPTION_INVALID` */
  constructor(parts: RaftGroupParts) {
    this.parts = parts;
    this.id = parts.id;
    this.snapshots = parts.snapshots;
    this.settings = raftGroupOptions(parts.options);
    this.board = new LeadershipBoard(parts.logger);
    this.router = new CommandRouter({
      ...{ id: parts.id, node: parts.node, network: parts.network, clock: parts.clock, board: this.board },
      ...{ counters: this.counters, options: this.settings },
      submit: (command, options, settle) => this.submit(command, options, settle),
      ended: () => this.whyEnded(),
    });
  }

  get leadership(): LeadershipView {
    return this.board.view;
  }

  get appliedIndex(): LogIndex {
    return this.engine?.applier.appliedIndex ?? (0 as LogIndex);
  }

  /**
   * Opens the store, restores the state machine and takes part.
   *
   * @throws FlotillaError `MEMBER_DATA_LOST` (see `RaftGroupParts.isPrepared`), and those of the stores
   */
  start(): Promise<void> {
    this.starting ??= this.open();
    return this.starting;
  }

  /** Keep `command` unchanged until this settles. */
  propose(command: Uint8Array, options?: ProposeOptions): Promise<Uint8Array> {
    return this.router.anywhere(command, options);
  }

  /** Also a group that ends says `NOT_LEADER`, so that the other side looks for the next leader. */
  proposeHere(command: Uint8Array, options?: ProposeOptions): Promise<Uint8Array> {
    if (this.whyEnded() !== undefined) return Promise.reject(notLeader());
    return this.router.here(command, options);
  }

  submit(command: Uint8Array, options: ProposeOptions | undefined, settle: CommandSettle): void {
    const ended = this.whyEnded();
    if (ended !== undefined) settle.reject(ended);
    else if (this.engine === undefined || !this.board.isLeader) settle.reject(notLeader());
    else this.engine.proposer.submit(command, undefined, options, settle, this.parts.clock.nowMs());
  }

  submitAll(commands: Uint8Array, count: number, options: ProposeOptions | undefined, settle: CommandSettle): void {
    const ended = this.whyEnded();
    if (ended !== undefined) settle.reject(ended);
    else if (this.engine === undefined || !this.board.isLeader) settle.reject(notLeader());
    else if (count < 1 || byteListCount(commands) !== count) {
      settle.reject(RpcError.of('INPUT_INVALID', `the bytes are no list of ${count} commands`));
    } else this.engine.proposer.submit(commands, count, options, settle, this.parts.clock.nowMs());
  }

  readBarrier(consistency: Consistency, options?: { readonly timeoutMs?: number | undefined }): Promise<void> {
    const { engine } = this;
    const ended = this.whyEnded();
    if (ended !== undefined) return Promise.reject(ended);
    if (consistency === 'eventual') return Promise.resolve();
    if (engine === undefined) return Promise.reject(RpcError.of('NO_LEADER', 'the group has not started yet'));
    return new Promise((resolve, reject) => {
      engine.reads.add(consistency, options?.timeoutMs, { resolve, reject }, engine.nowMs());
    });
  }

  onLeadership(listener: (view: LeadershipView) => void): () => void {
    return this.board.onChange(listener);
  }

  receive(fromNode: NodeId, from: MemberId, message: RaftMessage): void {
    this.engine?.receive(fromNode, from, message);
  }

  unreachable(node: NodeId): void {
    this.engine?.unreachable(node);
  }

  /**
   * At the leader only. Resolves when the change and the end of its joint phase are committed and applied here; `index`
   * is the id of a member that it added. Default of `timeoutMs`: `proposeTimeoutMs`.
   *
   * @throws RpcError `NOT_LEADER`, `MEMBERSHIP_BUSY`, `MEMBERSHIP_INVALID`, `MEMBER_NOT_CAUGHT_UP`, `DISK_FULL`,
   * `PROPOSAL_LOST`, `PROPOSAL_UNKNOWN`, `CLOSED`
   */
  async changeMembers(changes: readonly MemberChange[], timeoutMs?: number): Promise<{ readonly index: LogIndex }> {
    const engine = this.running();
    if (this.parts.store.isFull === true) throw RpcError.of('DISK_FULL', 'the disk of the leading director is full');
    return engine.waits.change(changes, this.deadline(timeoutMs));
  }

  /**
   * At the leader only. Resolves when `to` leads, rejects when it did not take over within an election timeout.
   *
   * @throws RpcError `NOT_LEADER`, `MEMBERSHIP_BUSY`, `MEMBERSHIP_INVALID`, `CLOSED`
   */
  async transferLeadership(to: NodeId, timeoutMs?: number): Promise<void> {
    const engine = this.running();
    if (!this.board.isLeader) throw notLeader();
    if (to === this.parts.node) return;
    const member = engine.members.voterOn(to);
    if (member === undefined) throw RpcError.of('MEMBERSHIP_INVALID', `director ${to} is no voter; promote it first`);
    await engine.waits.transfer(member, this.deadline(timeoutMs));
  }

  /** Does not wait for an election timeout when no leader is known; see `RaftCore.campaign`. */
  campaign(): void {
    this.engine?.core.campaign(this.parts.clock.nowMs());
    this.engine?.wake();
  }

  /** @throws RpcError `CLOSED` before `start()` */
  status(): RaftGroupStatus {
    const engine = this.started();
    const { core, applier, proposer, reads, snapshotter, writes } = engine;
    const status = core.status();
    return {
      ...status,
      isLeading: this.board.view.isLeading,
      appliedIndex: applier.appliedIndex,
      durableLag: Math.max(0, status.lastIndex - writes.durableIndex),
      queuedProposals: proposer.queuedCount,
      pendingProposals: proposer.pendingCount,
      pendingReads: reads.count,
      snapshotIndex: snapshotter.newestIndex,
      isDiskFull: this.parts.store.isFull === true,
    };
  }

  /** Stores a snapshot of what is applied now. @throws FlotillaError of the store; RpcError `NO_LEADER`, `CLOSED` */
  async snapshotNow(): Promise<SnapshotMeta> {
    return this.running().snapshotter.take();
  }

  /** Hands leadership to the voter that holds most of the log; true when this member does not lead (any more). */
  async handOver(timeoutMs?: number): Promise<boolean> {
    const { engine } = this;
    if (engine === undefined || !this.board.isLeader) return true;
    const { config, peers } = engine.core.status();
    const voters = peers.filter((peer) => peer.state === 'replicate' && config.voters.includes(peer.id));
    const best = voters.toSorted((a, b) => b.match - a.match)[0];
    if (best === undefined) return false;
    const transferred = engine.waits.transfer(best.id, this.deadline(timeoutMs));
    return transferred.then(
      () => true,
      () => !this.board.isLeader,
    );
  }

  /** Hands leadership over if that can be done, gives what is in flight a moment, finishes writes, closes the store. */
  close(): Promise<void> {
    this.closing ??= this.shutDown();
    return this.closing;
  }

  private async open(): Promise<void> {
    const { store, snapshots, machine } = this.parts;
    const stored = await store.open();
    try {
      if (this.parts.isPrepared === true && stored.hardState === undefined) throw dataLost(this.parts);
      const snapshot = await snapshots.latest();
      if (snapshot !== undefined) await machine.restore(snapshots.read(snapshot.meta));
      this.run(restored(stored, snapshot?.meta));
    } catch (error) {
      await store.close().catch(() => undefined);
      throw error;
    }
  }

  private async shutDown(): Promise<void> {
    await this.starting?.catch(() => undefined);
    const { engine } = this;
    if (engine === undefined) return;
    if (engine.ended === undefined) {
      await this.handOver(2 * engine.raft.electionTimeoutMs);
      await this.quiesce(engine, 2 * engine.raft.electionTimeoutMs);
    }
    engine.stop(closed());
    await engine.applier.settled();
    await engine.snapshotter.settled();
    engine.writes.flush();
    await this.parts.store.close();
  }

  /** Until no command is undecided, for at most `timeoutMs`. */
  private async quiesce({ proposer }: GroupEngine, timeoutMs: number): Promise<void> {
    const { clock } = this.parts;
    const endMs = clock.nowMs() + timeoutMs;
    while (proposer.pendingCount > 0 && clock.nowMs() < endMs) {
      await new Promise<void>((resolve) => void clock.setTimer(QUIESCE_STEP_MS, resolve));
    }
  }

  private run(restored: Restored): void {
    const { parts, settings, counters, board } = this;
    this.engine = new GroupEngine({ ...parts, settings, counters, board, restored });
    this.engine.wake();
  }

  private whyEnded(): RpcError | undefined {
    return this.closing === undefined ? this.engine?.ended : closed();
  }

  private started(): GroupEngine {
    if (this.engine === undefined) throw RpcError.of('CLOSED', 'the group has not been started');
    return this.engine;
  }

  private running(): GroupEngine {
    const ended = this.whyEnded();
    if (ended !== undefined) throw ended;
    return this.started();
  }

  private deadline(timeoutMs = this.settings.proposeTimeoutMs): number {
    return this.parts.clock.nowMs() + timeoutMs;
  }
}

function dataLost({ id, node }: RaftGroupParts): FlotillaError {
  return new FlotillaError(
    'MEMBER_DATA_LOST',
    `the log of group ${id} is gone, and with it what ${node} had promised: move the data directory away, run \`flotilla member remove ${node}\` and \`flotilla member add ${node}\`, and start it with --join`,
  );
}

function notLeader(): RpcError {
  return RpcError.of('NOT_LEADER', 'this director does not lead the group');
}

function closed(): RpcError {
  return RpcError.of('CLOSED', 'the group was closed');
}

const QUIESCE_STEP_MS = 5;
