/**
 * What the streams between two directors carry. Each message of the stream is one frame:
 *
 * ```
 *   u8 kind · body
 *   1 batch      Raft messages (raft-codec)
 *   2 part       ... of a batch that is too long for one frame; more follows
 *   3 last part
 *   4 hello      u8 version · u8 class · 8 bytes life · u8 length · cluster id · u8 length · address (may be empty)
 *   5 ping       to be answered at once, whatever the groups do
 *   6 pong
 * ```
 *
 * The first frame of each direction is a hello.
 */
import { formatAddress, parseAddress, type SocketAddress } from '../../../base/index.js';

export const FRAME_KIND = { BATCH: 1, PART: 2, LAST_PART: 3, HELLO: 4, PING: 5, PONG: 6 } as const;

/** Who speaks on this stream from now on. */
export interface LinkHello {
  /** Which of the link's streams: 0 control, 1 data. */
  readonly classNumber: number;
  /** Drawn by each process at its start, so that a restarted peer is known from one that only dialled again. */
  readonly life: string;
  readonly clusterId: string;
  /** Where the sender listens. */
  readonly address: SocketAddress | undefined;
}

/** @returns the frame; `life` is 16 hex digits, the other texts have at most 255 bytes */
export function encodeHello({ classNumber, life, clusterId, address }: LinkHello): Buffer {
  const cluster = Buffer.from(clusterId, 'utf8');
  const where = Buffer.from(address === undefined ? '' : formatAddress(address), 'utf8');
  return Buffer.concat([
    Buffer.of(FRAME_KIND.HELLO, HELLO_VERSION, classNumber),
    Buffer.from(life, 'hex'),
    Buffer.of(cluster.length),
    cluster,
    Buffer.of(where.length),
    where,
  ]);
}

/** `undefined` when the frame is not a hello of a version that is known here. */
export function decodeHello(frame: Buffer): LinkHello | undefined {
  if (frame.length < HELLO_HEAD_BYTES || frame[0] !== FRAME_KIND.HELLO || frame[1] !== HELLO_VERSION) return undefined;
  const classNumber = frame[2] ?? 0;
  const life = frame.toString('hex', 3, 11);
  const clusterEnd = HELLO_HEAD_BYTES + (frame[11] ?? 0);
  const end = clusterEnd + 1 + (frame[clusterEnd] ?? 0);
  if (classNumber > 1 || clusterEnd >= frame.length || end !== frame.length) return undefined;
  const clusterId = frame.toString('utf8', HELLO_HEAD_BYTES, clusterEnd);
  const where = frame.toString('utf8', clusterEnd + 1, end);
  try {
    return { classNumber, life, clusterId, address: where === '' ? undefined : parseAddress(where) };
  } catch {
    return undefined;
  }
}

const HELLO_VERSION = 1;
const HELLO_HEAD_BYTES = 12;
export const PING_FRAME: Uint8Array = Uint8Array.of(FRAME_KIND.PING);
export const PONG_FRAME: Uint8Array = Uint8Array.of(FRAME_KIND.PONG);
