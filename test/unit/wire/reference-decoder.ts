/**
 * MessagePack, read as plainly as the specification says it, to compare the production decoder with. For bytes that
 * `checkMessage` accepts.
 */
export function readReference(bytes: Buffer): unknown {
  let at = 0;

  function take(size: number): Buffer {
    at += size;
    return bytes.subarray(at - size, at);
  }

  function text(size: number): string {
    return new TextDecoder('utf-8', { ignoreBOM: true }).decode(take(size));
  }

  function list(count: number): unknown[] {
    return Array.from({ length: count }, () => value());
  }

  function map(count: number): Record<string, unknown> {
    const result: Record<string, unknown> = {};
    for (let i = 0; i < count; i++) {
      const key = String(value());
      result[key === '__proto__' ? '__proto_' : key] = value();
    }
    return result;
  }

  function integer(wide: bigint): number | bigint {
    const near = wide >= BigInt(Number.MIN_SAFE_INTEGER) && wide <= BigInt(Number.MAX_SAFE_INTEGER);
    return near ? Number(wide) : wide;
  }

  function date(size: number): Date {
    const body = take(size);
    if (size === 4) return new Date(body.readUInt32BE() * 1_000);
    if (size === 8) {
      const wide = body.readBigUInt64BE();
      return new Date(Number(wide & (2n ** 34n - 1n)) * 1_000 + Number(wide >> 34n) / 1e6);
    }
    // The production decoder looks at the sign and the low 48 bits: nine million years either way.
    const seconds = body.readUIntBE(6, 6) - ((body[4] as number) >= 0x80 ? 2 ** 48 : 0);
    // Nanoseconds are below 2^30 by the specification; what production does above that does no harm.
    return new Date(seconds * 1_000 + body.readInt32BE() / 1e6);
  }

  function value(): unknown {
    const token = take(1)[0] as number;
    if (token <= 0x7f) return token;
    if (token <= 0x8f) return map(token & 0x0f);
    if (token <= 0x9f) return list(token & 0x0f);
    if (token <= 0xbf) return text(token & 0x1f);
    if (token >= 0xe0) return token - 256;
    switch (token) {
      case 0xc0:
        return null;
      case 0xc2:
        return false;
      case 0xc3:
        return true;
      case 0xc4:
        return Buffer.from(take(take(1).readUInt8()));
      case 0xc5:
        return Buffer.from(take(take(2).readUInt16BE()));
      case 0xc6:
        return Buffer.from(take(take(4).readUInt32BE()));
      case 0xc7:
        at += 2;
        return date(12);
      case 0xca:
        return take(4).readFloatBE();
      case 0xcb:
        return take(8).readDoubleBE();
      case 0xcc:
        return take(1).readUInt8();
      case 0xcd:
        return take(2).readUInt16BE();
      case 0xce:
        return take(4).readUInt32BE();
      case 0xcf:
        return integer(take(8).readBigUInt64BE());
      case 0xd0:
        return take(1).readInt8();
      case 0xd1:
        return take(2).readInt16BE();
      case 0xd2:
        return take(4).readInt32BE();
      case 0xd3:
        return integer(take(8).readBigInt64BE());
      case 0xd4:
        at += 2;
        return undefined;
      case 0xd6:
        at += 1;
        return date(4);
      case 0xd7:
        at += 1;
        return date(8);
      case 0xd9:
        return text(take(1).readUInt8());
      case 0xda:
        return text(take(2).readUInt16BE());
      case 0xdb:
        return text(take(4).readUInt32BE());
      case 0xdc:
        return list(take(2).readUInt16BE());
      case 0xdd:
        return list(take(4).readUInt32BE());
      case 0xde:
        return map(take(2).readUInt16BE());
      case 0xdf:
        return map(take(4).readUInt32BE());
      default:
        throw new Error(`token ${token.toString(16)}`);
    }
  }

  const result = value();
  if (at !== bytes.length) throw new Error(`${bytes.length - at} bytes left`);
  return result;
}
