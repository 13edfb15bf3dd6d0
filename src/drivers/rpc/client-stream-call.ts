/**
 * A call with a stream of its own: all streaming kinds, and unary calls whose message is too long for a lane. The
 * client writes OPEN and its messages and ends its side; the server writes HEADERS at most once, its messages, and END
 * or ERROR.
 */
import { CLOSE_CODES, RpcError } from '../../base/index.js';
import type { Stream, StreamHandler, TrafficClass } from '../../ports/index.js';
import { TRAFFIC_CLASSES } from '../../ports/index.js';
import type { CallOptions, Headers, MethodRef } from '../../rpc/index.js';
import {
  beginFrame,
  endFrame,
  FRAME,
  FrameReader,
  type FrameSink,
  readErrorBody,
  readHeaders,
  STREAM_KIND,
  streamLengthMax,
  writeCallHead,
  writePreamble,
} from '../../wire/index.js';
import { abortError, type PendingCall, watchSignals } from './client-call.js';
import { type ClientConnection, wireTimeout } from './client-connection.js';
import { MessageQueue } from './message-queue.js';
import { MessageWriter } from './message-writer.js';
import { readPayload } from './payload.js';
import { SILENT_STREAM_HANDLER } from './silent-stream-handler.js';

export class ClientStreamCall implements PendingCall, StreamHandler, FrameSink {
  readonly deadlineMs: number;
  readonly replies: MessageQueue;
  readonly writer: MessageWriter;
  /** The server has said how the call ended. */
  answered = false;
  private readonly connection: ClientConnection;
  private readonly stream: Stream;
  private readonly reader: FrameReader;
  private readonly onHeaders: ((headers: Headers) => void) | undefined;
  private readonly signal: AbortSignal | undefined;
  private id = -1;
  private ended = false;
  /** Our side has its FIN. */
  private sideEnded = false;

  /**
   * Opens the stream and sends the head.
   *
   * @throws RpcError `STREAM_LIMIT`, `CALLS_EXHAUSTED`, `INPUT_INVALID` (headers)
   */
  constructor(
    connection: ClientConnection,
    method: MethodRef,
    options: CallOptions | undefined,
    deadlineMs: number,
    defaultClass: TrafficClass,
  ) {
    const trafficClass = options?.priority ?? defaultClass;
    const stream = connection.connection?.openStream(trafficClass, SILENT_STREAM_HANDLER);
    if (stream === undefined) {
      throw RpcError.of('STREAM_LIMIT', `${connection.options.target} allows no further stream at the moment`);
    }
    this.connection = connection;
    this.stream = stream;
    this.deadlineMs = deadlineMs;
    this.onHeaders = options?.onHeaders;
    this.reader = new FrameReader(this, streamLengthMax(connection.options.messageBytesMax));
    this.replies = new MessageQueue(stream, () => this.abandon(CLOSE_CODES.CANCELLED));
    stream.setHandler(this);
    this.id = connection.addCall(this);
    this.writer = new MessageWriter(
      stream,
      this.id,
      connection.messageBytesMax,
      connection.compressionFor(options, method.definition),
      connection.options.clock,
    );
    if (this.id < 0) {
      stream.reset(CLOSE_CODES.CANCELLED);
      throw RpcError.of('CALLS_EXHAUSTED', `too many calls to ${connection.options.target} are in progress`);
    }
    try {
      this.open(method, options, trafficClass);
    } catch (error) {
      connection.removeCall(this.id);
      this.abandon(CLOSE_CODES.CANCELLED);
      throw error;
    }
    this.signal = watchSignals(options);
    this.signal?.addEventListener('abort', this.onAbort, { once: true });
  }

  /** Sends all messages and ends this side; a failing iterable cancels the call and fails it with that error. */
  async sendAll(messages: AsyncIterable<unknown> | Iterable<unknown>): Promise<void> {
    try {
      await this.writer.pump(messages);
      if (!this.ended) this.endSide();
    } catch (error) {
      // The head has been sent: the handler begins without waiting for the first message.
      this.end(RpcError.from(error).asMaybeExecuted());
    }
  }

  /** Sends the only message and ends this side. @throws RpcError `INPUT_INVALID`, `MESSAGE_TOO_LARGE` */
  sendOnly(message: unknown): void {
    try {
      this.writer.write(message);
      this.endSide();
    } catch (error) {
      const failure = RpcError.from(error);
      this.end(
        new RpcError(failure.code, failure.message, { reason: failure.reason, maybeExecuted: false, cause: error }),
      );
    }
  }

