/**
 * The part of DER (ITU-T X.690) that writing an X.509 certificate takes. Reading is left to `node:crypto`.
 * Every function returns one complete tag-length-value element.
 */
import { Buffer } from 'node:buffer';

export function sequence(...elements: readonly Uint8Array[]): Buffer {
  return element(0x30, Buffer.concat(elements));
}

export function set(...elements: readonly Uint8Array[]): Buffer {
  return element(0x31, Buffer.concat(elements));
}

/** `[number]` EXPLICIT or IMPLICIT constructed. */
export function tagged(number: number, ...elements: readonly Uint8Array[]): Buffer {
  return element(0xa0 | number, Buffer.concat(elements));
}

/** `[number]` IMPLICIT over a primitive type whose contents are `bytes`. */
export function taggedPrimitive(number: number, bytes: Uint8Array): Buffer {
  return element(0x80 | number, bytes);
}

export function boolean(value: boolean): Buffer {
  return element(0x01, Uint8Array.of(value ? 0xff : 0));
}

/** A non-negative INTEGER from its big-endian bytes. */
export function integer(bigEndian: Uint8Array): Buffer {
  let start = 0;
  while (start < bigEndian.length - 1 && bigEndian[start] === 0) start += 1;
  const digits = bigEndian.subarray(start);
  const negative = ((digits[0] ?? 0) & 0x80) !== 0;
  return element(0x02, negative ? Buffer.concat([Uint8Array.of(0), digits]) : digits);
}

export function octetString(bytes: Uint8Array): Buffer {
  return element(0x04, bytes);
}

/** A BIT STRING of whole octets, or with `unusedBits` at the end of the last one. */
export function bitString(bytes: Uint8Array, unusedBits = 0): Buffer {
  return element(0x03, Buffer.concat([Uint8Array.of(unusedBits), bytes]));
}

/** From the dotted form. */
export function objectIdentifier(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return element(0x06, Uint8Array.from([first * 40 + second, ...rest].flatMap(base128)));
}

export function utf8String(text: string): Buffer {
  return element(0x0c, Buffer.from(text, 'utf8'));
}

/** UTCTime until the end of 2049, GeneralizedTime after (RFC 5280, section 4.1.2.5); whole seconds. */
export function time(dateMs: number): Buffer {
  const digits = new Date(dateMs)
    .toISOString()
    .replace(/\.\d+Z$/, '')
    .replace(/\D/g, '');
  const utcTime = new Date(dateMs).getUTCFullYear() < 2050;
  return element(utcTime ? 0x17 : 0x18, Buffer.from(`${utcTime ? digits.slice(2) : digits}Z`, 'latin1'));
}

function element(tag: number, contents: Uint8Array): Buffer {
  return Buffer.concat([Uint8Array.of(tag), length(contents.length), contents]);
}

function length(size: number): Uint8Array {
  if (size < 0x80) return Uint8Array.of(size);
  const digits: number[] = [];
  for (let rest = size; rest > 0; rest = Math.floor(rest / 256)) digits.unshift(rest % 256);
  return Uint8Array.of(0x80 | digits.length, ...digits);
}

function base128(value: number): number[] {
  const digits = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128)) digits.unshift(0x80 | (rest % 128));
  return digits;
}
