import type { RpcReason } from '../base/index.js';
import type { KeyValue } from './key-value.js';

export interface PutReply {
  readonly type: 'put';
  readonly previous: KeyValue | undefined;
}

export interface DeleteReply {
  readonly type: 'delete';
  readonly deleted: number;
  /** When asked for; at most `kvReplyBytesMax` of them. */
  readonly previous: readonly KeyValue[];
}

export interface RangeReply {
  readonly type: 'range';
  readonly items: readonly KeyValue[];
  /** Keys in the range when `countOnly`, else the number of items. */
  readonly count: number;
  /** There are keys beyond the last item. */
  readonly more: boolean;
}

export type TxnOpReply = PutReply | DeleteReply | RangeReply;

export interface TxnReply {
  readonly type: 'txn';
  readonly succeeded: boolean;
  readonly replies: readonly TxnOpReply[];
}

export interface LeaseReply {
  readonly type: 'lease';
  readonly lease: number;
  readonly ttlMs: number;
  /** Until it ends, by the store's time. */
  readonly remainingMs: number;
  /** When asked for, in order. */
  readonly keys: readonly string[];
}

export type KvAnswer =
  | TxnOpReply
  | TxnReply
  | LeaseReply
  /** `keys`: how many were deleted. */
  | { readonly type: 'revoked'; readonly keys: number }
  | { readonly type: 'expired'; readonly leases: readonly number[]; readonly more: boolean }
  /** `more`: the memory of the forgotten states comes back with later commands; the same command again speeds it up. */
  | { readonly type: 'compacted'; readonly more: boolean }
  | { readonly type: 'error'; readonly reason: RpcReason; readonly message: string };

/** The answer to one command, and the store's revision after it. */
export interface KvReply {
  readonly revision: number;
  readonly answer: KvAnswer;
}
