import { BYTE_LIST_HEAD_BYTES, byteListOverhead, writeListItem } from '../../base/index.js';

/** A command, or several that came together as a list of bytes (`encodeByteList`). */
export interface EncodableCommand {
  readonly bytes: Uint8Array;
  /** How many commands a list holds; `undefined` for a command by itself. */
  readonly listed: number | undefined;
}

/** The payload of an entry of type `commands`: the list of them all. A list by itself is one as it is. */
export function encodeCommands(commands: readonly EncodableCommand[]): Uint8Array {
  const [first] = commands;
  if (commands.length === 1 && first?.listed !== undefined) return first.bytes;
  let count = 0;
  let bytes = 0;
  for (const command of commands) {
    count += command.listed ?? 1;
    bytes += command.bytes.length - (command.listed === undefined ? 0 : byteListOverhead(command.listed));
  }
  const payload = Buffer.allocUnsafe(byteListOverhead(count) + bytes);
  let at = payload.writeUInt32LE(count, 0);
  for (const command of commands) at = write(payload, at, command);
  return payload;
}

function write(payload: Buffer, at: number, { bytes, listed }: EncodableCommand): number {
  if (listed === undefined) return writeListItem(payload, at, bytes);
  const items = bytes.subarray(BYTE_LIST_HEAD_BYTES);
  payload.set(items, at);
  return at + items.length;
}
