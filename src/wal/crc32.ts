/**
 * CRC-32 as zlib and Ethernet have it (polynomial 0xEDB88320). `seed` is the result for the bytes before: the function
 * can be carried on over parts. `zlib.crc32` of Node.js 20.15 and 22.2 or newer is one.
 */
export type Crc32 = (bytes: Uint8Array, seed?: number) => number;

/** The same in JavaScript, some twenty times slower, for a runtime without a native one. */
export const tableCrc32: Crc32 = (bytes, seed = 0) => {
  let crc = ~seed;
  for (let at = 0; at < bytes.length; at += 1) {
    crc = (crc >>> 8) ^ (TABLE[(crc ^ (bytes[at] as number)) & 0xff] as number);
  }
  return ~crc >>> 0;
};

const TABLE = new Uint32Array(256).map((_, byte) => {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = (value & 1) === 1 ? (value >>> 1) ^ 0xedb8_8320 : value >>> 1;
  return value;
});
