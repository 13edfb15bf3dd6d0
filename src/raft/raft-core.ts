import { assert, type Prng, unreachable } from '../base/index.js';
import type { LogIndex, MemberId, SnapshotMeta } from '../ports/index.js';
import { onAppendRequest } from './append-entries.js';
import { onAppendAccept, onAppendReject } from './append-replies.js';
import { advanceCommit } from './commit.js';
import type { ConfigRefusal, MemberChange } from './conf-change.js';
import { encodeConfig } from './config-codec.js';
import { takeEffects } from './drain.js';
import type { Effects, Restored } from './effects.js';
import { onPreVoteReply, onTimeoutNow, onVoteReply, ownVoteIsDurable, startPreVote } from './election.js';
import { onHeartbeat } from './heartbeat.js';
import { onHeartbeatReply } from './heartbeat-reply.js';
import { logIndex, maxIndex, minIndex } from './ids.js';
import { leaderDeadlineMs, tickLeader } from './leader.js';
import { proposeChange } from './membership.js';
import type { RaftMessage, ReadId, ReadMode } from './message.js';
import { RaftNode } from './node.js';
import { type RaftOptions, raftOptions } from './options.js';
import { type ProposalRefusal, type ProposalResult, propose } from './proposal.js';
import { onReadIndexReply, onReadIndexRequest, requestRead } from './read-index.js';
import { restoreLog } from './restore.js';
import { SAFETY_RULES, type SafetyRules } from './rules.js';
import { onInstallSnapshot } from './snapshot.js';
import { type RaftStatus, statusOf } from './status.js';
import { isFromLeader, passTerm } from './term-gate.js';
import { type TransferRefusal, transferLeadership } from './transfer.js';
import { becomeFollower, setLeader, violation } from './transitions.js';
import { onPreVoteRequest, onVoteRequest } from './vote.js';

/** What a core is made with, beside what its disk held. */
export interface RaftCoreParts {
  readonly id: MemberId;
  /** Must differ between the lives of a member: read ids start from it. */
  readonly random: Prng;
  /** The monotonic clock's time now; every later call must come with the same or a later one. */
  readonly nowMs: number;
  readonly options?: Partial<RaftOptions>;
}

/**
 * One member of one Raft group, as a pure state machine.
 *
 * Reference: Diego Ongaro, "Consensus: Bridging Theory and Practice" (2014), cited as "the Raft dissertation"; pre-vote
 * is its section 9.6, check-quorum 6.2, leases 6.4.1. Departures: membership changes are joint only, however small
 * (4.3); a member's id is the index of the entry that added it; the leader leaves a joint configuration by itself;
 * vote requests wait for the disk like votes do.
 *
 * Inputs carry the time; after any number of them (a batch of messages, say) call `drain()` once and carry out the
 * effects, and `tick()` when `nextDeadlineMs()` has come.
 */
export class RaftCore {
  private readonly node: RaftNode;

  /** `rules` exists for tests that break them. @throws FlotillaError `OPTION_INVALID` */
  constructor(parts: RaftCoreParts, restored: Restored, rules: SafetyRules = SAFETY_RULES) {
    const { id, random, nowMs } = parts;
    const { hardState, log, configs, persistence } = restoreLog(restored);
    const { snapshot } = restored;
    const options = raftOptions(parts.options ?? {});
    this.node = new RaftNode({ id, options, random, rules, hardState, log, configs, persistence, snapshot, nowMs });
  }

  /** A message of member `from` arrived. Messages may be lost, repeated, late and in any order. */
  step(from: MemberId, message: RaftMessage, nowMs: number): void {
    const { node } = this;
    this.advance(nowMs);
    if (message.to !== node.id || from === node.id) return;
    if (!passTerm(node, from, message)) return;
    if (isFromLeader(message) && !this.follow(from)) return;
    dispatch(node, from, message);
  }

  /** Time has passed. Cheap when nothing is due. */
  tick(nowMs: number): void {
    const { node } = this;
    this.advance(nowMs);
    if (node.leadership !== undefined) tickLeader(node, node.leadership);
    else if (nowMs >= node.electionDeadlineMs && node.isPromotable) startPreVote(node);
  }

  /**
   * Campaigns now instead of after an election timeout, unless a leader is known. Of use when nobody can lead yet: in a
   * group of one, or at one founder of a new group. The usual rules decide whether it is won.
   */
  campaign(nowMs: number): void {
    const { node } = this;
    this.advance(nowMs);
    if (node.leader === undefined && node.isPromotable) startPreVote(node);
  }

  /** When `tick` has something to do next; may move either way with every input. `Infinity`: nothing by itself. */
  nextDeadlineMs(): number {
    const { node } = this;
    if (node.leadership !== undefined) return leaderDeadlineMs(node, node.leadership);
    return node.isPromotable ? node.electionDeadlineMs : Number.POSITIVE_INFINITY;
  }

  /** Appends one entry for each payload, all or none. The bytes belong to the log from now on. */
  propose(payloads: readonly Uint8Array[], nowMs: number): ProposalResult<ProposalRefusal> {
    this.advance(nowMs);
    return propose(this.node, payloads);
  }

  /** Begins a membership change; it goes on by itself, whoever leads, until it is complete. */
  proposeConfig(changes: readonly MemberChange[], nowMs: number): ProposalResult<ProposalRefusal | ConfigRefusal> {
    this.advance(nowMs);
    return proposeChange(this.node, changes);
  }

  /**
   * Asks for an index at which a read is as new as anything acknowledged before this call; works on every member. The
   * answer comes as a read state with the returned id, or never when messages are lost: use a timeout of your own.
   */
  readIndex(mode: ReadMode, nowMs: number): ReadId {
    this.advance(nowMs);
    return requestRead(this.node, mode);
  }

