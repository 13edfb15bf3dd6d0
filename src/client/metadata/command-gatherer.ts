import {
  BYTE_LIST_HEAD_BYTES,
  byteListCount,
  LIMITS,
  LIST_LENGTH_BYTES,
  listItemEnd,
  RpcError,
} from '../../base/index.js';
import type { SharedPut } from '../../drivers/metadata/index.js';
import { ByteWriter } from '../../kv/index.js';
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
  private puts: SharedPut[] = [];
  /** The list of their requests (`encodeByteList`), but for the number of them. */
  private readonly list = new ByteWriter(LIMITS.laneFrameBytesMax);
  /** Of the gathered commands, the shortest, which is that of the call, and the longest. */
  private timeoutMs = 0;
  private longestMs = 0;

  constructor(owner: GathererOwner) {
    this.owner = owner;
  }

  /** @throws RpcError `KV_INVALID` when it cannot be encoded: then nothing was added */
  add(put: SharedPut, timeoutMs: number): void {
    if (!this.fits(put, timeoutMs)) this.send();
    this.write(put);
    if (this.puts.push(put) === 1) {
      this.timeoutMs = timeoutMs;
      this.longestMs = timeoutMs;
      queueMicrotask(this.send);
    } else if (timeoutMs < this.timeoutMs) this.timeoutMs = timeoutMs;
    else if (timeoutMs > this.longestMs) this.longestMs = timeoutMs;
  }

  private fits({ bytesMax }: SharedPut, timeoutMs: number): boolean {
    const { puts, list } = this;
    if (puts.length === 0) return true;
    if (puts.length === COMMANDS_MAX || list.length + bytesMax > BYTES_MAX) return false;
    // The time of the shortest is that of all; a command whose attempt ends early makes another one.
    return Math.max(timeoutMs, this.longestMs) <= TIMES_APART_MAX * Math.min(timeoutMs, this.timeoutMs);
  }

  private write(put: SharedPut): void {
    const { list } = this;
    if (this.puts.length === 0) {
      list.clear();
      list.uint32(0);
    }
    const start = list.length;
    try {
      list.uint32(0);
      put.write(list);
      list.setUint32(start, list.length - start - LIST_LENGTH_BYTES);
    } catch (error) {
      list.cut(start);
      throw error;
    }
  }

  /** Sends what has been gathered. */
  readonly send = (): void => {
    const { puts, timeoutMs, list } = this;
    const [first] = puts;
    if (first === undefined) return;
    this.puts = [];
    list.setUint32(0, puts.length);
    const requests = list.take();
    if (puts.length > 1) {
      this.owner.sendList(requests, timeoutMs, new ListSettle(puts, requests));
      return;
    }
    const request = requests.subarray(BYTE_LIST_HEAD_BYTES + LIST_LENGTH_BYTES);
    first.keep(request);
    this.owner.sendOne(request, timeoutMs, first);
  };
}

class ListSettle implements CommandSettle {
  private readonly puts: readonly SharedPut[];
  private readonly requests: Uint8Array;

  constructor(puts: readonly SharedPut[], requests: Uint8Array) {
    this.puts = puts;
    this.requests = requests;
  }

  resolve(replies: Uint8Array): void {
    const { puts } = this;
    if (byteListCount(replies) !== puts.length) {
      this.reject(
        RpcError.of('PEER_VIOLATION', 'a director’s answer is no list of one reply for each command', {
          maybeExecuted: true,
        }),
      );
      return;
    }
    let at = BYTE_LIST_HEAD_BYTES;
    for (const put of puts) {
      const end = listItemEnd(replies, at);
      put.resolveFrom(replies, at + LIST_LENGTH_BYTES, end);
      at = end;
    }
  }

  reject(error: RpcError): void {
    const { puts, requests } = this;
    let at = BYTE_LIST_HEAD_BYTES;
    for (const put of puts) {
      const end = listItemEnd(requests, at);
      put.keep(requests.subarray(at + LIST_LENGTH_BYTES, end));
      put.reject(error);
      at = end;
    }
  }
}

/** Within a lane's frame, so that a list does not get a stream of its own. */
const BYTES_MAX = LIMITS.laneFrameBytesMax - 16 * 1024;
const COMMANDS_MAX = 256;
const TIMES_APART_MAX = 2;
