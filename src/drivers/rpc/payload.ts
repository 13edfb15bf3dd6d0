/**
 * Payloads of frames: encoded messages, compressed when both sides can and it pays.
 * A compressed payload is `| algorithm u8 | decompressed size u32 | bytes |`; the frame has the flag COMPRESSED.
 */
import { constants, deflateRawSync, gunzipSync, gzipSync, inflateRawSync } from 'node:zlib';
import { RpcError, type SendBuffer } from '../../base/index.js';
import type { MethodDefinition } from '../../rpc/index.js';
import { decodeMessage, type EncodedMessage, FLAG } from '../../wire/index.js';

export type CompressionAlgorithm = 'deflate-raw' | 'gzip';

/** How one kind of message is compressed. `aboveBytes` is `Infinity` when that is done only where a call asks for it. */
export interface Compression {
  readonly algorithm: CompressionAlgorithm;
  readonly aboveBytes: number;
}

/** How a sender compresses: `aboveBytes` holds for the messages of unary calls. */
export interface CompressionPolicy extends Compression {
  /** The same for the messages of streaming calls. Default: as `aboveBytes`. */
  readonly streamsAboveBytes: number;
}

/** With nothing given: only where a call asks for it, with gzip. */
export function compressionPolicy(options: Partial<CompressionPolicy> = {}): CompressionPolicy {
  const { algorithm = 'gzip', aboveBytes = Number.POSITIVE_INFINITY, streamsAboveBytes = aboveBytes } = options;
  return { algorithm, aboveBytes, streamsAboveBytes };
}

export function compressionOf(
  policy: CompressionPolicy,
  method: Pick<MethodDefinition, 'kind' | 'compressible'>,
): Compression {
  if (method.kind === 'unary') return policy;
  const aboveBytes = method.compressible === false ? Number.POSITIVE_INFINITY : policy.streamsAboveBytes;
  return { algorithm: policy.algorithm, aboveBytes };
}

const ALGORITHM_NUMBER: Readonly<Record<CompressionAlgorithm, number>> = { gzip: 1, 'deflate-raw': 2 };
const PREFIX_BYTES = 5;
/** Level 1: on a fast network anything slower costs more time than it saves. */
const LEVEL = { level: constants.Z_BEST_SPEED };

/** The compressed form of a message with its prefix, or `undefined` when it would not be smaller. */
export function compressMessage(encoded: EncodedMessage, algorithm: CompressionAlgorithm): Buffer | undefined {
  const plain = encoded.bytes.subarray(encoded.start, encoded.end);
  const packed = algorithm === 'gzip' ? gzipSync(plain, LEVEL) : deflateRawSync(plain, LEVEL);
  if (packed.length + PREFIX_BYTES >= plain.length) return undefined;
  const framed = Buffer.allocUnsafe(PREFIX_BYTES + packed.length);
  framed[0] = ALGORITHM_NUMBER[algorithm];
  framed.writeUInt32BE(plain.length, 1);
  packed.copy(framed, PREFIX_BYTES);
  return framed;
}

export function appendMessage(out: SendBuffer, encoded: EncodedMessage): void {
  const size = encoded.end - encoded.start;
  const at = out.reserve(size);
  encoded.bytes.copy(out.bytes, at, encoded.start, encoded.end);
  out.commit(size);
}

/**
 * Decodes the payload of a frame.
 *
 * @throws RpcError `MESSAGE_UNDECODABLE`, `MESSAGE_TOO_LARGE`
 */
export function readPayload(flags: number, bytes: Buffer, start: number, end: number, bytesMax: number): unknown {
  if ((flags & FLAG.COMPRESSED) === 0) {
    if (end - start > bytesMax) throw tooLarge(end - start, bytesMax);
    return decodeMessage(bytes, start, end);
  }
  if (end - start < PREFIX_BYTES) throw RpcError.of('MESSAGE_UNDECODABLE', 'the compressed payload ends early');
  const size = bytes.readUInt32BE(start + 1);
  if (size > bytesMax) throw tooLarge(size, bytesMax);
  const plain = decompress(bytes[start] ?? 0, bytes.subarray(start + PREFIX_BYTES, end), size);
  return decodeMessage(plain, 0, plain.length);
}

function decompress(algorithm: number, packed: Buffer, size: number): Buffer {
  // The announced size bounds the output, so that a small payload cannot unfold into a large one.
  const options = { maxOutputLength: Math.max(size, 1) };
  try {
    if (algorithm === ALGORITHM_NUMBER.gzip) return gunzipSync(packed, options);
    if (algorithm === ALGORITHM_NUMBER['deflate-raw']) return inflateRawSync(packed, options);
  } catch (error) {
    throw RpcError.of('MESSAGE_UNDECODABLE', 'the payload cannot be decompressed', { cause: error });
  }
  throw RpcError.of('MESSAGE_UNDECODABLE', `compression algorithm ${algorithm} is unknown`);
}

export function tooLarge(sizeBytes: number, bytesMax: number): RpcError {
  return RpcError.of(
    'MESSAGE_TOO_LARGE',
    `a message of ${sizeBytes} bytes is longer than the ${bytesMax} bytes allowed; stream it in parts or raise messageBytesMax`,
  );
}