  /** The only reply of a `unary` or `clientStream` call. */
  async onlyReply(): Promise<unknown> {
    let reply: unknown;
    let count = 0;
    for await (const message of this.replies) {
      reply = message;
      if (++count > 1) throw RpcError.of('PEER_VIOLATION', 'more than one reply to a call that has one');
    }
    if (count === 0) throw RpcError.of('PEER_VIOLATION', 'the call ended without its reply');
    return reply;
  }

  // PendingCall

  fail(error: RpcError): void {
    this.id = -1;
    this.end(error);
  }

  maybeSent(): boolean {
    return true;
  }

  // StreamHandler

  onData(data: Buffer, fin: boolean): void {
    const fault = this.reader.push(data, fin);
    if (fault !== undefined) this.end(RpcError.of('PEER_VIOLATION', `the reply stream is ${fault}`));
    else if (fin && !this.ended) this.end(RpcError.of('PEER_VIOLATION', 'the reply stream ended without END'));
  }

  onReset(code: number): void {
    this.end(
      RpcError.of('CONNECTION_LOST', `the server ended the stream (code ${code}); the call may have been executed`),
    );
  }

  onStopped(): void {
    // The server reads no more messages; its END or ERROR follows.
    this.writer.close();
  }

  onDrained(): void {
    this.writer.onDrained();
  }

  // FrameSink

  onFrame(type: number, flags: number, _callId: number, bytes: Buffer, start: number, end: number): boolean {
    if (this.ended) return false;
    try {
      switch (type) {
        case FRAME.MESSAGE:
          this.replies.push(
            readPayload(flags, bytes, start, end, this.connection.options.messageBytesMax),
            end - start,
          );
          return true;
        case FRAME.END:
          this.answered = true;
          this.end(undefined);
          return false;
        case FRAME.ERROR:
          this.answered = true;
          this.end(readErrorBody(bytes, start, end));
          return false;
        case FRAME.HEADERS: {
          const target: { headers: Headers | undefined; payloadStart: number } = {
            headers: undefined,
            payloadStart: 0,
          };
          readHeaders(bytes, start, end, target);
          if (target.headers !== undefined) this.onHeaders?.(target.headers);
          return true;
        }
        default:
          return true;
      }
    } catch (error) {
      this.end(RpcError.from(error));
      return false;
    }
  }

  // Private

  private endSide(): void {
    this.sideEnded = true;
    this.stream.end();
  }

  private open(method: MethodRef, options: CallOptions | undefined, trafficClass: TrafficClass): void {
    const out = this.stream.out;
    writePreamble(out, STREAM_KIND.CALL, TRAFFIC_CLASSES.indexOf(trafficClass));
    const { flags, method: wireMethod } = this.connection.flagsAndMethod(method, options);
    const mark = beginFrame(out, FRAME.OPEN, flags, this.id);
    writeCallHead(
      out,
      wireTimeout(this.deadlineMs, this.connection.options.clock.nowMs()),
      wireMethod,
      options?.headers,
    );
    endFrame(out, mark);
    this.stream.flush();
  }

  private readonly onAbort = (): void => {
    if (this.signal !== undefined) this.end(abortError(this.signal, true));
  };

  /** The call is over; tells the peer to stop when it has not finished by itself. */
  private end(error: RpcError | undefined): void {
    if (this.ended) return;
    const serverFinished = error === undefined;
    this.ended = true;
    this.leave();
    const code = error?.reason === 'DEADLINE' ? CLOSE_CODES.DEADLINE_EXCEEDED : CLOSE_CODES.CANCELLED;
    if (!serverFinished) this.stream.stop(code);
    // After END nobody reads what this side may still be sending.
    if (!serverFinished || !this.sideEnded) this.stream.reset(code);
    this.writer.close();
    this.replies.finish(error);
  }

  private abandon(code: number): void {
    if (this.ended) return;
    this.ended = true;
    this.leave();
    this.stream.stop(code);
    this.stream.reset(code);
    this.writer.close();
  }

  private leave(): void {
    this.signal?.removeEventListener('abort', this.onAbort);
    const id = this.id;
    this.id = -1;
    if (id >= 0) this.connection.removeCall(id);
  }
}
