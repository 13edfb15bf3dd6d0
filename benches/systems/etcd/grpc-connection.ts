import { connect as connectSocket, type Socket } from 'node:net';
import { HpackRequests } from './hpack-requests.js';

/**
 * Unary gRPC calls over one plaintext HTTP/2 connection (RFC 9113), as lean as JavaScript allows: prepared header
 * blocks, one write per turn of the event loop, no stream objects, no flow control beyond what the protocol demands.
 * Only fit for a server that is trusted and for small messages.
 */
export class GrpcConnection {
  private readonly socket: Socket;
  private readonly headers: HpackRequests;
  private readonly blocks = new Map<string, Buffer>();
  private readonly calls = new Map<number, Call>();
  private readonly waiting: Buffer[] = [];
  private outgoing: Buffer[] = [];
  private isFlushScheduled = false;
  private rest: Buffer = EMPTY;
  private nextStream = 1;
  /** Bytes of DATA that the peer takes (section 5.2.1), and those of it that we have not granted again. */
  private sendWindow = 65_535;
  private ungranted = 0;
  private failure: Error | undefined;

  private constructor(socket: Socket, authority: string) {
    this.socket = socket;
    this.headers = new HpackRequests(authority);
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.receive(chunk));
    socket.on('error', (error) => this.fail(error));
    socket.on('close', () => this.fail(new Error(`${authority} closed the connection`)));
    socket.write(PREFACE);
  }

  static connect(port: number): Promise<GrpcConnection> {
    return new Promise((resolve, reject) => {
      const socket = connectSocket({ host: '127.0.0.1', port }, () => {
        socket.off('error', reject);
        resolve(new GrpcConnection(socket, `127.0.0.1:${port}`));
      });
      socket.once('error', reject);
    });
  }

  /** Sends a protobuf message; resolves to the reply's. Rejects when the call has no reply, which is how gRPC fails. */
  call(path: string, message: Uint8Array): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.failure !== undefined) {
        reject(this.failure);
        return;
      }
      const stream = this.nextStream;
      this.nextStream += 2;
      this.calls.set(stream, { resolve, reject, reply: undefined });
      this.send(requestFrames(stream, this.blockOf(path), message), message.length + GRPC_HEAD_BYTES);
    });
  }

  close(): void {
    this.socket.destroy();
  }

  private blockOf(path: string): Buffer {
    const known = this.blocks.get(path);
    if (known !== undefined) return known;
    const isInserted = this.headers.knows(path);
    const block = this.headers.block(path);
    // An insertion moves what was inserted before.
    this.blocks.clear();
    if (isInserted) this.blocks.set(path, block);
    return block;
  }

  private send(frames: Buffer, dataBytes: number): void {
    if (this.waiting.length > 0 || dataBytes > this.sendWindow) {
      this.waiting.push(frames);
      return;
    }
    this.sendWindow -= dataBytes;
    this.write(frames);
  }

  private write(frames: Buffer): void {
    this.outgoing.push(frames);
    if (this.isFlushScheduled) return;
    this.isFlushScheduled = true;
    setImmediate(this.flush);
  }

  private readonly flush = (): void => {
    this.isFlushScheduled = false;
    const frames = this.outgoing;
    this.outgoing = [];
    if (this.failure === undefined)
      this.socket.write(frames.length === 1 ? (frames[0] ?? EMPTY) : Buffer.concat(frames));
  };

  private receive(chunk: Buffer): void {
    const bytes = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    let at = 0;
    while (bytes.length - at >= FRAME_HEAD_BYTES) {
      const end = at + FRAME_HEAD_BYTES + bytes.readUIntBE(at, 3);
      if (end > bytes.length) break;
      const stream = bytes.readUInt32BE(at + 5) & 0x7fff_ffff;
      this.frame(bytes[at + 3] as number, bytes[at + 4] as number, stream, bytes, at + FRAME_HEAD_BYTES, end);
      at = end;
    }
    this.rest = bytes.subarray(at);
    if (this.ungranted >= GRANT_BYTES) this.grant();
  }

  private frame(type: number, flags: number, stream: number, bytes: Buffer, start: number, end: number): void {
    switch (type) {
      case FRAME.data:
        this.ungranted += end - start;
        this.data(stream, bytes, start, end);
        break;
      case FRAME.reset:
        this.end(stream, `stream reset with code ${bytes.readUInt32BE(start)}`);
        return;
      case FRAME.settings:
        if ((flags & ACK) === 0) this.write(head(FRAME.settings, ACK, 0, 0));
        return;
      case FRAME.ping:
        if ((flags & ACK) === 0) {
          this.write(Buffer.concat([head(FRAME.ping, ACK, 0, 8), bytes.subarray(start, end)]));
        }
        return;
      case FRAME.windowUpdate:
        if (stream === 0) this.granted(bytes.readUInt32BE(start));
        return;
      case FRAME.goAway:
        this.fail(new Error('the server goes away'));
        return;
      default:
    }
    if ((flags & END_STREAM) !== 0) this.end(stream, 'the call failed (a gRPC status without a reply)');
  }

  private data(stream: number, bytes: Buffer, start: number, end: number): void {
    const call = this.calls.get(stream);
    if (call === undefined) return;
    const part = bytes.subarray(start, end);
    call.reply = call.reply === undefined ? part : Buffer.concat([call.reply, part]);
  }

  private end(stream: number, otherwise: string): void {
    const call = this.calls.get(stream);
    if (call === undefined) return;
    this.calls.delete(stream);
    if (call.reply === undefined) call.reject(new Error(otherwise));
    else call.resolve(call.reply.subarray(GRPC_HEAD_BYTES));
  }

  private grant(): void {
    const frame = head(FRAME.windowUpdate, 0, 0, 4);
    this.write(Buffer.concat([frame, uint32(this.ungranted)]));
    this.ungranted = 0;
  }

  private granted(bytes: number): void {
    this.sendWindow += bytes;
    for (;;) {
      const next = this.waiting[0];
      if (next === undefined) return;
      const dataBytes = dataBytesOf(next);
      if (dataBytes > this.sendWindow) return;
      this.waiting.shift();
      this.sendWindow -= dataBytes;
      this.write(next);
    }
  }

  private fail(error: Error): void {
    if (this.failure !== undefined) return;
    this.failure = error;
    for (const call of this.calls.values()) call.reject(error);
    this.calls.clear();
    this.socket.destroy();
  }
}

