/** Thrown and caught within the codec: the bytes are not what they should be. */
export class CodecFault extends Error {
  override readonly name = 'CodecFault';
}

/** Reads what {@link ByteWriter} writes. @throws CodecFault on anything else; callers in this folder catch it. */
export class ByteReader {
  private readonly bytes: Buffer;
  private at: number;
  private readonly end: number;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.at = start;
    this.end = end;
  }

  get isAtEnd(): boolean {
    return this.at === this.end;
  }

  /** The next `size` bytes as a reader of their own; this one goes on after them. */
  part(size: number): ByteReader {
    const start = this.advance(size);
    return new ByteReader(this.bytes, start, this.at);
  }

  u8(): number {
    return this.bytes[this.advance(1)] as number;
  }

  u16(): number {
    return this.bytes.readUInt16BE(this.advance(2));
  }

  u32(): number {
    return this.bytes.readUInt32BE(this.advance(4));
  }

  varint(): number {
    let value = 0;
    for (let scale = 1; scale <= 0x1000_0000; scale *= 0x80) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return this.checked(value, byte, scale);
    }
    throw new CodecFault('a number has too many bytes');
  }

  text(): string {
    const size = this.u8();
    const start = this.advance(size);
    return this.bytes.toString('utf8', start, this.at);
  }

  /** One number, one encoding: no number above 32 bits and no trailing zero byte. */
  private checked(value: number, lastByte: number, scale: number): number {
    if (value > 0xffff_ffff) throw new CodecFault('a number is above 32 bits');
    if (lastByte === 0 && scale > 1) throw new CodecFault('a number is padded');
    return value;
  }

  private advance(size: number): number {
    const start = this.at;
    if (start + size > this.end) throw new CodecFault('the bytes end early');
    this.at = start + size;
    return start;
  }
}
