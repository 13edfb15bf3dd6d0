import { assert } from './assert.js';
import { BlockPool } from './block-pool.js';

/** A stream keeps a block of its own up to this size; larger ones are lent from the pool while they are needed. */
const OWN_BYTES_MAX = 64 * 1024;
const pool = new BlockPool(1024 * 1024, 8);

/**
 * Bytes waiting to leave, in one contiguous block:
 *
 * ```
 *   0 ....... start ########## end ............ capacity
 *   (sent)          (waiting)      (reserved next)
 * ```
 *
 * Frames are encoded straight into it (`reserve`, write through `bytes`, `commit`), the transport takes from the
 * front (`view`, `consume`). Contiguous because `streamSend` takes one slice: a list of chunks would need a native
 * call or a copy each. An empty buffer holds at most 64 KiB.
 */
export class SendBuffer {
  /** The block. It moves when it grows or empties: read it again after every `reserve`. */
  bytes: Buffer;
  /** First byte not yet taken. */
  start = 0;
  /** One past the last byte committed. */
  end = 0;
  /** The block to go back to from a larger one. */
  private own: Buffer;

  constructor(initialBytes = 1024) {
    this.own = Buffer.allocUnsafeSlow(initialBytes);
    this.bytes = this.own;
  }

  /** Bytes waiting. */
  get length(): number {
    return this.end - this.start;
  }

  /** Makes room for `size` more bytes and returns the offset in `bytes` at which to write them. */
  reserve(size: number): number {
    if (this.end + size > this.bytes.length) this.makeRoom(size);
    return this.end;
  }

  /** Declares `size` bytes at `end` written. */
  commit(size: number): void {
    this.end += size;
  }

  /** Copies `chunk` to the end. */
  append(chunk: Uint8Array): void {
    const at = this.reserve(chunk.length);
    this.bytes.set(chunk, at);
    this.end = at + chunk.length;
  }

  /** The first `sizeMax` waiting bytes, without a copy; valid until the next `reserve` or `consume`. */
  view(sizeMax: number): Buffer {
    const size = Math.min(sizeMax, this.end - this.start);
    return this.bytes.subarray(this.start, this.start + size);
  }

  /** Drops `size` bytes from the front: they were taken. */
  consume(size: number): void {
    this.start += size;
    assert(this.start <= this.end, 'consumed no more than was waiting');
    if (this.start === this.end) this.clear();
  }

  clear(): void {
    this.start = 0;
    this.end = 0;
    if (this.bytes === this.own) return;
    pool.give(this.bytes);
    this.bytes = this.own;
  }

  private makeRoom(size: number): void {
    const waiting = this.end - this.start;
    if (waiting + size <= this.bytes.length && this.start >= this.bytes.length >>> 1) {
      this.bytes.copyWithin(0, this.start, this.end);
    } else {
      this.moveTo(blockFor(waiting + size, this.bytes.length));
    }
    this.start = 0;
    this.end = waiting;
  }

  private moveTo(block: Buffer): void {
    this.bytes.copy(block, 0, this.start, this.end);
    if (this.bytes !== this.own) pool.give(this.bytes);
    if (block.length <= OWN_BYTES_MAX) this.own = block;
    this.bytes = block;
  }
}

/** At least `size` bytes and at least twice the present ones: small blocks by doubling, then the pool's, then by doubling. */
function blockFor(size: number, presentBytes: number): Buffer {
  let capacity = 2 * presentBytes;
  while (capacity < size) capacity *= 2;
  if (capacity <= OWN_BYTES_MAX) return Buffer.allocUnsafeSlow(capacity);
  return capacity <= pool.blockBytes ? pool.take() : Buffer.allocUnsafeSlow(capacity);
}
