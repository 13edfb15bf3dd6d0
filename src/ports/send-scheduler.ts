import type { TrafficClass } from './transport.js';

/**
 * Decides which stream of ONE connection may hand how many bytes to the transport next.
 *
 * A connection's send capacity (congestion window and flow control) is one pool for all its streams, and a transport
 * that has accepted bytes sends them whatever comes later. So the transport asks here before every hand-over:
 *
 * ```
 *   scheduler.beginTurn();
 *   while ((pick = scheduler.pick(capacity)) !== null) {
 *     accepted = hand over at most pick.bytesMax bytes of pick.streamId;
 *     scheduler.sent(pick.streamId, accepted, bytes still waiting on it);
 *     if (the stream's own flow control refused the rest) scheduler.blocked(pick.streamId);
 *     capacity = what the connection accepts now;
 *   }
 *   send the datagrams;
 *   if (scheduler.turnLimited) take another turn after the event loop's other work (setImmediate);
 * ```
 *
 * `io` may not import the implementation (`lanes`): transports get a {@link SendSchedulerFactory} as an argument.
 *
 * Calls about a stream id that was never added, or was removed, do nothing, so a transport need not order the end of
 * a stream against a turn in progress. Every method is O(1); only `add` allocates.
 */
export interface SendScheduler {
  /**
   * True when ready bulk bytes were held back in this turn ONLY by the bulk quantum. Nothing will wake the transport
   * for them (no acknowledgement is missing), so it has to begin another turn by itself.
   */
  readonly turnLimited: boolean;

  /** Registers a stream with nothing waiting. A stream that is already known only changes its class. */
  add(streamId: number, trafficClass: TrafficClass): void;

  /** Moves a stream to another class; what waits on it counts there at once, behind the streams that were ready. */
  setClass(streamId: number, trafficClass: TrafficClass): void;

  /** Forgets a stream and what waits on it (end, reset, connection gone). */
  remove(streamId: number): void;

  /**
   * Says how many bytes wait on a stream NOW (the total, not the increment). More than 0 makes it ready: at the tail
   * of its class if it was not ready before, in its place otherwise. 0 takes it out. A stream that is blocked stays
   * so until the next turn. A stream whose end (FIN) waits without bytes is not the scheduler's business: a FIN needs
   * no capacity, send it directly.
   */
  markReady(streamId: number, bytesWaiting: number): void;

  /** Starts a turn: the bulk quantum is whole again and blocked streams are tried again, behind the ready ones. */
  beginTurn(): void;

  /**
   * The largest number of bytes the connection may have in flight now (the congestion window). The reserve that is
   * kept for control is never more than a quarter of it, so that data moves through a small window too. Until the
   * first call the smallest window is assumed (2 datagrams of 1,200 bytes; RFC 9002, section 7.2) and the reserve is
   * small. Given the size of a datagram the reserve is also well below that: congestion control lets a window grow only
   * while it is full to the last datagram (RFC 9002, section 7.8), so a larger reserve would keep it at its first size.
   * It is enough to call this now and then, for example once per turn in which `pick` gave null while
   * `capacityBytes` was positive.
   */
  setWindow(windowBytes: number, datagramBytes?: number): void;

  /**
   * The next hand-over, or null when nothing (more) may leave now.
   *
   * `capacityBytes`: what the connection as a whole accepts at this moment, in bytes; `Infinity` when unknown. The
   * returned object is reused by the next call. `bytesMax` is at least 1 and at most what waits on the stream, what
   * its class allows, and `capacityBytes`. Picking alone changes nothing: `sent` or `blocked` must follow, otherwise
   * the next call gives the same answer.
   */
  pick(capacityBytes: number): SendPick | null;

  /**
   * The transport accepted `bytes` (0 to `bytesMax`) of the stream; `bytesWaiting` wait on it now. Accepting nothing
   * counts as `blocked`, so that a loop over `pick` always ends.
   */
  sent(streamId: number, bytes: number, bytesWaiting: number): void;

  /** The stream's own flow control is used up: it is skipped until `beginTurn`. Others of its class go on. */
  blocked(streamId: number): void;
}

/** The answer of {@link SendScheduler.pick}; one object per scheduler, valid until the next call. */
export interface SendPick {
  streamId: number;
  bytesMax: number;
}

/** Makes the scheduler of one connection. */
export type SendSchedulerFactory = () => SendScheduler;
