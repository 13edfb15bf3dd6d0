/**
 * The server's side of a call with its own stream: every streaming kind, and unary calls whose message was too long
 * for a lane.
 */
import { CLOSE_CODES, LIMITS, RpcError } from '../../base/index.js';
import { type Stream, type StreamHandler, type Timer, TRAFFIC_CLASSES, type TrafficClass } from '../../ports/index.js';
import type { MethodKind } from '../../rpc/index.js';
import {
  beginFrame,
  endFrame,
  FRAME,
  type FrameFault,
  FrameReader,
  type FrameSink,
  readCallHead,
  streamLengthMax,
  writeErrorBody,
} from '../../wire/index.js';
import { handlerError, outputError } from './handler-error.js';
import { MessageQueue } from './message-queue.js';
import { MessageWriter } from './message-writer.js';
import { validated } from './method-table.js';
import { compressionOf, readPayload } from './payload.js';
import { ServerCall } from './server-call.js';
import type { CallHost, StoppableCall } from './server-host.js';
import { writeHeadersOf } from './server-lane.js';
import { SILENT_STREAM_HANDLER } from './silent-stream-handler.js';

export class ServerStreamCall implements StreamHandler, FrameSink, StoppableCall {
  deadlineMs = Number.POSITIVE_INFINITY;
  private readonly owner: CallHost;
  private readonly stream: Stream;
  private readonly trafficClass: TrafficClass;
  private readonly reader: FrameReader;
  private call: ServerCall | undefined;
  private inputs: MessageQueue | undefined;
  private writer: MessageWriter | undefined;
  private headTimer: Timer | undefined;
  private started = false;
  private answered = false;
  private headersSent = false;
  /** Counted as a call in progress: from its head until its handler has finished. */
  private counted = false;

  constructor(owner: CallHost, stream: Stream, classNumber: number) {
    this.owner = owner;
    this.stream = stream;
    const { clock, limits } = owner.server;
    this.trafficClass = TRAFFIC_CLASSES[classNumber] ?? 'data';
    stream.setClass(this.trafficClass);
    this.reader = new FrameReader(this, LIMITS.laneFrameBytesMax, owner.reassembly);
    this.headTimer = clock.setTimer(limits.helloTimeoutMs, () => this.refuse('no head came in time'), { unref: true });
  }

  // StreamHandler

  onData(data: Buffer, fin: boolean): void {
    const fault: FrameFault | undefined = this.reader.push(data, fin);
    if (fault !== undefined) {
      this.refuseInput(this.faultError(fault));
      return;
    }
    if (fin) this.onInputsEnd();
  }

  onReset(code: number): void {
    this.stop(left(code));
  }

  onStopped(code: number): void {
    this.stop(left(code));
  }

  onDrained(): void {
    this.writer?.onDrained();
  }

  // FrameSink

  onFrame(type: number, flags: number, callId: number, bytes: Buffer, start: number, end: number): boolean {
    if (this.answered) return false;
    try {
      if (this.call === undefined) {
        if (type !== FRAME.OPEN)
          throw RpcError.of('MESSAGE_UNDECODABLE', 'the first frame of a call’s stream is not its head');
        this.open(flags, callId, bytes, start, end);
      } else if (type === FRAME.MESSAGE) this.onMessage(this.call, flags, bytes, start, end);
    } catch (error) {
      this.refuseInput(RpcError.from(error));
    }
    return !this.answered;
  }

  // StoppableCall

  /** Nobody waits for the rest: the handler is told, the stream ends. */
  stop(error: RpcError): void {
    this.headTimer?.cancel();
    if (!this.started) this.finish();
    if (this.answered) return;
    const { call } = this;
    if (call !== undefined) {
      this.owner.server.counters.callsCancelled++;
      this.owner.forget(call.callId, this);
      call.abort(error);
    }
    this.inputs?.finish(error);
    if (error.reason === 'DEADLINE') this.answerError(error);
    else {
      this.answered = true;
      this.stream.stop(CLOSE_CODES.CANCELLED);
      this.stream.reset(CLOSE_CODES.CANCELLED);
      this.reader.release();
      this.writer?.close();
    }
  }

