import type { LogIndex, MemberId, Term } from '../ports/index.js';
import type { ClusterConfig } from './cluster-config.js';
import { leaseUntilMs } from './lease.js';
import type { RaftNode, Role } from './node.js';
import type { ProgressState } from './progress.js';

/** What the leader knows of another member. */
export interface PeerStatus {
  readonly id: MemberId;
  readonly state: ProgressState;
  readonly match: LogIndex;
  readonly next: LogIndex;
  readonly inFlight: number;
  /** A learner that may be promoted. */
  readonly isCaughtUp: boolean;
  /** When it was last heard of. */
  readonly activeMs: number;
}

/** For metrics, operators and tests. */
export interface RaftStatus {
  readonly id: MemberId;
  readonly role: Role;
  readonly term: Term;
  readonly vote: MemberId | undefined;
  readonly leader: MemberId | undefined;
  readonly commit: LogIndex;
  /** Handed out to be applied. */
  readonly applied: LogIndex;
  readonly durable: LogIndex;
  readonly firstIndex: LogIndex;
  readonly lastIndex: LogIndex;
  /** Payload bytes of the log in memory. */
  readonly logBytes: number;
  readonly configIndex: LogIndex;
  readonly config: ClusterConfig;
  /** End of the leader's lease; `-Infinity` without one. */
  readonly leaseUntilMs: number;
  readonly transferTo: MemberId | undefined;
  /** Of a leader; else empty. */
  readonly peers: readonly PeerStatus[];
}

export function statusOf(node: RaftNode): RaftStatus {
  const { log, leadership, configs } = node;
  return {
    id: node.id,
    role: node.role,
    term: node.term,
    vote: node.vote,
    leader: node.leader,
    commit: log.commit,
    applied: log.applied,
    durable: log.durable,
    firstIndex: log.firstIndex,
    lastIndex: log.lastIndex,
    logBytes: log.bytes,
    configIndex: configs.latest.index,
    config: configs.latest.config,
    leaseUntilMs: leadership === undefined ? Number.NEGATIVE_INFINITY : leaseUntilMs(node, leadership),
    transferTo: leadership?.transfer?.to,
    peers: [...(leadership?.peers ?? [])].map(([id, peer]) => ({
      id,
      state: peer.state,
      match: peer.match,
      next: peer.next,
      inFlight: peer.inFlights.count,
      isCaughtUp: peer.isCaughtUp,
      activeMs: peer.activeMs,
    })),
  };
}