  /** Hands leadership to another voter; `undefined`: it has begun. */
  transferLeadership(to: MemberId, nowMs: number): TransferRefusal | undefined {
    this.advance(nowMs);
    return transferLeadership(this.node, to);
  }

  /** The write `sequence` of {@link Effects.persist}, and with it every earlier one, is durable. */
  persisted(sequence: number, nowMs: number): void {
    const { node } = this;
    this.advance(nowMs);
    const durable = node.persistence.complete(sequence);
    node.log.durable = maxIndex(node.log.durable, durable.lastIndex);
    if (durable.snapshot !== undefined && durable.snapshot === node.restoring) {
      node.restoring = undefined;
      node.snapshot = durable.snapshot;
      node.outbox.restore = durable.snapshot;
    }
    const { hardState } = durable;
    if (node.role === 'candidate' && hardState?.term === node.term && hardState.vote === node.id) {
      ownVoteIsDurable(node);
    }
    if (node.leadership !== undefined) advanceCommit(node, node.leadership);
  }

  /** The state machine has applied everything up to `index`. */
  applied(index: LogIndex): void {
    const { node } = this;
    assert(index <= node.log.applied, 'an index that was handed out to be applied');
    node.appliedIndex = maxIndex(node.appliedIndex, index);
    if (node.appliedIndex === node.log.applied) node.applyBytes = 0;
  }

  /**
   * What a snapshot of the state machine has to be stored with when it has applied `index` (and no more). `undefined`
   * when the log no longer reaches back to it (a snapshot from the leader is taking the place of that state), and while
   * there is no configuration yet: a member that has just joined and has nothing must not store that.
   */
  snapshotMeta(index: LogIndex): SnapshotMeta | undefined {
    const { log, configs } = this.node;
    const term = log.termAt(index);
    if (index > log.applied || term === undefined) return undefined;
    const { config } = configs.at(index);
    return config.voters.length === 0 ? undefined : { index, term, config: encodeConfig(config) };
  }

  /** A snapshot of the own state is durable: others can be sent it, and the log before it may be compacted. */
  snapshotSaved(meta: SnapshotMeta): void {
    if (meta.index > (this.node.snapshot?.index ?? 0)) this.node.snapshot = meta;
  }

  /**
   * Forgets entries up to `index`, or up to the last snapshot when that is older; returns up to where. Entries kept
   * beyond the snapshot spare slow members a snapshot, and cost memory.
   */
  compact(index: LogIndex): LogIndex {
    const { node } = this;
    const to = minIndex(minIndex(index, node.snapshot?.index ?? logIndex(0)), node.appliedIndex);
    if (to > node.log.baseIndex) {
      node.log.compact(to);
      node.configs.compact(to);
    }
    return node.log.baseIndex;
  }

  /** The transfer of a snapshot to `to` ended; on failure another one is tried when the member answers again. */
  snapshotSent(to: MemberId, isDelivered: boolean, nowMs: number): void {
    this.advance(nowMs);
    const progress = this.node.leadership?.peers.get(to);
    if (progress?.state !== 'snapshot') return;
    if (isDelivered) progress.becomeProbe();
    else progress.failSnapshot();
    progress.isPaused = true; // until the member's answer, or that to a heartbeat
  }

  /** Messages to `to` got lost for certain (a connection broke): replication starts over with a probe. */
  reportUnreachable(to: MemberId, nowMs: number): void {
    this.advance(nowMs);
    const progress = this.node.leadership?.peers.get(to);
    if (progress?.state === 'replicate') progress.becomeProbe();
  }

  /** Everything there is to do since the last call. */
  drain(): Effects {
    return takeEffects(this.node);
  }

  status(): RaftStatus {
    return statusOf(this.node);
  }

  private advance(nowMs: number): void {
    if (nowMs > this.node.nowMs) this.node.nowMs = nowMs;
  }

  /** The leader of the current term was heard. False for somebody who claims to be it and is not. */
  private follow(from: MemberId): boolean {
    const { node } = this;
    if (node.role === 'leader' || (node.leader !== undefined && node.leader !== from)) {
      violation(node, from, `it claims to lead term ${node.term}`);
      return false;
    }
    if (node.role !== 'follower') becomeFollower(node, node.term, from);
    setLeader(node, from);
    node.heardLeaderMs = node.nowMs;
    node.resetElectionTimer();
    return true;
  }
}

function dispatch(node: RaftNode, from: MemberId, message: RaftMessage): void {
  const { leadership } = node;
  switch (message.type) {
    case 'preVoteRequest':
      onPreVoteRequest(node, from, message);
      break;
    case 'preVoteReply':
      onPreVoteReply(node, from, message);
      break;
    case 'voteRequest':
      onVoteRequest(node, from, message);
      break;
    case 'voteReply':
      onVoteReply(node, from, message);
      break;
    case 'appendRequest':
      onAppendRequest(node, from, message);
      break;
    case 'appendAccept':
      if (leadership !== undefined) onAppendAccept(node, leadership, from, message);
      break;
    case 'appendReject':
      if (leadership !== undefined) onAppendReject(node, leadership, from, message);
      break;
    case 'heartbeat':
      onHeartbeat(node, from, message);
      break;
    case 'heartbeatReply':
      if (leadership !== undefined) onHeartbeatReply(node, leadership, from, message);
      break;
    case 'installSnapshot':
      onInstallSnapshot(node, from, message);
      break;
    case 'timeoutNow':
      onTimeoutNow(node);
      break;
    case 'readIndexRequest':
      onReadIndexRequest(node, from, message);
      break;
    case 'readIndexReply':
      onReadIndexReply(node, message);
      break;
    case 'newerTerm':
      break; // its term has said everything
    default:
      unreachable(message);
  }
}
