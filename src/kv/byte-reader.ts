/** The bytes are not what a {@link ByteReader} was asked to find in them. Never leaves this folder. */
export class MalformedBytes extends Error {}

/**
 * Reads what a `ByteWriter` wrote. Every method throws `MalformedBytes` when it is not there; lengths are checked
 * before anything is allocated.
 */
export class ByteReader {
  private readonly bytes: Buffer;
  private at = 0;

  constructor(bytes: Uint8Array) {
    this.bytes = Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get isAtEnd(): boolean {
    return this.at === this.bytes.length;
  }

  byte(): number {
    const value = this.bytes[this.at];
    if (value === undefined) throw new MalformedBytes('they end early');
    this.at += 1;
    return value;
  }

  /** Only the shortest form of a number is taken, so that equal values have equal bytes. */
  uint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (!Number.isSafeInteger(value)) throw new MalformedBytes('a number is too large');
      if (byte < 0x80) {
        if (byte === 0 && scale > 1) throw new MalformedBytes('a number is not in its shortest form');
        return value;
      }
      scale *= 0x80;
    }
  }

  /** A view into the bytes: copy it to keep it. */
  data(): Uint8Array {
    const size = this.uint();
    if (size > this.bytes.length - this.at) throw new MalformedBytes('they end early');
    this.at += size;
    return this.bytes.subarray(this.at - size, this.at);
  }

  text(): string {
    const size = this.uint();
    if (size > this.bytes.length - this.at) throw new MalformedBytes('they end early');
    this.at += size;
    return this.bytes.toString('utf8', this.at - size, this.at);
  }

  /** A count of things that take at least a byte each, so that a lie costs no memory. */
  count(): number {
    const value = this.uint();
    if (value > this.bytes.length - this.at) throw new MalformedBytes('a count is too large');
    return value;
  }

  end(): void {
    if (!this.isAtEnd) throw new MalformedBytes('bytes follow the end');
  }
}
