import { decodeByteList, encodeByteList, LIMITS, RpcError } from '../../base/index.js';
import type { CommandSettle } from '../../ports/index.js';

/** Who sends what was gathered: one request, or a list of them that is answered with a list. */
export interface GathererOwner {
  sendOne(request: Uint8Array, timeoutMs: number, settle: CommandSettle): void;
  sendList(requests: Uint8Array, timeoutMs: number, settle: CommandSettle): void;
}

/**
 * Puts the commands of one turn into one call: a call costs the client and the leader several times what a command in a
 * list does. Nothing waits: what callers that run one after the other ask for leaves when the last of them has run.
 */
export class CommandGatherer {
  private readonly owner: GathererOwner;
  private requests: Uint8Array[] = [];
  private settles: CommandSettle[] = [];
  private bytes = 0;
  /** Of the gathered commands, the shortest, which is that of the call, and the longest. */
  private timeoutMs = 0;
  private longestMs = 0;

  constructor(owner: GathererOwner) {
    this.owner = owner;
  }

  add(request: Uint8Array, timeoutMs: number, settle: CommandSettle): void {
    if (!this.fits(request, timeoutMs)) this.send();
    if (this.requests.length === 0) {
      this.timeoutMs = timeoutMs;
      this.longestMs = timeoutMs;
      queueMicrotask(this.send);
    } else if (timeoutMs < this.timeoutMs) this.timeoutMs = timeoutMs;
    else if (timeoutMs > this.longestMs) this.longestMs = timeoutMs;
    this.requests.push(request);
    this.settles.push(settle);
    this.bytes += request.length;
  }

  private fits(request: Uint8Array, timeoutMs: number): boolean {
    const { requests, bytes } = this;
    if (requests.length === 0) return true;
    if (requests.length === COMMANDS_MAX || bytes + request.length > BYTES_MAX) return false;
    // The time of the shortest is that of all; a command whose attempt ends early makes another one.
    return Math.max(timeoutMs, this.longestMs) <= TIMES_APART_MAX * Math.min(timeoutMs, this.timeoutMs);
  }

  /** Sends what has been gathered. */
  readonly send = (): void => {
    const { requests, settles, timeoutMs } = this;
    const [request] = requests;
    const [settle] = settles;
    if (request === undefined || settle === undefined) return;
    this.requests = [];
    this.settles = [];
    this.bytes = 0;
    if (requests.length === 1) this.owner.sendOne(request, timeoutMs, settle);
    else this.owner.sendList(encodeByteList(requests), timeoutMs, new ListSettle(settles));
  };
}

class ListSettle implements CommandSettle {
  private readonly settles: readonly CommandSettle[];

  constructor(settles: readonly CommandSettle[]) {
    this.settles = settles;
  }

  resolve(bytes: Uint8Array): void {
    const replies = decodeByteList(bytes);
    const { settles } = this;
    if (replies?.length !== settles.length) {
      this.reject(
        RpcError.of('PEER_VIOLATION', 'a director’s answer is no list of one reply for each command', {
          maybeExecuted: true,
        }),
      );
      return;
    }
    for (let at = 0; at < settles.length; at += 1) settles[at]?.resolve(replies[at] as Uint8Array);
  }

  reject(error: RpcError): void {
    for (const settle of this.settles) settle.reject(error);
  }
}

/** Within a lane's frame, so that a list does not get a stream of its own. */
const BYTES_MAX = LIMITS.laneFrameBytesMax - 16 * 1024;
const COMMANDS_MAX = 256;
const TIMES_APART_MAX = 2;