  // Private

  private open(flags: number, callId: number, bytes: Buffer, start: number, end: number): void {
    this.headTimer?.cancel();
    const { server, connection } = this.owner;
    const head = readCallHead(flags, bytes, start, end);
    const served = server.methods.find(head.methodName, head.methodNumber);
    const refusal = this.owner.refusal(served, head.methodName, this.trafficClass);
    if (refusal !== undefined || served === undefined) throw refusal;
    const nowMs = server.clock.nowMs();
    if (head.timeoutMs > 0) this.deadlineMs = nowMs + head.timeoutMs;
    const call = new ServerCall(served, callId, this.deadlineMs, head.headers, connection, nowMs, server.nowMs);
    const bytesMax = this.owner.hello?.messageBytesMax ?? LIMITS.messageBytesDefault;
    this.reader.setLengthMax(streamLengthMax(server.limits.messageBytesMax));
    this.call = call;
    const policy = this.owner.compression();
    const compression = policy && compressionOf(policy, served.definition);
    this.writer = new MessageWriter(this.stream, callId, bytesMax, compression, server.clock);
    this.owner.begun(callId, this, this.trafficClass);
    this.counted = true;
    const { kind } = served.definition;
    if (kind === 'clientStream' || kind === 'bidiStream') {
      this.inputs = new MessageQueue(this.stream, () => this.stream.stop(CLOSE_CODES.CANCELLED));
      this.start(call, kind, this.inputs);
    }
  }

  private onMessage(call: ServerCall, flags: number, bytes: Buffer, start: number, end: number): void {
    const { definition } = call.served;
    const message = readPayload(flags, bytes, start, end, this.owner.server.limits.messageBytesMax);
    const checked = validated(definition.input, message, 'input');
    if (this.inputs !== undefined) {
      // A validator that answers later would let messages overtake each other: they wait in line for it.
      if (checked instanceof Promise)
        throw RpcError.of('INPUT_INVALID', 'an asynchronous schema cannot check the messages of a stream');
      this.inputs.push(checked, end - start);
    } else if (!this.started) {
      if (checked instanceof Promise) {
        this.started = true;
        checked.then(
          (input) => {
            if (this.answered) this.finish();
            else this.start(call, definition.kind, input);
          },
          (error: unknown) => {
            this.started = false;
            this.answerError(RpcError.from(error));
          },
        );
      } else this.start(call, definition.kind, checked);
    } else throw RpcError.of('KIND_MISMATCH', `${call.method} takes one message`);
  }

  private onInputsEnd(): void {
    if (this.inputs !== undefined) this.inputs.finish();
    else if (!this.started && !this.answered) {
      this.answerError(RpcError.of('MESSAGE_UNDECODABLE', 'the call’s stream ended without its message'));
    }
  }

  private start(call: ServerCall, kind: MethodKind, input: unknown): void {
    this.started = true;
    this.carryOut(call, kind, input).then(
      () => {
        this.measure(call, kind);
        this.finish();
        this.answerEnd(call);
      },
      (error: unknown) => {
        this.measure(call, kind);
        this.finish();
        this.answerError(handlerError(error, call.method, this.owner.server.logger));
      },
    );
  }

  /** The life of a stream is as long as its reader likes: it is no handler's time. */
  private measure(call: ServerCall, kind: MethodKind): void {
    const { clock, handlerLatency } = this.owner.server;
    if (kind === 'unary') handlerLatency[this.trafficClass].record(clock.nowMs() - call.startedMs);
  }

