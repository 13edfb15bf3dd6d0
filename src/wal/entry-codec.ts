import type { EntryType, LogEntry, LogIndex, Term } from '../ports/index.js';

/**
 * An entry as it stands in the log file and in an AppendEntries message, little-endian:
 *
 * ```
 *   u32 data bytes · u8 type · 3 zero bytes · f64 index · f64 term · data
 * ```
 */
export const ENTRY_HEAD_BYTES = 24;

export function entryBytes(entry: LogEntry): number {
  return ENTRY_HEAD_BYTES + entry.data.length;
}

/** Writes the entry at `at` and returns where it ends. */
export function writeEntry(bytes: Buffer, at: number, entry: LogEntry): number {
  bytes.writeUInt32LE(entry.data.length, at);
  bytes.writeUInt32LE(ENTRY_TYPES.indexOf(entry.type), at + 4);
  bytes.writeDoubleLE(entry.index, at + 8);
  bytes.writeDoubleLE(entry.term, at + 16);
  bytes.set(entry.data, at + ENTRY_HEAD_BYTES);
  return at + ENTRY_HEAD_BYTES + entry.data.length;
}

/**
 * The entries that fill `bytes[start, end)` exactly; `undefined` when the bytes are none. `data` refers to `bytes`: it
 * must not be reused while the entries live.
 */
export function readEntries(bytes: Buffer, start: number, end: number): LogEntry[] | undefined {
  const entries: LogEntry[] = [];
  let at = start;
  while (at < end) {
    if (at + ENTRY_HEAD_BYTES > end) return undefined;
    const dataStart = at + ENTRY_HEAD_BYTES;
    const dataEnd = dataStart + bytes.readUInt32LE(at);
    const type = ENTRY_TYPES[bytes.readUInt32LE(at + 4)];
    const index = bytes.readDoubleLE(at + 8);
    const term = bytes.readDoubleLE(at + 16);
    if (type === undefined || dataEnd > end || !isCount(index) || !isCount(term)) return undefined;
    entries.push({ index: index as LogIndex, term: term as Term, type, data: bytes.subarray(dataStart, dataEnd) });
    at = dataEnd;
  }
  return entries;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 1;
}

const ENTRY_TYPES: readonly EntryType[] = ['noop', 'commands', 'config'];
