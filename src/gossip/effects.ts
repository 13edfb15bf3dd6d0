import type { NodeId, SocketAddress } from '../base/index.js';
import type { GossipMessage, MemberState, Tags } from './messages.js';

/** A member as others see it. */
export interface Member {
  readonly id: NodeId;
  readonly address: SocketAddress;
  readonly tags: Tags;
  readonly incarnation: number;
  readonly state: MemberState;
}

/** To be encoded (`encodeDatagram`), sealed for `receiver` and sent at once; losing it does no harm. */
export interface OutgoingDatagram {
  readonly to: SocketAddress;
  readonly receiver: NodeId;
  readonly messages: readonly GossipMessage[];
  /** Encoded and sealed; at most `datagramBytesMax`. */
  readonly sizeBytes: number;
}

/** Why an exchange is wanted: `join` has an address only, the others a member. */
export type ExchangeCause = 'join' | 'periodic' | 'reconnect' | 'stranger';

/** A push-pull exchange to start over a control lane; a failed one needs no report, the core tries again by itself. */
export interface Exchange {
  readonly to: SocketAddress;
  readonly peer: NodeId | undefined;
  readonly cause: ExchangeCause;
}

/**
 * A probe over a control lane, because datagrams to the member and through others brought no answer. The driver has the
 * member's core answer it (`answerFallback`) and gives the answer to `finishFallback`; a failed one needs no report.
 */
export interface Fallback {
  readonly to: SocketAddress;
  readonly peer: NodeId;
  readonly messages: readonly GossipMessage[];
  /** After this long an answer is of no use any more. */
  readonly timeoutMs: number;
  /** What the member is told that it is accused of: the incarnation, or 0 for nothing. */
  readonly accusedOf: number;
}

export type MemberEventType = 'joined' | 'left' | 'suspected' | 'failed' | 'recovered' | 'tagsUpdated';

/** Something changed about one member. A member that was suspected either recovers, fails or leaves. */
export interface MemberEvent {
  readonly type: MemberEventType;
  readonly member: Member;
  readonly atMs: number;
}

export interface PartitionEvent {
  readonly type: 'partitionSuspected' | 'partitionHealed';
  /** The members lost, or (healed) those that are still missing. */
  readonly missing: readonly NodeId[];
  /** Their share of all members. */
  readonly share: number;
  readonly atMs: number;
}

/**
 * Two nodes claim what only one can have: the id `id` (at `known` and at `other`), or the address `known` (which
 * belongs to `id`, and `otherId` answers there). What was known stays; reported once per probe interval.
 */
export interface ConflictEvent {
  readonly type: 'conflict';
  readonly kind: 'id' | 'address';
  readonly id: NodeId;
  readonly otherId: NodeId;
  readonly known: SocketAddress;
  readonly other: SocketAddress;
  readonly atMs: number;
}

export type GossipEvent = MemberEvent | PartitionEvent | ConflictEvent;

/** What a core wants done. The arrays are the receiver's to keep. */
export interface GossipEffects {
  readonly datagrams: readonly OutgoingDatagram[];
  readonly exchanges: readonly Exchange[];
  readonly fallbacks: readonly Fallback[];
  readonly events: readonly GossipEvent[];
  /** True once after `leave`: the word is spread (or its time is up) and the node may stop. */
  readonly leaveDone: boolean;
}
