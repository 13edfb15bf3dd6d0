import { LIMITS, type RpcError, type SendBuffer } from '../../base/index.js';
import type { Stream, StreamHandler, TrafficClass } from '../../ports/index.js';
import {
  abandonFrame,
  beginFrame,
  type EncodedMessage,
  endFrame,
  FLAG,
  FRAME,
  type FrameFault,
  FrameReader,
  LANE_LENGTH_MAX,
  writeErrorBody,
  writeHeaders,
} from '../../wire/index.js';
import { appendMessage } from './payload.js';

/** Who takes a lane's frames. */
export interface LaneFrames {
  onLaneFrame(
    lane: ServerLane,
    type: number,
    flags: number,
    callId: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): boolean;
  onLaneFault(fault: FrameFault | 'ended' | 'reset'): void;
}

/** Replies that wait for the turn's end beyond this size: one datagram each way would no longer carry them. */
const PROMPT_BYTES = 4_096;

/** The server's end of a lane: requests in, replies out. A client that does not read its replies is not read from. */
export class ServerLane implements StreamHandler {
  readonly out: SendBuffer;
  readonly trafficClass: TrafficClass;
  private readonly stream: Stream;
  private readonly owner: LaneFrames;
  private readonly reader: FrameReader;
  private held = false;
  private reading = false;
  private flushAfterReading = false;

  constructor(stream: Stream, owner: LaneFrames) {
    this.stream = stream;
    this.owner = owner;
    this.out = stream.out;
    this.trafficClass = stream.trafficClass;
    this.reader = new FrameReader(this, LANE_LENGTH_MAX);
  }

  onFrame(type: number, flags: number, callId: number, bytes: Buffer, start: number, end: number): boolean {
    return this.owner.onLaneFrame(this, type, flags, callId, bytes, start, end);
  }

  onData(data: Buffer, fin: boolean): void {
    this.reading = true;
    const fault = this.reader.push(data, fin);
    this.reading = false;
    if (this.flushAfterReading) {
      this.flushAfterReading = false;
      // A short answer leaves at once; many or long ones go out with whatever else this turn brings.
      this.stream.flush(this.out.length < PROMPT_BYTES);
    }
    if (fault !== undefined) this.owner.onLaneFault(fault);
    else if (fin) this.owner.onLaneFault('ended');
  }

  onReset(): void {
    this.owner.onLaneFault('reset');
  }

  onStopped(): void {
    this.owner.onLaneFault('reset');
  }

  onDrained(): void {
    if (!this.held) return;
    this.held = false;
    this.stream.resume();
  }

  /**
   * Sends a reply, or returns false (having written nothing) when it does not fit a lane's frame.
   *
   * @throws RpcError `INPUT_INVALID` (headers)
   */
  reply(
    callId: number,
    load: number,
    encoded: EncodedMessage | Buffer,
    compressed: boolean,
    headers: Readonly<Record<string, string>> | undefined,
    now: boolean,
  ): boolean {
    const out = this.out;
    const mark = out.length;
    writeReplyFrame(out, callId, load, encoded, compressed, headers);
    if (out.length - mark > LIMITS.laneFrameBytesMax) {
      abandonFrame(out, mark);
      return false;
    }
    this.flush(now);
    return true;
  }

  error(callId: number, load: number, error: RpcError, now: boolean): void {
    const mark = beginFrame(this.out, FRAME.ERROR, 0, callId);
    writeErrorBody(this.out, load, error);
    endFrame(this.out, mark);
    this.flush(now);
  }

  flush(now: boolean): void {
    if (!this.held && this.out.length > LIMITS.streamBufferHighWaterBytes) {
      this.held = true;
      this.stream.pause();
    }
    // Handlers that answer at once leave nothing in progress after each call: their replies to one batch go together.
    if (now && this.reading) this.flushAfterReading = true;
    else this.stream.flush(now);
  }
}

/**
 * Appends the headers to the frame begun at `mark`, or takes the frame back when they cannot be sent.
 *
 * @throws RpcError `INPUT_INVALID`
 */
export function writeHeadersOf(out: SendBuffer, mark: number, headers: Readonly<Record<string, string>>): void {
  try {
    writeHeaders(out, headers);
  } catch (error) {
    abandonFrame(out, mark);
    throw error;
  }
}

/** @throws RpcError `INPUT_INVALID` (headers), having written nothing */
export function writeReplyFrame(
  out: SendBuffer,
  callId: number,
  load: number,
  encoded: EncodedMessage | Buffer,
  compressed: boolean,
  headers: Readonly<Record<string, string>> | undefined,
): void {
  const flags = (compressed ? FLAG.COMPRESSED : 0) | (headers === undefined ? 0 : FLAG.HEADERS);
  const mark = beginFrame(out, FRAME.REPLY, flags, callId);
  const at = out.reserve(2);
  out.bytes.writeUInt16BE(load, at);
  out.commit(2);
  if (headers !== undefined) writeHeadersOf(out, mark, headers);
  if (encoded instanceof Uint8Array) out.append(encoded);
  else appendMessage(out, encoded);
  endFrame(out, mark);
}
