/**
 * Byte strings, one after the other, little-endian:
 *
 * ```
 *   u32 count · count times ( u32 bytes · bytes )
 * ```
 */
export function encodeByteList(items: readonly Uint8Array[]): Buffer {
  let bytes = BYTE_LIST_HEAD_BYTES;
  for (const item of items) bytes += LIST_LENGTH_BYTES + item.length;
  const list = Buffer.allocUnsafe(bytes);
  let at = list.writeUInt32LE(items.length, 0);
  for (const item of items) at = writeListItem(list, at, item);
  return list;
}

/** Writes an item at `at` of a list; returns where the next one stands. */
export function writeListItem(list: Buffer, at: number, item: Uint8Array): number {
  const start = list.writeUInt32LE(item.length, at);
  list.set(item, start);
  return start + item.length;
}

/** The items as parts of `list`; `undefined` when it is none. */
export function decodeByteList(list: Uint8Array): Uint8Array[] | undefined {
  const count = byteListCount(list);
  if (count === undefined) return undefined;
  const items: Uint8Array[] = [];
  let at = BYTE_LIST_HEAD_BYTES;
  for (let left = count; left > 0; left -= 1) {
    const end = listItemEnd(list, at);
    items.push(list.subarray(at + LIST_LENGTH_BYTES, end));
    at = end;
  }
  return items;
}

/** How many items a list holds; `undefined` when it is none. */
export function byteListCount(list: Uint8Array): number | undefined {
  if (list.length < BYTE_LIST_HEAD_BYTES) return undefined;
  const count = uint32(list, 0);
  let at = BYTE_LIST_HEAD_BYTES;
  for (let left = count; left > 0; left -= 1) {
    if (at + LIST_LENGTH_BYTES > list.length) return undefined;
    at = listItemEnd(list, at);
  }
  return at === list.length ? count : undefined;
}

/** Where the item ends whose length stands at `at` of a well-formed list; it begins {@link LIST_LENGTH_BYTES} behind it. */
export function listItemEnd(list: Uint8Array, at: number): number {
  return at + LIST_LENGTH_BYTES + uint32(list, at);
}

/** The list of the `count` items that stand from `start` to `end` of another one. */
export function partOfByteList(list: Uint8Array, count: number, start: number, end: number): Buffer {
  const part = Buffer.allocUnsafe(BYTE_LIST_HEAD_BYTES + end - start);
  part.writeUInt32LE(count, 0);
  part.set(list.subarray(start, end), BYTE_LIST_HEAD_BYTES);
  return part;
}

/** Without the `DataView` that an array by itself does not have. */
function uint32(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8) | ((bytes[at + 2] ?? 0) << 16);
  return low + (bytes[at + 3] ?? 0) * 0x100_0000;
}

/** What a list takes beside its items. */
export function byteListOverhead(count: number): number {
  return BYTE_LIST_HEAD_BYTES + LIST_LENGTH_BYTES * count;
}

/** Where the first item of a list stands. */
export const BYTE_LIST_HEAD_BYTES = 4;
/** What stands before each item. */
export const LIST_LENGTH_BYTES = 4;
