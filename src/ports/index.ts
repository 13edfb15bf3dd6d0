export type { Clock, Timer } from './clock.js';
export type { DurableRecord } from './durable-record.js';
export type {
  EntryType,
  HardState,
  LogBatch,
  LogEntry,
  LogIndex,
  LogStore,
  MemberId,
  SnapshotMeta,
  StoredLog,
  Term,
} from './log-store.js';
export { type Logger, silentLogger } from './logger.js';
export type { LoopDelay, LoopMeter } from './loop-meter.js';
export type { Random } from './random.js';
export type {
  RegistryChange,
  RegistrySnapshot,
  RegistryStore,
  RegistryWatch,
  RemovalCause,
  WorkerKey,
  WorkerMethod,
  WorkerRecord,
  WorkerRegistration,
  WorkerState,
} from './registry-store.js';
export type {
  CommandSettle,
  Consistency,
  GroupId,
  LeadershipView,
  ProposeOptions,
  ReplicatedGroup,
} from './replicated-group.js';
export type { SendPick, SendScheduler, SendSchedulerFactory } from './send-scheduler.js';
export type { SnapshotDraft, SnapshotStore, StoredSnapshot } from './snapshot-store.js';
export type { StateMachine } from './state-machine.js';
export {
  type CloseReason,
  type Connection,
  type ConnectionHandler,
  type ConnectionState,
  type ConnectTarget,
  type DatagramChannel,
  type DatagramOptions,
  type DatagramReceiver,
  type Endpoint,
  type EndpointCounters,
  isQuicByte,
  newEndpointCounters,
  type SessionStore,
  type Stream,
  type StreamHandler,
  TRAFFIC_CLASSES,
  type TrafficClass,
} from './transport.js';
