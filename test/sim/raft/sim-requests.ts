import { encodeRequest } from '../../../src/kv/index.js';
import type { ReadMode } from '../../../src/raft/index.js';

/** What a client asks a member. */
export type Question =
  | { readonly type: 'write'; readonly command: Uint8Array }
  | { readonly type: 'read'; readonly mode: ReadMode; readonly key: string };

/** `refused`: this attempt did nothing and will do nothing. No answer at all says nothing. */
export type Answer =
  | { readonly type: 'written'; readonly reply: Uint8Array }
  | { readonly type: 'value'; readonly value: string | undefined }
  | { readonly type: 'refused' };

/** The payload of a `commands` entry: `u32 count`, then for each `u32 bytes · command`. */
export function encodeBatch(commands: readonly Uint8Array[]): Uint8Array {
  const size = commands.reduce((sum, command) => sum + 4 + command.length, 4);
  const bytes = Buffer.alloc(size);
  bytes.writeUInt32LE(commands.length, 0);
  let at = 4;
  for (const command of commands) {
    bytes.writeUInt32LE(command.length, at);
    bytes.set(command, at + 4);
    at += 4 + command.length;
  }
  return bytes;
}

export function decodeBatch(payload: Uint8Array): Uint8Array[] {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
  const commands: Uint8Array[] = [];
  let at = 4;
  for (let left = bytes.readUInt32LE(0); left > 0; left -= 1) {
    const end = at + 4 + bytes.readUInt32LE(at);
    commands.push(bytes.subarray(at + 4, end));
    at = end;
  }
  return commands;
}

/** A command of nobody, the `count`th. Some are large, so that segments fill. */
export function noiseCommand(count: number): Uint8Array {
  const value = Buffer.alloc(count % 8 === 0 ? 3_000 : 8, count);
  const command = { type: 'put', key: `noise${count % 3}`, value, lease: 0, returnPrevious: false } as const;
  return encodeRequest({ command, origin: 'user', session: undefined });
}
