/** A peer that writes frames by hand, to say what the protocol forbids. */
import { SendBuffer } from '../../../src/base/index.js';
import type { Connection, Stream } from '../../../src/ports/index.js';
import { openRecorded, RecordingConnection, type RecordingStream, write } from '../../../src/testing/index.js';
import {
  beginFrame,
  encodeMessage,
  encodeMethodName,
  endFrame,
  FLAG,
  FRAME,
  FrameReader,
  STREAM_KIND,
  writeCallHead,
} from '../../../src/wire/index.js';
import type { World } from './world.js';

export type RawStream = RecordingStream & { readonly stream: Stream };

export class RawClient {
  readonly handler = new RecordingConnection();
  readonly connection: Connection;
  readonly control: RawStream;

  private constructor(world: World) {
    this.connection = world.clientEndpoint.connect({ ...world.target, earlyData: false }, this.handler);
    this.control = undefined as unknown as RawStream;
  }

  /** Connects and opens stream 0 without writing to it. */
  static async connect(world: World): Promise<RawClient> {
    const client = new RawClient(world);
    await world.until('the raw connection', () => client.connection.state === 'open');
    Object.assign(client, { control: client.open() });
    return client;
  }

  /** Connects and says a good hello. */
  static async greet(world: World): Promise<RawClient> {
    const client = await RawClient.connect(world);
    client.send(client.control, preamble(STREAM_KIND.CONTROL_LANE, 0), hello());
    await world.until('the answer to the hello', () => client.control.sizeBytes > 0);
    return client;
  }

  get closed() {
    return this.handler.closes[0];
  }

  open(options?: { readonly unidirectional?: boolean }): RawStream {
    const opened = openRecorded(this.connection, 'data', options);
    if (opened === undefined) throw new Error('no stream left');
    return opened;
  }

  lane(): RawStream {
    const lane = this.open();
    this.send(lane, preamble(STREAM_KIND.DATA_LANE, 1));
    return lane;
  }

  send(to: RawStream, ...parts: readonly Uint8Array[]): void {
    write(to.stream, Buffer.concat(parts));
  }
}

export interface RawFrame {
  readonly type: number;
  readonly callId: number;
  readonly body: Buffer;
}

/** The frames in what a stream received. */
export function framesOf(data: Buffer): RawFrame[] {
  const frames: RawFrame[] = [];
  const sink = {
    onFrame(type: number, _flags: number, callId: number, bytes: Buffer, start: number, end: number) {
      frames.push({ type, callId, body: Buffer.from(bytes.subarray(start, end)) });
      return true;
    },
  };
  new FrameReader(sink, 64 * 1024 * 1024).push(data, false);
  return frames;
}

export function preamble(kind: number, trafficClass: number): Buffer {
  return Buffer.of(kind, trafficClass);
}

export function frame(type: number, flags: number, callId: number, body: Uint8Array = Buffer.alloc(0)): Buffer {
  const out = new SendBuffer();
  const mark = beginFrame(out, type, flags, callId);
  out.append(body);
  endFrame(out, mark);
  return Buffer.from(out.view(out.length));
}

export function message(value: unknown): Buffer {
  const { bytes, start, end } = encodeMessage(value);
  return Buffer.from(bytes.subarray(start, end));
}

export const HELLO = { versions: [1], features: ['gzip'], id: 'c1', role: 'client', messageBytesMax: 4_000_000 };

export function hello(fields: object = {}): Buffer {
  return frame(FRAME.HELLO, 0, 0, message({ ...HELLO, ...fields }));
}

export function head(method: string | number, timeoutMs = 0): Buffer {
  const out = new SendBuffer();
  writeCallHead(out, timeoutMs, typeof method === 'string' ? encodeMethodName(method) : method, undefined);
  return Buffer.from(out.view(out.length));
}

export function request(method: string, callId: number, value: unknown, timeoutMs = 0): Buffer {
  return frame(FRAME.REQUEST, FLAG.NAMED, callId, Buffer.concat([head(method, timeoutMs), message(value)]));
}

export function open(method: string, callId: number, timeoutMs = 0): Buffer {
  return Buffer.concat([preamble(STREAM_KIND.CALL, 1), frame(FRAME.OPEN, FLAG.NAMED, callId, head(method, timeoutMs))]);
}
