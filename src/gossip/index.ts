export { GOSSIP_BOUNDS } from './bounds.js';
export { retransmitLimit } from './broadcast-queue.js';
export { checkTags } from './check-tags.js';
export { decodeDatagram, encodeDatagram } from './codec/datagram-codec.js';
export {
  decodeSyncPush,
  decodeSyncReply,
  decodeSyncRequest,
  encodeSyncPush,
  encodeSyncReply,
  encodeSyncRequest,
} from './codec/sync-codec.js';
export type {
  ConflictEvent,
  Exchange,
  ExchangeCause,
  Fallback,
  GossipEffects,
  GossipEvent,
  Member,
  MemberEvent,
  MemberEventType,
  OutgoingDatagram,
  PartitionEvent,
} from './effects.js';
export { GossipCore, type GossipCoreInit } from './gossip-core.js';
export { IdTable } from './id-table.js';
export type {
  Accusation,
  Ack,
  Alive,
  Datagram,
  Dead,
  GossipMessage,
  Left,
  MemberState,
  Nack,
  News,
  Ping,
  PingRequest,
  StateEntry,
  Suspect,
  SyncPush,
  SyncReply,
  SyncRequest,
  Tags,
} from './messages.js';
export { GOSSIP_PROFILES, type GossipOptions, type GossipProfile, gossipOptions } from './options.js';
export type { PartitionPolicy, PartitionReport } from './partition-detector.js';
export { healthScoreOf, phiOf } from './phi-accrual.js';
export { pushPullScale } from './rounds.js';
export { CLUSTER_TAG_BYTES, clusterTag } from './sealing/cluster-tag.js';
export {
  DatagramSealer,
  type DatagramSealerOptions,
  GOSSIP_FIRST_BYTE,
  SEAL_OVERHEAD_BYTES,
  type SealFault,
} from './sealing/datagram-sealer.js';
export { Keyring } from './sealing/keyring.js';
export { suspicionMinMs, suspicionTimeoutMs } from './suspicions.js';
