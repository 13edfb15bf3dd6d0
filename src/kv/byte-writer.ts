import { RpcError } from '../base/index.js';

/** Bytes being put together; grows as needed. Whole numbers are LEB128 varints of up to 53 bits. */
export class ByteWriter {
  private readonly initialBytes: number;
  private bytes: Buffer;
  private end = 0;

  constructor(initialBytes = 256) {
    this.initialBytes = initialBytes;
    this.bytes = Buffer.allocUnsafe(initialBytes);
  }

  get length(): number {
    return this.end;
  }

  byte(value: number): void {
    this.reserve(1);
    this.bytes[this.end] = value;
    this.end += 1;
  }

  /** @throws RpcError `KV_INVALID` unless it is a safe integer, 0 or more */
  uint(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) {
      throw RpcError.of('KV_INVALID', `${value} is not a whole number from 0 to 2^53`);
    }
    this.reserve(8);
    let rest = value;
    // Whole numbers of 32 bits are far cheaper to take apart.
    while (rest >= 0x8000_0000) {
      this.bytes[this.end] = (rest % 0x80) | 0x80;
      this.end += 1;
      rest = Math.floor(rest / 0x80);
    }
    while (rest >= 0x80) {
      this.bytes[this.end] = (rest & 0x7f) | 0x80;
      this.end += 1;
      rest >>>= 7;
    }
    this.bytes[this.end] = rest;
    this.end += 1;
  }

  /** As four bytes, the lowest first. */
  uint32(value: number): void {
    this.reserve(4);
    this.end = this.bytes.writeUInt32LE(value, this.end);
  }

  data(value: Uint8Array): void {
    this.uint(value.length);
    this.append(value);
  }

  /** Without its length. */
  append(value: Uint8Array): void {
    this.reserve(value.length);
    this.bytes.set(value, this.end);
    this.end += value.length;
  }

  text(value: string): void {
    if (value.length < 0x80 && this.shortText(value)) return;
    const size = Buffer.byteLength(value);
    this.uint(size);
    this.reserve(size);
    this.end += this.bytes.write(value, this.end);
  }

  /** Puts four bytes in the place of those at `at`. */
  setUint32(at: number, value: number): void {
    this.bytes.writeUInt32LE(value, at);
  }

  /** Forgets what was written from `end` on. */
  cut(end: number): void {
    this.end = end;
  }

  /** Forgets what was written, and gives memory back when that was much. */
  clear(): void {
    this.end = 0;
    if (this.bytes.length > KEPT_BYTES_MAX) this.bytes = Buffer.allocUnsafe(this.initialBytes);
  }

  /** Forgets what was written, and keeps the memory. */
  restart(): void {
    this.end = 0;
  }

  /** What was written, until the next write. */
  view(): Buffer {
    return this.bytes.subarray(0, this.end);
  }

  /** A copy of what was written, after which the writer is empty. */
  take(): Buffer {
    const taken = Buffer.allocUnsafe(this.end);
    this.bytes.copy(taken, 0, 0, this.end);
    this.end = 0;
    return taken;
  }

  /** False, and nothing is written, when it is not all ASCII. What most texts are, without a call into the system. */
  private shortText(value: string): boolean {
    const { length } = value;
    this.reserve(1 + length);
    const { bytes, end } = this;
    bytes[end] = length;
    for (let at = 0; at < length; at += 1) {
      const unit = value.charCodeAt(at);
      if (unit >= 0x80) return false;
      bytes[end + 1 + at] = unit;
    }
    this.end = end + 1 + length;
    return true;
  }

  private reserve(size: number): void {
    if (this.end + size <= this.bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.end + size));
    this.bytes.copy(grown, 0, 0, this.end);
    this.bytes = grown;
  }
}

const KEPT_BYTES_MAX = 64 * 1024;
