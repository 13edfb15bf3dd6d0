/**
 * A client written from the book's wire protocol page: bytes are made and read here, by hand, and nothing of
 * `src/wire` or `src/drivers` is used. Only the QUIC connection comes from Flotilla.
 */
import type { Connection, ConnectionHandler, ConnectTarget, Endpoint, Stream } from '../../../src/ports/index.js';

export interface PageFrame {
  readonly type: number;
  readonly flags: number;
  readonly callId: number;
  readonly body: Buffer;
}

/** What came on one stream. */
export class PageStream {
  private bytes = Buffer.alloc(0);
  ended = false;
  resetCode: number | undefined;
  stream!: Stream;

  onData(data: Buffer, fin: boolean): void {
    this.bytes = Buffer.concat([this.bytes, data]);
    if (fin) this.ended = true;
  }

  onReset(code: number): void {
    this.resetCode = code;
  }

  onStopped(): void {}

  onDrained(): void {}

  send(...parts: readonly Uint8Array[]): this {
    this.stream.out.append(Buffer.concat(parts));
    this.stream.flush();
    return this;
  }

  end(): this {
    this.stream.end();
    return this;
  }

  /** "Frames": u32 length of everything after itself, u8 type, u8 flags, u32 call id, body. */
  frames(skipBytes = 0): PageFrame[] {
    const frames: PageFrame[] = [];
    const { bytes } = this;
    for (let at = skipBytes; bytes.length >= at + 4 && bytes.length >= at + 4 + bytes.readUInt32BE(at); ) {
      const next = at + 4 + bytes.readUInt32BE(at);
      const body = bytes.subarray(at + 10, next);
      frames.push({
        type: bytes.readUInt8(at + 4),
        flags: bytes.readUInt8(at + 5),
        callId: bytes.readUInt32BE(at + 6),
        body,
      });
      at = next;
    }
    return frames;
  }

  preamble(): number[] {
    return [...this.bytes.subarray(0, 2)];
  }
}

/** One connection: the hello, a data lane, and call streams. */
export class PageClient implements ConnectionHandler {
  readonly connection: Connection;
  readonly fromServer: PageStream[] = [];
  closeCode: number | undefined;
  control!: PageStream;
  lane!: PageStream;
  ack: Record<string, unknown> = {};

  private constructor(endpoint: Endpoint, target: ConnectTarget) {
    this.connection = endpoint.connect({ ...target, earlyData: false }, this);
  }

  /** Connects, says hello, opens a data lane. */
  static async connect(
    endpoint: Endpoint,
    target: ConnectTarget,
    identity: { readonly id: string; readonly features?: readonly string[] },
  ): Promise<PageClient> {
    const client = new PageClient(endpoint, target);
    await until('the connection', () => client.connection.state === 'open');
    const hello = {
      versions: [1],
      features: identity.features ?? [],
      id: identity.id,
      role: 'client',
      messageBytesMax: 4_194_304,
    };
    client.control = client.open().send(Buffer.of(1, 0), frame(0x01, 0, 0, pack(hello)));
    client.lane = client.open().send(Buffer.of(2, 1));
    const ack = await client.frame(client.control, ({ type }) => type === 0x02);
    client.ack = unpack(ack.body) as Record<string, unknown>;
    return client;
  }

  onOpen(): void {}

  onStream(_connection: Connection, stream: Stream): PageStream {
    const incoming = new PageStream();
    incoming.stream = stream;
    this.fromServer.push(incoming);
    return incoming;
  }

  onClosed(_connection: Connection, reason: { readonly code: number }): void {
    this.closeCode = reason.code;
  }

  open(): PageStream {
    const opened = new PageStream();
    const stream = this.connection.openStream('data', opened);
    if (stream === undefined) throw new Error('no stream left');
    opened.stream = stream;
    return opened;
  }

  /** A call with a stream of its own: `03 01`, then OPEN. */
  call(method: string, callId: number): PageStream {
    return this.open().send(Buffer.of(3, 1), frame(0x20, 0x01, callId, named(method, 0)));
  }

  /** The first frame of `stream` that `fits`, as soon as it is there. */
  async frame(stream: PageStream, fits: (frame: PageFrame) => boolean): Promise<PageFrame> {
    await until('a frame', () => stream.frames().some(fits) || this.closeCode !== undefined);
    const found = stream.frames().find(fits);
    if (found === undefined) throw new Error(`the connection was closed with code ${this.closeCode}`);
    return found;
  }

  answer(callId: number): Promise<PageFrame> {
    return this.frame(this.lane, (frame) => frame.callId === callId);
  }
}

export function frame(type: number, flags: number, callId: number, body: Uint8Array = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(10);
  header.writeUInt32BE(6 + body.length, 0);
  header.writeUInt8(type, 4);
  header.writeUInt8(flags, 5);
  header.writeUInt32BE(callId, 6);
  return Buffer.concat([header, body]);
}

/** The head of a call whose method is given by name (flag NAMED). */
export function named(method: string, timeoutMs: number): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(timeoutMs, 0);
  head.writeUInt8(Buffer.byteLength(method), 4);
  return Buffer.concat([head, Buffer.from(method)]);
}