interface Call {
  readonly resolve: (reply: Buffer) => void;
  readonly reject: (error: Error) => void;
  reply: Buffer | undefined;
}

/** HEADERS, and DATA with the message behind gRPC's own head. */
function requestFrames(stream: number, block: Buffer, message: Uint8Array): Buffer {
  const dataBytes = GRPC_HEAD_BYTES + message.length;
  const dataAt = FRAME_HEAD_BYTES + block.length;
  const frames = Buffer.allocUnsafe(dataAt + FRAME_HEAD_BYTES + dataBytes);
  writeHead(frames, 0, FRAME.headers, END_HEADERS, stream, block.length);
  frames.set(block, FRAME_HEAD_BYTES);
  writeHead(frames, dataAt, FRAME.data, END_STREAM, stream, dataBytes);
  frames[dataAt + FRAME_HEAD_BYTES] = 0;
  frames.writeUInt32BE(message.length, dataAt + FRAME_HEAD_BYTES + 1);
  frames.set(message, dataAt + FRAME_HEAD_BYTES + GRPC_HEAD_BYTES);
  return frames;
}

function dataBytesOf(frames: Buffer): number {
  return frames.readUIntBE(FRAME_HEAD_BYTES + frames.readUIntBE(0, 3), 3);
}

function head(type: number, flags: number, stream: number, bytes: number): Buffer {
  const frame = Buffer.allocUnsafe(FRAME_HEAD_BYTES);
  writeHead(frame, 0, type, flags, stream, bytes);
  return frame;
}

function writeHead(bytes: Buffer, at: number, type: number, flags: number, stream: number, length: number): void {
  bytes.writeUIntBE(length, at, 3);
  bytes[at + 3] = type;
  bytes[at + 4] = flags;
  bytes.writeUInt32BE(stream, at + 5);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.allocUnsafe(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

const EMPTY = Buffer.alloc(0);
const FRAME = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 } as const;
const END_STREAM = 0x1;
const ACK = 0x1;
const END_HEADERS = 0x4;
const FRAME_HEAD_BYTES = 9;
const GRPC_HEAD_BYTES = 5;
/** Windows for what we receive: 16 MiB per stream and connection, granted again in parts. */
const WINDOW_BYTES = 16 * 1024 * 1024;
const GRANT_BYTES = WINDOW_BYTES / 4;
/** Section 3.4: the magic, SETTINGS (no push, window of a stream), and the window of the connection. */
const PREFACE = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 'latin1'),
  head(FRAME.settings, 0, 0, 12),
  Buffer.from([0, 2, 0, 0, 0, 0, 0, 4]),
  uint32(WINDOW_BYTES),
  head(FRAME.windowUpdate, 0, 0, 4),
  uint32(WINDOW_BYTES - 65_535),
]);
