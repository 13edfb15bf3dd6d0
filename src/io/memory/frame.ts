import type { Reason } from '../../base/index.js';

/** What one end of a connection tells the other; the QUIC frame each stands for is named (RFC 9000, section 19). */
export type Frame =
  /** STREAM. `opens`: the first frame of its stream. The receiver owns `data`. */
  | {
      readonly type: 'stream';
      readonly id: number;
      readonly opens: boolean;
      readonly data: Buffer;
      readonly fin: boolean;
    }
  /** RESET_STREAM. */
  | { readonly type: 'reset'; readonly id: number; readonly opens: boolean; readonly code: number }
  /** STOP_SENDING. */
  | { readonly type: 'stop'; readonly id: number; readonly opens: boolean; readonly code: number }
  /** ACK: these bytes of stream data occupy the congestion window no more. */
  | { readonly type: 'acknowledged'; readonly bytes: number }
  /** MAX_STREAM_DATA: the handler has taken these bytes. */
  | { readonly type: 'consumed'; readonly id: number; readonly bytes: number }
  /** MAX_STREAMS: one of your streams has ended. */
  | { readonly type: 'streamEnded'; readonly unidirectional: boolean }
  /** CONNECTION_CLOSE. */
  | { readonly type: 'close'; readonly code: number; readonly message: string }
  /** The server's first flight. `resumed`: the ticket was taken. */
  | { readonly type: 'serverHello'; readonly resumed: boolean; readonly ticket: Uint8Array }
  /** The client's last flight. */
  | { readonly type: 'finished' }
  /** The server does not want the connection. */
  | { readonly type: 'refused'; readonly message: string; readonly reason: Reason };

/** Bytes a packet of these frames would have, roughly: for the counters only. */
export function sizeOf(frames: readonly Frame[]): number {
  let size = PACKET_BYTES;
  for (const frame of frames) size += FRAME_BYTES + (frame.type === 'stream' ? frame.data.length : 0);
  return size;
}

const PACKET_BYTES = 40;
const FRAME_BYTES = 8;
