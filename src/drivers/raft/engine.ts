import { type FlotillaError, type NodeId, Prng, RpcError } from '../../base/index.js';
import type { Clock, LogEntry, Logger, MemberId, SnapshotMeta, Term } from '../../ports/index.js';
import {
  type Effects,
  RAFT_DEFAULTS,
  RaftCore,
  type RaftEvent,
  type RaftMessage,
  type RaftOptions,
  type Restored,
} from '../../raft/index.js';
import { DueTimer } from '../timing/index.js';
import { Applier, type ApplyListener } from './applier.js';
import { BatchProposer } from './batch-proposer.js';
import type { GroupCounters } from './counters.js';
import { deferringWith } from './defer.js';
import type { RaftGroupParts } from './group-parts.js';
import type { GroupHost } from './host.js';
import type { LeadershipBoard } from './leadership-board.js';
import { LogWrites } from './log-writes.js';
import { Members } from './members.js';
import { MembershipWaits } from './membership-waits.js';
import type { RaftGroupOptions } from './options.js';
import { ReadBarriers } from './read-barriers.js';
import { Snapshotter } from './snapshotter.js';

/** What an engine is made of, beside its group's parts. */
export interface EngineParts extends RaftGroupParts {
  readonly settings: RaftGroupOptions;
  readonly counters: GroupCounters;
  readonly board: LeadershipBoard;
  readonly restored: Restored;
}

/**
 * The core at work. Inputs of one turn of the event loop (messages, commands, finished writes) are stepped as they
 * come and carried out together at its end: one write, one message for each member, one run of the state machine.
 */
export class GroupEngine implements GroupHost, ApplyListener {
  readonly core: RaftCore;
  readonly options: RaftGroupOptions;
  readonly raft: RaftOptions;
  readonly counters: GroupCounters;
  readonly logger: Logger;
  readonly members = new Members();
  readonly proposer: BatchProposer;
  readonly reads: ReadBarriers;
  readonly applier: Applier;
  readonly snapshotter: Snapshotter;
  readonly waits: MembershipWaits;
  readonly writes: LogWrites;
  /** Set when the group has ended: what those who ask it are told. */
  ended: RpcError | undefined;
  private readonly parts: EngineParts;
  private readonly board: LeadershipBoard;
  private readonly clock: Clock;
  private readonly timer: DueTimer;
  private readonly defer: (run: () => void) => void;
  private isAwake = false;
  /** The newest term heard of. */
  private term: Term;

  constructor(parts: EngineParts) {
    const { restored, clock, random, member } = parts;
    this.parts = parts;
    this.board = parts.board;
    this.clock = clock;
    this.options = parts.settings;
    this.raft = { ...RAFT_DEFAULTS, ...parts.settings.raft };
    this.counters = parts.counters;
    this.logger = parts.logger;
    const seed = `${random.int(2 ** 32)}/${random.int(2 ** 32)}`; // another one in each life
    this.core = new RaftCore(
      { id: member, random: new Prng(seed), nowMs: clock.nowMs(), options: parts.settings.raft },
      restored,
    );
    const status = this.core.status();
    this.members.update(status.config);
    this.term = status.term;
    const applied = restored.snapshot ?? { index: status.applied, term: status.term };
    this.proposer = new BatchProposer(this, () => parts.store.isFull === true);
    this.applier = new Applier(this, parts, this.proposer, this, applied);
    this.snapshotter = new Snapshotter(this, parts, this.applier, restored.snapshot);
    this.reads = new ReadBarriers(this, () => this.applier.appliedIndex);
    this.waits = new MembershipWaits(this);
    const durable = { index: status.durable, hardState: restored.hardState };
    this.writes = new LogWrites(this, parts.store, durable, this.send);
    this.timer = new DueTimer(clock, this.turn);
    this.defer = deferringWith(clock);
  }

  nowMs(): number {
    return this.clock.nowMs();
  }

  wake(): void {
    if (this.isAwake || this.ended !== undefined) return;
    this.isAwake = true;
    this.defer(this.turn);
  }

  receive(fromNode: NodeId, from: MemberId, message: RaftMessage): void {
    if (this.ended !== undefined) return;
    this.counters.messagesIn += 1;
    if (!this.members.admits(from, fromNode)) {
      this.counters.violations += 1;
      return;
    }
    this.core.step(from, message, this.clock.nowMs());
    this.wake();
  }

  unreachable(node: NodeId): void {
    if (this.ended !== undefined) return;
    for (const id of this.members.idsOf(node)) this.core.reportUnreachable(id, this.clock.nowMs());
    this.wake();
  }

  entryApplied(entry: LogEntry): void {
    this.waits.entryApplied(entry);
    this.snapshotter.entryApplied(entry.index, entry.data.length);
  }

