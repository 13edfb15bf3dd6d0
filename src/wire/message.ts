/**
 * Messages are MessagePack (msgpackr without its own extensions). A `Uint8Array` travels as bin, `Date` as timestamp,
 * `undefined` as extension type 0, a safe integer as integer, `bigint` as a 64-bit integer.
 */
import { addExtension, type Options, Packr, RESET_BUFFER_MODE, REUSE_BUFFER_MODE, Unpackr } from 'msgpackr';
import { LIMITS, RpcError } from '../base/index.js';
import { checkMessage, type MessageFault } from './message-guard.js';

/** An encoded message inside the encoder's own buffer: copy it out before anything else is encoded. */
export interface EncodedMessage {
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

/** Options as the implementation has them; its declarations lack `auto`. */
const OPTIONS = { useRecords: false, mapsAsObjects: true, int64AsType: 'auto' } as unknown as Options;
const SCRATCH_BYTES = 64 * 1024;
/** A scratch buffer that grew beyond this is replaced, so that one large message does not stay in memory. */
const SCRATCH_RETAIN_BYTES = 1024 * 1024;
const IN_PLACE = REUSE_BUFFER_MODE | RESET_BUFFER_MODE;

/** Where msgpackr lets an extension write: `target` from `position` on is `size` bytes of room. */
type Allocate = (size: number) => { readonly target: Buffer; readonly position: number };

// With `moreTypes` msgpackr takes a `Buffer` for bytes but a plain `Uint8Array` for an extension type. This writes both
// as bin; nothing is ever written under the type, which msgpackr only asks for.
addExtension({
  Class: Uint8Array,
  type: 0x7e,
  pack: ((bytes: Uint8Array, allocate: Allocate): void => {
    const { length } = bytes;
    if (length < 0x100) {
      const { target, position } = allocate(2 + length);
      target[position] = 0xc4;
      target[position + 1] = length;
      target.set(bytes, position + 2);
    } else if (length < 0x1_0000) {
      const { target, position } = allocate(3 + length);
      target[position] = 0xc5;
      target.writeUInt16BE(length, position + 1);
      target.set(bytes, position + 3);
    } else {
      const { target, position } = allocate(5 + length);
      target[position] = 0xc6;
      target.writeUInt32BE(length, position + 1);
      target.set(bytes, position + 5);
    }
  }) as never,
});

/**
 * Left with msgpackr after every encoding. It has one target buffer for all packers of a process: without this, a
 * packer of the application would be given slices of our scratch, which the next encoding overwrites. In a buffer
 * this small it finds no room (it wants 2,048 bytes and some) and takes one of its own.
 */
const NO_ROOM = Buffer.allocUnsafeSlow(1_024);

/** Encodes into a buffer of its own; results of different encoders do not disturb each other. */
export class MessageEncoder {
  // `moreTypes`: without it a Set or Float32Array is written as something else (a Float32Array even as stray bytes);
  // with it they become extension types, which the receiver's check refuses by name.
  private readonly packr = new Packr({ ...OPTIONS, moreTypes: true });
  private readonly result: { bytes: Buffer; start: number; end: number } = { bytes: Buffer.alloc(0), start: 0, end: 0 };
  private scratch: Buffer = Buffer.allocUnsafeSlow(SCRATCH_BYTES);

  /**
   * The result is one reused object over the encoder's buffer, valid until the next call.
   *
   * @throws RpcError `INPUT_INVALID` when the value has no encoding (a symbol, a cycle)
   */
  encode(value: unknown): EncodedMessage {
    if (value instanceof Uint8Array) return this.encodeBytes(value);
    if (typeof value === 'function') throw RpcError.of('INPUT_INVALID', 'a function is not a message');
    let target: EncodedMessage & Buffer;
    this.packr.useBuffer(this.scratch);
    try {
      target = this.packr.pack(value, IN_PLACE) as EncodedMessage & Buffer;
    } catch (error) {
      throw RpcError.of('INPUT_INVALID', `the message cannot be encoded: ${describe(error)}`, { cause: error });
    } finally {
      this.packr.useBuffer(NO_ROOM);
    }
    this.result.bytes = target;
    this.result.start = target.start;
    this.result.end = target.end;
    if (target !== this.scratch && target.length <= SCRATCH_RETAIN_BYTES) this.scratch = target;
    return this.result;
  }

  /** A message that is nothing but bytes: the common case of those who encode themselves. */
  private encodeBytes(value: Uint8Array): EncodedMessage {
    const size = value.length;
    const needed = size + BIN_HEADER_BYTES_MAX;
    let target = this.scratch;
    if (target.length < needed) {
      target = Buffer.allocUnsafeSlow(needed);
      if (needed <= SCRATCH_RETAIN_BYTES) this.scratch = target;
    }
    let at = 1;
    if (size <= 0xff) {
      target[0] = 0xc4;
      at = target.writeUInt8(size, 1);
    } else if (size <= 0xffff) {
      target[0] = 0xc5;
      at = target.writeUInt16BE(size, 1);
    } else {
      target[0] = 0xc6;
      at = target.writeUInt32BE(size, 1);
    }
    target.set(value, at);
    this.result.bytes = target;
    this.result.start = 0;
    this.result.end = at + size;
    return this.result;
  }
}

const messages = new MessageEncoder();
const unpackr = new Unpackr({ ...OPTIONS, copyBuffers: true });
const range = { start: 0, end: 0 };

/** {@link MessageEncoder.encode} of the encoder for payloads. */
export function encodeMessage(value: unknown): EncodedMessage {
  return messages.encode(value);
}

/**
 * Decodes the message in `bytes[start, end)`; nothing of the result refers to `bytes`.
 *
 * @throws RpcError `MESSAGE_UNDECODABLE`
 */
export function decodeMessage(bytes: Buffer, start: number, end: number): unknown {
  const dataStart = start + binHeaderBytes(bytes, start, end);
  if (dataStart > start) return Buffer.from(bytes.subarray(dataStart, end));
  const fault = checkMessage(bytes, start, end);
  if (fault !== undefined)
    throw RpcError.of('MESSAGE_UNDECODABLE', `the message cannot be decoded: ${FAULT_TEXT[fault]}`);
  range.start = start;
  range.end = end;
  try {
    return unpackr.unpack(bytes, range);
  } catch (error) {
    throw RpcError.of('MESSAGE_UNDECODABLE', `the message cannot be decoded: ${describe(error)}`);
  }
}

/** The length of the header when the message is nothing but bytes of exactly the length it says; else 0. */
function binHeaderBytes(bytes: Buffer, start: number, end: number): number {
  const size = end - start;
  switch (bytes[start]) {
    case 0xc4:
      return size >= 2 && bytes[start + 1] === size - 2 ? 2 : 0;
    case 0xc5:
      return size >= 3 && bytes.readUInt16BE(start + 1) === size - 3 ? 3 : 0;
    case 0xc6:
      return size >= 5 && bytes.readUInt32BE(start + 1) === size - 5 ? 5 : 0;
    default:
      return 0;
  }
}

const BIN_HEADER_BYTES_MAX = 5;

const FAULT_TEXT: Readonly<Record<MessageFault, string>> = {
  truncated: 'it ends early',
  trailing: 'bytes follow its end',
  tooDeep: `it is nested deeper than ${LIMITS.messageDepthMax}`,
  tooMany: `it has more than ${LIMITS.messageElementsMax} values`,
  extension: 'it has an extension type (only dates and undefined may be sent besides JSON types, bytes and bigints)',
  reserved: 'it has the reserved byte 0xc1',
  key: 'a map key is neither a string nor an integer',
};

function describe(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : String(error);
}
