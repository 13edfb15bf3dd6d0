import { LIMITS } from '../base/index.js';
import type { SessionStamp } from './command.js';
import { COMMAND_CODES, REQUEST_VERSION, SESSION_FLAG } from './command-codec.js';
import type { EncodedPut } from './version-store.js';

/**
 * Reads what nearly all commands are: a user's put under a session, of a short key in ASCII, without a lease and without
 * the wish for what was before. Everything else, whatever may be wrong with it included, is for `decodeRequest`. One
 * reader is used over and over: it is the stamp itself, and its fields hold until the next `read`.
 */
export class PutReader implements SessionStamp, EncodedPut {
  id = 0;
  sequence = 0;
  acknowledged = 0;
  /** Where the command stands. */
  bytes: Buffer = NOTHING;
  keyStart = 0;
  keyEnd = 0;
  keyHash = 0;
  valueStart = 0;
  valueEnd = 0;
  private at = 0;
  private end = 0;

  /** Reads the command that stands in `bytes` from `from` to `to`. False when it is another one. */
  read(bytes: Buffer, from: number, to: number): boolean {
    if (to - from < 2 || bytes[from] !== REQUEST_VERSION || bytes[from + 1] !== SESSION_FLAG) return false;
    this.bytes = bytes;
    this.at = from + 2;
    this.end = to;
    this.id = this.uint();
    this.sequence = this.uint();
    this.acknowledged = this.uint();
    if (this.id < 1 || this.sequence < 1 || this.acknowledged < 0 || this.byte() !== PUT_CODE) return false;
    return this.readKey(bytes) && this.readRest(bytes);
  }

  private readKey(bytes: Buffer): boolean {
    const size = this.uint();
    const start = this.at;
    const end = start + size;
    if (size < 1 || size > KEY_BYTES_MAX || end > this.end) return false;
    // The byte 0 begins the cluster's keys.
    let hash = FNV_BASIS;
    for (let at = start; at < end; at += 1) {
      const byte = bytes[at] as number;
      if ((byte - 1) >>> 0 >= 0x7f) return false;
      hash = Math.imul(hash ^ byte, FNV_PRIME);
    }
    this.keyStart = start;
    this.keyEnd = end;
    // Its low bits depend on the low bits of the key alone.
    this.keyHash = hash ^ (hash >>> 15);
    this.at = end;
    return true;
  }

  private readRest(bytes: Buffer): boolean {
    const size = this.uint();
    this.valueStart = this.at;
    this.valueEnd = this.at + size;
    if (size < 0 || size > LIMITS.kvValueBytesMax || this.valueEnd + 2 !== this.end) return false;
    // No lease, and no wish for what was before.
    return bytes[this.valueEnd] === 0 && bytes[this.valueEnd + 1] === 0;
  }

  /** -1 at the end. */
  private byte(): number {
    if (this.at >= this.end) return -1;
    this.at += 1;
    return this.bytes[this.at - 1] as number;
  }

  /** -1 when there is none of up to 49 bits in its shortest form. */
  private uint(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 49; scale *= 0x80) {
      const byte = this.byte();
      if (byte < 0) return -1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return byte === 0 && scale > 1 ? -1 : value;
    }
    return -1;
  }
}

const NOTHING = Buffer.alloc(0);
const PUT_CODE = COMMAND_CODES.indexOf('put');
/** Longer ones are rare, and looking at each byte takes longer than the decoder then. */
const KEY_BYTES_MAX = 256;
const FNV_BASIS = 0x811c_9dc5;
const FNV_PRIME = 0x0100_0193;
