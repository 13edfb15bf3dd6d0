import { RpcError } from '../../base/index.js';
import type { KeyValue } from '../../kv/index.js';

/** What can be stored: bytes as they are, text as UTF-8, anything else as JSON: `{ json: value }`. */
export type MetadataValue = Uint8Array | string | { readonly json: unknown };

/** A key with its value, as it was at one revision. */
export class MetadataEntry {
  readonly key: string;
  /** Empty when only keys were asked for. Not to be changed. */
  readonly value: Uint8Array;
  /** The revision that created the key (again, after a delete). */
  readonly createRevision: number;
  /** The revision of this value: compare it in a transaction to change only what was read. */
  readonly modRevision: number;
  /** 1 when it was created, one more with every change. */
  readonly version: number;
  /** The lease the key ends with; 0 for none. */
  readonly lease: number;

  constructor(item: KeyValue) {
    this.key = item.key;
    this.value = item.value;
    this.createRevision = item.createRevision;
    this.modRevision = item.modRevision;
    this.version = item.version;
    this.lease = item.lease;
  }

  /** The value as UTF-8 text. */
  text(): string {
    return Buffer.from(this.value.buffer, this.value.byteOffset, this.value.byteLength).toString('utf8');
  }

  /** The value as JSON; its shape is for the caller to check. @throws SyntaxError */
  json<T = unknown>(): T {
    return JSON.parse(this.text()) as T;
  }
}

export function entryOf(item: KeyValue | undefined): MetadataEntry | undefined {
  return item === undefined ? undefined : new MetadataEntry(item);
}

/** @throws RpcError `KV_INVALID` */
export function bytesOfValue(value: MetadataValue): Uint8Array {
  if (typeof value === 'string') return Buffer.from(value);
  if (value instanceof Uint8Array) return value;
  const json = typeof value === 'object' && value !== null && 'json' in value ? stringify(value.json) : undefined;
  if (json === undefined) throw RpcError.of('KV_INVALID', 'a value is a string, bytes or { json: ... }');
  return Buffer.from(json);
}

function stringify(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch (error) {
    throw RpcError.of('KV_INVALID', `the value has no JSON: ${(error as Error).message}`, { cause: error });
  }
}
