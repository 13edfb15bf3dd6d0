import type { KeyRange } from './key-range.js';

/** Sets a key. */
export interface PutOp {
  readonly type: 'put';
  readonly key: string;
  readonly value: Uint8Array;
  /** The key is deleted when this lease ends; 0 for none. */
  readonly lease: number;
  readonly returnPrevious: boolean;
}

/** Deletes every key of a range (`singleKey` for one). */
export interface DeleteOp {
  readonly type: 'delete';
  readonly range: KeyRange;
  readonly returnPrevious: boolean;
}

/** Reads keys in order. */
export interface RangeOp {
  readonly type: 'range';
  readonly range: KeyRange;
  /** How many at most; 0 for as many as fit into `kvReplyBytesMax`. */
  readonly limit: number;
  /** The state after this revision; 0 for the latest. */
  readonly revision: number;
  readonly keysOnly: boolean;
  /** Only how many there are: no items, no limit. */
  readonly countOnly: boolean;
}

export type TxnOp = PutOp | DeleteOp | RangeOp;

/** Of a key that does not exist all numbers are 0, and no comparison of its value holds. */
export type Comparison =
  | {
      readonly target: 'version' | 'createRevision' | 'modRevision' | 'lease';
      readonly key: string;
      readonly operator: Operator;
      readonly operand: number;
    }
  | { readonly target: 'value'; readonly key: string; readonly operator: Operator; readonly operand: Uint8Array }
  | { readonly target: 'exists'; readonly key: string; readonly operand: boolean };

export type Operator = '=' | '!=' | '<' | '>';

/**
 * Carries out `thenOps` if all comparisons hold, else `elseOps`: at once, under one revision. No key may be written twice.
 * Reads see what the operations before them wrote.
 */
export interface TxnCommand {
  readonly type: 'txn';
  readonly compare: readonly Comparison[];
  readonly thenOps: readonly TxnOp[];
  readonly elseOps: readonly TxnOp[];
}

/**
 * One command of the replicated store. `nowMs` is the proposer's cluster time (see `ClusterTime`), a whole number: the
 * store has no clock, and takes the largest it has seen.
 */
export type KvCommand =
  | TxnOp
  | TxnCommand
  /** Makes a lease, with an id that was never used before. A client's session is a lease too. */
  | { readonly type: 'grantLease'; readonly ttlMs: number; readonly nowMs: number }
  /** Gives a lease its whole time again. */
  | { readonly type: 'keepAlive'; readonly lease: number; readonly nowMs: number }
  /** Ends a lease, its keys and its session. */
  | { readonly type: 'revokeLease'; readonly lease: number }
  | { readonly type: 'timeToLive'; readonly lease: number; readonly withKeys: boolean }
  /** Ends the leases that are over at `nowMs`, those longest over first; many need several commands (`more`). */
  | { readonly type: 'expireLeases'; readonly nowMs: number }
  /** Forgets the states before a revision. */
  | { readonly type: 'compact'; readonly revision: number };

/** Makes a command count once, however often it is proposed. */
export interface SessionStamp {
  /** The client's lease. */
  readonly id: number;
  /** 1, 2, 3, ... in any order of arrival. */
  readonly sequence: number;
  /** The client has the replies to all commands up to this one: they can be forgotten. */
  readonly acknowledged: number;
}

/** What a log entry carries. */
export interface KvRequest {
  readonly command: KvCommand;
  /** `cluster` may touch reserved keys; set by the director that proposes, never by a client. */
  readonly origin: 'user' | 'cluster';
  readonly session: SessionStamp | undefined;
}
