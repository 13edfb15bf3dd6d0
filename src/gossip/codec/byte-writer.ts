/** Appends to one buffer that grows and is used again; `take` copies out what was written. */
export class ByteWriter {
  private bytes = Buffer.allocUnsafe(2_048);
  private end = 0;

  get length(): number {
    return this.end;
  }

  /** Starts over; what was written before is gone. */
  reset(): void {
    this.end = 0;
  }

  take(): Uint8Array {
    return new Uint8Array(this.bytes.subarray(0, this.end));
  }

  u8(value: number): void {
    this.reserve(1);
    this.bytes[this.end] = value;
    this.end += 1;
  }

  u16(value: number): void {
    this.reserve(2);
    this.end = this.bytes.writeUInt16BE(value, this.end);
  }

  u32(value: number): void {
    this.reserve(4);
    this.end = this.bytes.writeUInt32BE(value, this.end);
  }

  /** LEB128 of an unsigned 32-bit number: seven bits per byte, lowest first. */
  varint(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.u8((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.u8(rest);
  }

  /** A length byte and UTF-8. The caller has checked that it is at most 255 bytes. */
  text(value: string): void {
    const size = Buffer.byteLength(value);
    this.u8(size);
    this.reserve(size);
    this.end += this.bytes.write(value, this.end);
  }

  private reserve(size: number): void {
    if (this.end + size <= this.bytes.length) return;
    const grown = Buffer.allocUnsafe(Math.max(this.bytes.length * 2, this.end + size));
    this.bytes.copy(grown, 0, 0, this.end);
    this.bytes = grown;
  }
}

/** Bytes that {@link ByteWriter.varint} takes. */
export function varintSize(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return value < 0x1000_0000 ? 4 : 5;
}
