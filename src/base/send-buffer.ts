import { assert } from './assert.js';

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
 * call or a copy each. When it empties, a block larger than `retainBytes` is given back.
 */
export class SendBuffer {
  /** The block. It moves when it grows: read it again after every `reserve`. */
  bytes: Buffer;
  /** First byte not yet taken. */
  start = 0;
  /** One past the last byte committed. */
  end = 0;
  private readonly retainBytes: number;

  constructor(initialBytes = 1024, retainBytes = 256 * 1024) {
    this.bytes = Buffer.allocUnsafeSlow(initialBytes);
    this.retainBytes = retainBytes;
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
    if (this.bytes.length > this.retainBytes) this.bytes = Buffer.allocUnsafeSlow(1024);
  }

  private makeRoom(size: number): void {
    const waiting = this.end - this.start;
    if (waiting + size <= this.bytes.length && this.start >= this.bytes.length >>> 1) {
      this.bytes.copyWithin(0, this.start, this.end);
    } else {
      let capacity = this.bytes.length;
      while (capacity < waiting + size) capacity *= 2;
      const grown = Buffer.allocUnsafeSlow(Math.max(capacity, 2 * waiting));
      this.bytes.copy(grown, 0, this.start, this.end);
      this.bytes = grown;
    }
    this.start = 0;
    this.end = waiting;
  }
}