/** The head of a call whose method is given by its number. */
export function numbered(method: number, timeoutMs: number): Buffer {
  const head = Buffer.alloc(6);
  head.writeUInt32BE(timeoutMs, 0);
  head.writeUInt16BE(method, 4);
  return head;
}

/** `u16 length`, then a map of strings. */
export function headers(entries: Readonly<Record<string, string>>): Buffer {
  const map = pack(entries);
  return Buffer.concat([Buffer.of(map.length >> 8, map.length & 0xff), map]);
}

/** MessagePack, in encodings that are valid but not the shortest: a receiver takes any. */
export function pack(value: unknown): Buffer {
  if (value === null) return Buffer.of(0xc0);
  if (typeof value === 'boolean') return Buffer.of(value ? 0xc3 : 0xc2);
  if (typeof value === 'number' && Number.isInteger(value))
    return sized(0xd3, 8, (out) => out.writeBigInt64BE(BigInt(value), 1));
  if (typeof value === 'number') return sized(0xcb, 8, (out) => out.writeDoubleBE(value, 1));
  if (typeof value === 'string') return Buffer.concat([counted(0xdb, Buffer.byteLength(value)), Buffer.from(value)]);
  if (value instanceof Uint8Array) return Buffer.concat([counted(0xc6, value.length), value]);
  if (Array.isArray(value)) return Buffer.concat([counted(0xdd, value.length), ...value.map(pack)]);
  const entries = Object.entries(value as object);
  return Buffer.concat([counted(0xdf, entries.length), ...entries.flatMap(([key, item]) => [pack(key), pack(item)])]);
}

/** The one value in `bytes`. */
export function unpack(bytes: Buffer): unknown {
  const reader = new Unpacker(bytes);
  const value = reader.value();
  if (reader.at !== bytes.length) throw new Error(`${bytes.length - reader.at} bytes follow the message`);
  return value;
}

class Unpacker {
  at = 0;
  private readonly bytes: Buffer;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  value(): unknown {
    const token = this.uint(1);
    if (token < 0x80) return token;
    if (token < 0x90) return this.map(token & 0x0f);
    if (token < 0xa0) return this.array(token & 0x0f);
    if (token < 0xc0) return this.text(token & 0x1f);
    if (token >= 0xe0) return token - 0x100;
    if (token === 0xc0) return null;
    if (token === 0xc2 || token === 0xc3) return token === 0xc3;
    if (token >= 0xc4 && token <= 0xc6) return this.take(this.uint(2 ** (token - 0xc4)));
    if (token === 0xca) return this.take(4).readFloatBE();
    if (token === 0xcb) return this.take(8).readDoubleBE();
    if (token >= 0xcc && token <= 0xcf) return this.uint(2 ** (token - 0xcc));
    if (token >= 0xd0 && token <= 0xd2) return this.take(2 ** (token - 0xd0)).readIntBE(0, 2 ** (token - 0xd0));
    if (token === 0xd3) return Number(this.take(8).readBigInt64BE());
    if (token >= 0xd9 && token <= 0xdb) return this.text(this.uint(2 ** (token - 0xd9)));
    if (token === 0xdc || token === 0xdd) return this.array(this.uint(token === 0xdc ? 2 : 4));
    if (token === 0xde || token === 0xdf) return this.map(this.uint(token === 0xde ? 2 : 4));
    return this.extension(token);
  }

  /** The three sizes of the timestamp, and `d4 00 00`. */
  private extension(token: number): unknown {
    if (token === 0xd4 && this.uint(2) === 0) return undefined;
    if (token === 0xd6 && this.uint(1) === 0xff) return new Date(1_000 * this.uint(4));
    if (token === 0xd7 && this.uint(1) === 0xff) {
      const packed = this.take(8).readBigUInt64BE();
      return new Date(1_000 * Number(packed & 0x3_ffff_ffffn) + Number(packed >> 34n) / 1e6);
    }
    if (token === 0xc7 && this.uint(2) === 0x0cff) {
      const nanoseconds = this.uint(4);
      return new Date(1_000 * Number(this.take(8).readBigInt64BE()) + nanoseconds / 1e6);
    }
    throw new Error(`a value that the page does not allow: 0x${token.toString(16)}`);
  }

  private take(size: number): Buffer {
    if (this.at + size > this.bytes.length) throw new Error('the message ends early');
    this.at += size;
    return this.bytes.subarray(this.at - size, this.at);
  }

  private uint(size: number): number {
    const bytes = this.take(size);
    return size === 8 ? Number(bytes.readBigUInt64BE()) : bytes.readUIntBE(0, size);
  }

  private text(size: number): string {
    return this.take(size).toString('utf8');
  }

  private array(size: number): unknown[] {
    return Array.from({ length: size }, () => this.value());
  }

  private map(size: number): Record<string, unknown> {
    return Object.fromEntries(Array.from({ length: size }, () => [String(this.value()), this.value()]));
  }
}

function sized(token: number, size: number, write: (out: Buffer) => void): Buffer {
  const out = Buffer.alloc(1 + size);
  out[0] = token;
  write(out);
  return out;
}

function counted(token: number, count: number): Buffer {
  return sized(token, 4, (out) => out.writeUInt32BE(count, 1));
}

/** Waits for `holds()`; the test's own timeout ends it otherwise. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const endMs = performance.now() + 15_000;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`waited 15 s for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
