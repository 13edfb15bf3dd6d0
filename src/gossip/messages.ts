/**
 * What gossip members tell each other. Probe messages are those of SWIM (Das, Gupta and Motivala 2002, section 3.1) with
 * the nacks of Lifeguard (Dadgar, Phillips and Currey 2018, section IV-A); news is what SWIM piggybacks (section 4.1).
 * Messages are immutable: a core keeps the news that it received, without a copy.
 */
import type { NodeId, SocketAddress } from '../base/index.js';

/** Short labels of a member, such as `{ role: 'worker', zone: 'a' }`; bounded by `GOSSIP_BOUNDS`. */
export type Tags = Readonly<Record<string, string>>;

/** Asks `target` for an ack. A node that is not `target` does not answer. */
export interface Ping {
  readonly type: 'ping';
  readonly seq: number;
  readonly target: NodeId;
}

/** Answers a ping, or forwards the answer of a ping that was asked for by `pingRequest`. */
export interface Ack {
  readonly type: 'ack';
  readonly seq: number;
}

/** Asks the receiver to ping `target` and to forward its ack (SWIM's ping-req). */
export interface PingRequest {
  readonly type: 'pingRequest';
  readonly seq: number;
  readonly target: NodeId;
  readonly address: SocketAddress;
  /** Whether a nack is wanted when `target` does not answer in time. */
  readonly wantsNack: boolean;
}

/** "I am here, but the target of your ping request did not answer me" (Lifeguard). */
export interface Nack {
  readonly type: 'nack';
  readonly seq: number;
}

/** What a member says of itself. Only the member itself makes one with a higher incarnation. */
export interface Alive {
  readonly type: 'alive';
  readonly id: NodeId;
  readonly incarnation: number;
  readonly address: SocketAddress;
  readonly tags: Tags;
}

/** `by` got no answer from the member. */
export interface Suspect {
  readonly type: 'suspect';
  readonly id: NodeId;
  readonly incarnation: number;
  readonly by: NodeId;
}

/** `by` waited for a refutation until its suspicion ran out. */
export interface Dead {
  readonly type: 'dead';
  readonly id: NodeId;
  readonly incarnation: number;
  readonly by: NodeId;
}

/** The member took its leave. Only the member itself makes one. */
export interface Left {
  readonly type: 'left';
  readonly id: NodeId;
  readonly incarnation: number;
}

export type News = Alive | Suspect | Dead | Left;
export type Accusation = Suspect | Dead | Left;
export type GossipMessage = Ping | Ack | PingRequest | Nack | News;

/** One datagram, opened and decoded. */
export interface Datagram {
  readonly sender: NodeId;
  readonly messages: readonly GossipMessage[];
}

export type MemberState = 'alive' | 'suspect' | 'dead' | 'left';

/** What a node holds of one member, as push-pull exchanges it. */
export interface StateEntry {
  readonly state: MemberState;
  readonly fact: Alive;
}

/** First message of a push-pull exchange, from the node that starts it. */
export interface SyncRequest {
  readonly self: Alive;
  /** See {@link MemberTable.digest}: one number per bucket of ids. */
  readonly digest: Uint32Array;
}

/** What the other node holds in the buckets where the digests differ. */
export interface SyncReply {
  readonly sender: NodeId;
  /** Ascending; empty when both hold the same. */
  readonly buckets: readonly number[];
  readonly entries: readonly StateEntry[];
}

/** What the node that started the exchange holds in those buckets. */
export interface SyncPush {
  readonly sender: NodeId;
  readonly entries: readonly StateEntry[];
}