  restored(meta: SnapshotMeta): void {
    this.waits.jumped(meta.index);
    this.snapshotter.restored(meta);
    this.reads.applied(meta.index);
  }

  fail(error: FlotillaError): void {
    if (this.ended !== undefined) return;
    this.logger.error({ group: this.parts.id, code: error.code, error: error.message }, 'the group has stopped');
    this.stop(RpcError.of('CLOSED', `the group has stopped: ${error.code}`));
    this.parts.onFailed(error);
  }

  /** Nothing is taken in, sent or acknowledged any more; whoever waits is told. */
  stop(reason: RpcError): void {
    if (this.ended !== undefined) return;
    this.ended = reason;
    this.timer.stop();
    this.board.isLeader = false;
    this.board.leaderId = undefined;
    this.board.set(this.board.view.term, undefined, false);
    this.proposer.stop();
    this.reads.stop(reason);
    this.waits.stop(reason);
  }

  private readonly turn = (): void => {
    this.isAwake = false;
    if (this.ended !== undefined) return;
    const nowMs = this.clock.nowMs();
    this.counters.turns += 1;
    this.beforeDrain(nowMs);
    for (let isMore = true; isMore && this.ended === undefined; ) {
      this.carryOut(this.core.drain(), nowMs);
      // Applying makes room for more to be applied; a write may count at once.
      isMore = this.applier.run();
      isMore = this.writes.settle(nowMs) || isMore;
    }
    if (this.ended !== undefined) return;
    this.reads.applied(this.applier.appliedIndex);
    this.announce();
    this.snapshotter.run(nowMs);
    this.parts.network.flush();
    this.timer.atMost(this.dueMs(), nowMs);
  };

  private beforeDrain(nowMs: number): void {
    this.writes.settle(nowMs);
    if (nowMs >= this.writes.dueMs) this.writes.flush();
    if (nowMs >= this.core.nextDeadlineMs()) this.core.tick(nowMs);
    this.proposer.sweep(nowMs);
    this.reads.sweep(nowMs);
    this.waits.sweep(nowMs);
    this.proposer.fill(nowMs);
    this.reads.ask(nowMs);
  }

  /** The disk first: it is the slowest, and the messages need not wait for it. */
  private carryOut(effects: Effects, nowMs: number): void {
    const { persist, sendNow, sendAfterPersist, apply, readStates, events } = effects;
    if (persist !== undefined) this.writes.persist(persist);
    if (persist?.hardState !== undefined) this.noteTerm(persist.hardState.term);
    for (const event of events) this.heard(event);
    for (const message of sendNow) this.send(message);
    this.writes.hold(sendAfterPersist);
    this.applier.add(apply);
    for (const state of readStates) this.reads.answered(state, nowMs);
  }

  private readonly send = (message: RaftMessage): void => {
    const to = this.members.nodeOf(message.to);
    this.counters.messagesOut += 1;
    if (message.type === 'installSnapshot') this.snapshotter.send(to, message);
    else if (to !== undefined) this.parts.network.send(to, this.parts.id, this.parts.member, message);
  };

  private heard(event: RaftEvent): void {
    switch (event.type) {
      case 'leaderChanged':
        this.board.leaderId = event.leader;
        this.reads.leaderChanged();
        this.waits.leaderChanged(event.leader);
        break;
      case 'becameLeader':
        this.counters.elections += 1;
        this.board.isLeader = true;
        break;
      case 'steppedDown':
        this.counters.stepDowns += 1;
        this.board.isLeader = false;
        this.proposer.steppedDown();
        break;
      case 'configChanged':
        this.members.update(event.config);
        break;
      case 'transferAborted':
        this.waits.transferAborted(event.to);
        break;
      case 'peerViolation':
        this.counters.violations += 1;
        this.logger.warn({ group: this.parts.id, from: event.from }, `a message was dropped: ${event.what}`);
        break;
      default:
        break;
    }
    if ('term' in event) this.noteTerm(event.term);
    this.parts.onEvent?.(event);
  }

  private noteTerm(term: Term): void {
    if (term > this.term) this.term = term;
  }

  /** A leader may write once its state machine has applied an entry of its term, and with it all of earlier ones. */
  private announce(): void {
    const { board, term } = this;
    const leader = board.leaderId === undefined ? undefined : this.members.nodeOf(board.leaderId);
    board.set(term, leader, board.isLeader && this.applier.appliedTerm === term);
  }

  private dueMs(): number {
    const { core, proposer, reads, waits, writes } = this;
    return Math.min(core.nextDeadlineMs(), proposer.dueMs, reads.dueMs, waits.dueMs, writes.dueMs);
  }
}
