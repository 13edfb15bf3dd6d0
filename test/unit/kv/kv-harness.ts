import { crc32 } from 'node:zlib';
import {
  type DeleteOp,
  decodeReply,
  encodeRequest,
  type KeyRange,
  type KvAnswer,
  type KvCommand,
  KvMachine,
  type KvReply,
  type KvRequest,
  type PutOp,
  prefixRange,
  type RangeOp,
  singleKey,
} from '../../../src/kv/index.js';
import type { LogIndex } from '../../../src/ports/index.js';

export function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text));
}

export function textOf(bytes: Uint8Array | undefined): string | undefined {
  return bytes === undefined ? undefined : Buffer.from(bytes).toString();
}

export function put(key: string, value: string, options: Partial<PutOp> = {}): PutOp {
  return { type: 'put', key, value: bytesOf(value), lease: 0, returnPrevious: false, ...options };
}

export function del(range: string | KeyRange, options: Partial<DeleteOp> = {}): DeleteOp {
  return {
    type: 'delete',
    range: typeof range === 'string' ? singleKey(range) : range,
    returnPrevious: false,
    ...options,
  };
}

export function range(what: string | KeyRange, options: Partial<RangeOp> = {}): RangeOp {
  const keys = typeof what === 'string' ? prefixRange(what) : what;
  return { type: 'range', range: keys, limit: 0, revision: 0, keysOnly: false, countOnly: false, ...options };
}

export function get(key: string, options: Partial<RangeOp> = {}): RangeOp {
  return range(singleKey(key), options);
}

/** A machine that takes commands as objects. */
export class KvHarness {
  machine = new KvMachine(crc32);
  private index = 0;

  /** Applies the commands as one entry. */
  apply(...commands: (KvCommand | KvRequest)[]): KvReply[] {
    this.index += 1;
    const encoded = commands.map((command) => encodeRequest(asRequest(command)));
    return this.machine.apply(this.index as LogIndex, encoded).map(decodeReply);
  }

  answer<T extends KvAnswer['type']>(type: T, command: KvCommand | KvRequest): Extract<KvAnswer, { type: T }> {
    const [reply] = this.apply(command);
    if (reply?.answer.type !== type) throw new Error(`expected: ${type}, got ${JSON.stringify(reply?.answer)}`);
    return reply.answer as Extract<KvAnswer, { type: T }>;
  }

  /** The reason of a refusal. */
  refusal(command: KvCommand | KvRequest): string {
    return this.answer('error', command).reason;
  }

  value(key: string, revision = 0): string | undefined {
    return textOf(this.machine.range(get(key, { revision })).items[0]?.value);
  }

  /** `key=value` of every key of users. */
  contents(revision = 0): string[] {
    return this.machine.range(range('', { revision })).items.map(({ key, value }) => `${key}=${textOf(value)}`);
  }

  grant(ttlMs: number, nowMs: number): number {
    return this.answer('lease', { type: 'grantLease', ttlMs, nowMs }).lease;
  }

  /** Another machine that began with a snapshot of this one. */
  async restored(): Promise<KvHarness> {
    const other = new KvHarness();
    await other.machine.restore(this.machine.snapshot());
    return other;
  }
}

export function asRequest(command: KvCommand | KvRequest): KvRequest {
  return 'command' in command ? command : { command, origin: 'user', session: undefined };
}

export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(Buffer.from(chunk));
  return Buffer.concat(parts);
}

export async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