  private async carryOut(call: ServerCall, kind: MethodKind, input: unknown): Promise<void> {
    const { handler, definition } = call.served;
    const writer = this.writer as MessageWriter;
    const output = handler(input, call);
    if (kind === 'unary' || kind === 'clientStream') {
      const reply = await validated(definition.output, await output, 'output');
      if (this.answered) return;
      this.send(call, writer, reply);
      return;
    }
    for await (const message of output as AsyncIterable<unknown>) {
      if (this.answered) return;
      const reply = definition.output === undefined ? message : await validated(definition.output, message, 'output');
      if (this.answered) return;
      this.send(call, writer, reply);
      const pause = writer.pause();
      if (pause !== undefined) await pause;
      if (this.answered) return;
    }
    this.writeReplyHeaders(call);
  }

  private send(call: ServerCall, writer: MessageWriter, message: unknown): void {
    try {
      this.writeReplyHeaders(call);
      writer.write(message);
    } catch (error) {
      throw outputError(error);
    }
  }

  /** Before the first message, or at the end of a call without one. */
  private writeReplyHeaders(call: ServerCall): void {
    if (this.headersSent) return;
    this.headersSent = true;
    if (call.replyHeaders === undefined || this.answered) return;
    const mark = beginFrame(this.stream.out, FRAME.HEADERS, 0, call.callId);
    writeHeadersOf(this.stream.out, mark, call.replyHeaders);
    endFrame(this.stream.out, mark);
  }

  private answerEnd(call: ServerCall): void {
    if (this.answered) return;
    this.answered = true;
    call.done = true;
    this.owner.server.counters.callsSucceeded++;
    const mark = beginFrame(this.stream.out, FRAME.END, 0, call.callId);
    const at = this.stream.out.reserve(2);
    this.stream.out.bytes.writeUInt16BE(this.owner.server.load, at);
    this.stream.out.commit(2);
    endFrame(this.stream.out, mark);
    this.leaveStream();
  }

  private answerError(error: RpcError): void {
    this.headTimer?.cancel();
    if (!this.started) this.finish();
    if (this.answered) return;
    this.answered = true;
    const { call } = this;
    if (call !== undefined) {
      this.owner.forget(call.callId, this);
      if (!call.done) this.owner.server.countFailure(this.trafficClass);
      call.abort(error);
    }
    this.inputs?.finish(error);
    const mark = beginFrame(this.stream.out, FRAME.ERROR, 0, call?.callId ?? 0);
    writeErrorBody(this.stream.out, this.owner.server.load, error);
    endFrame(this.stream.out, mark);
    this.leaveStream();
  }

  private leaveStream(): void {
    this.stream.end();
    // Whatever the client still sends is not read.
    this.stream.stop(CLOSE_CODES.NONE);
    this.stream.setHandler(SILENT_STREAM_HANDLER);
    this.reader.release();
    this.writer?.close();
  }

  private faultError(fault: FrameFault): RpcError {
    const { limits } = this.owner.server;
    switch (fault) {
      case 'tooLong':
        return RpcError.of('MESSAGE_TOO_LARGE', `a message is longer than ${limits.messageBytesMax} bytes`);
      case 'overBudget':
        return RpcError.of(
          'OVERLOADED',
          `messages that have arrived in part take more than ${LIMITS.reassemblyBytesMax} bytes on this connection`,
          { retryAfterMs: limits.retryAfterMs },
        );
      default:
        return RpcError.of('MESSAGE_UNDECODABLE', `the call’s stream is ${fault}`);
    }
  }

  /** Something is wrong with what came; the handler may have begun with what came before. */
  private refuseInput(error: RpcError): void {
    this.answerError(this.started ? error.asMaybeExecuted() : error);
  }

  private refuse(why: string): void {
    this.answerError(RpcError.of('MESSAGE_UNDECODABLE', why));
  }

  /** The call is no longer in progress: its handler has finished, or never began. */
  private finish(): void {
    if (!this.counted || this.call === undefined) return;
    this.counted = false;
    this.owner.ended(this.call.callId, this, this.trafficClass);
  }
}

/** Why the caller left the call. */
function left(code: number): RpcError {
  return code === CLOSE_CODES.DEADLINE_EXCEEDED
    ? RpcError.of('DEADLINE', 'the call’s time ran out at the caller')
    : RpcError.of('CANCELLED_BY_CALLER', 'the caller left the call');
}
