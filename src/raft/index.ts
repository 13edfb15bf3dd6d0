export {
  type ClusterConfig,
  EMPTY_CONFIG,
  formatConfig,
  isJoint,
  isMember,
  isVoter,
  type Member,
} from './cluster-config.js';
export type { ConfigRefusal, MemberChange } from './conf-change.js';
export { decodeConfig, encodeConfig } from './config-codec.js';
export type {
  AfterPersist,
  Apply,
  Effects,
  Persist,
  RaftEvent,
  ReadRefusal,
  ReadState,
  Restored,
  StepDownReason,
} from './effects.js';
export { logIndex, memberId, term } from './ids.js';
export type { LogPosition } from './log.js';
export type {
  AppendAccept,
  AppendReject,
  AppendRequest,
  Heartbeat,
  HeartbeatReply,
  InstallSnapshot,
  MessageAfterPersist,
  MessageNow,
  NewerTerm,
  PreVoteReply,
  PreVoteRequest,
  RaftMessage,
  ReadId,
  ReadIndexReply,
  ReadIndexRequest,
  ReadMode,
  TimeoutNow,
  VoteReply,
  VoteRequest,
} from './message.js';
export type { Role } from './node.js';
export { RAFT_DEFAULTS, type RaftOptions } from './options.js';
export type { ProgressState } from './progress.js';
export type { ProposalRefusal, ProposalResult } from './proposal.js';
export { RaftCore, type RaftCoreParts } from './raft-core.js';
export { bootstrap, joining, restored } from './restore.js';
export type { PeerStatus, RaftStatus } from './status.js';
export type { TransferRefusal } from './transfer.js';
