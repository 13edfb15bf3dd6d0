/**
 * Byte strings, one after the other, little-endian:
 *
 * ```
 *   u32 count · count times ( u32 bytes · bytes )
 * ```
 */
export function encodeByteList(items: readonly Uint8Array[]): Buffer {
  let bytes = BYTE_LIST_HEAD_BYTES;
  for (const item of items) bytes += LENGTH_BYTES + item.length;
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
  const view = new DataView(list.buffer, list.byteOffset, list.byteLength);
  if (list.length < BYTE_LIST_HEAD_BYTES) return undefined;
  const count = view.getUint32(0, true);
  if (count > (list.length - BYTE_LIST_HEAD_BYTES) / LENGTH_BYTES) return undefined;
  const items: Uint8Array[] = [];
  let at = BYTE_LIST_HEAD_BYTES;
  for (let left = count; left > 0; left -= 1) {
    if (at + LENGTH_BYTES > list.length) return undefined;
    const end = at + LENGTH_BYTES + view.getUint32(at, true);
    if (end > list.length) return undefined;
    items.push(list.subarray(at + LENGTH_BYTES, end));
    at = end;
  }
  return at === list.length ? items : undefined;
}

/** What a list takes beside its items. */
export function byteListOverhead(count: number): number {
  return BYTE_LIST_HEAD_BYTES + LENGTH_BYTES * count;
}

/** Where the first item of a list stands. */
export const BYTE_LIST_HEAD_BYTES = 4;
const LENGTH_BYTES = 4;
