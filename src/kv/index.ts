export { ByteWriter } from './byte-writer.js';
export { ClusterTime } from './cluster-time.js';
export type {
  Comparison,
  DeleteOp,
  KvCommand,
  KvRequest,
  Operator,
  PutOp,
  RangeOp,
  SessionStamp,
  TxnCommand,
  TxnOp,
} from './command.js';
export { encodeRequest, writeRequest } from './command-codec.js';
export {
  ALL_KEYS,
  contains,
  type KeyRange,
  prefixRange,
  RESERVED_PREFIX,
  singleKey,
} from './key-range.js';
export type { KeyValue } from './key-value.js';
export { KvMachine } from './kv-machine.js';
export type {
  DeleteReply,
  KvAnswer,
  KvReply,
  LeaseReply,
  PutReply,
  RangeReply,
  TxnOpReply,
  TxnReply,
} from './reply.js';
export { decodeReply, readPutReply } from './reply-codec.js';
export { asUserRequest, hasTime, withTime } from './request-bytes.js';
export { countPuts } from './request-list.js';
export type { Checksum } from './snapshot-codec.js';
export type { KvWatch, WatchAnswer, WatchEvent, WatchOptions } from './watch.js';
export { decodeWatchMessage, encodeWatchMessage, type WatchMessage } from './watch-codec.js';
