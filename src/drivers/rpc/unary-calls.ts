import { LIMITS, RpcError } from '../../base/index.js';
import { type AnswerListener, PendingAnswer } from '../../rpc/index.js';
import { encodeMessage, readCallHead, STREAM_KIND, writePreamble } from '../../wire/index.js';
import { handlerError, outputError } from './handler-error.js';
import { type ServedMethod, validated } from './method-table.js';
import { compressMessage, readPayload, tooLarge } from './payload.js';
import { ServerCall } from './server-call.js';
import type { CallHost, StoppableCall } from './server-host.js';
import { type ServerLane, writeReplyFrame } from './server-lane.js';
import { SILENT_STREAM_HANDLER } from './silent-stream-handler.js';

/** Runs the unary calls that arrive on a connection's lanes and answers each exactly once. */
export class UnaryCalls {
  private readonly host: CallHost;

  constructor(host: CallHost) {
    this.host = host;
  }

  /** A REQUEST frame arrived on a lane. */
  onRequest(lane: ServerLane, flags: number, callId: number, bytes: Buffer, start: number, end: number): void {
    const { host } = this;
    const { server } = host;
    let call: ServerCall;
    let input: unknown;
    try {
      const head = readCallHead(flags, bytes, start, end);
      const served = server.methods.find(head.methodName, head.methodNumber);
      const refusal = host.refusal(served, head.methodName, lane.trafficClass);
      if (refusal !== undefined || served === undefined) throw refusal;
      if (served.definition.kind !== 'unary') {
        throw RpcError.of('KIND_MISMATCH', `${served.name} is of kind ${served.definition.kind}, not unary`);
      }
      const nowMs = server.clock.nowMs();
      const deadlineMs = head.timeoutMs === 0 ? Number.POSITIVE_INFINITY : nowMs + head.timeoutMs;
      call = new ServerCall(served, callId, deadlineMs, head.headers, host.connection, nowMs, server.nowMs);
      input = readPayload(flags, bytes, head.payloadStart, end, server.limits.messageBytesMax);
    } catch (thrown) {
      const error = RpcError.from(thrown);
      if (error.reason === 'MESSAGE_UNDECODABLE') server.counters.refusedUndecodable++;
      lane.error(callId, server.load, error, host.inProgress === 0);
      return;
    }
    this.run(lane, call, input);
  }

  private run(lane: ServerLane, call: ServerCall, input: unknown): void {
    const { definition, handler } = call.served;
    this.host.count(1, lane.trafficClass);
    let output: unknown;
    try {
      const checked = definition.input === undefined ? input : validated(definition.input, input, 'input');
      output =
        checked instanceof Promise
          ? checked.then((value) => (call.done ? undefined : handler(value, call)))
          : handler(checked, call);
      if (definition.output !== undefined) output = checkOutput(definition.output, output);
    } catch (error) {
      this.measureSome(lane, call);
      this.fail(lane, call, error);
      return;
    }
    if (!isThenable(output)) {
      this.measureSome(lane, call);
      this.succeed(lane, call, output);
      return;
    }
    const stoppable = new WaitingCall(this, lane, call);
    this.host.watch(call.callId, stoppable);
    if (output instanceof PendingAnswer) {
      output.listen(stoppable);
      return;
    }
    // A thenable of somebody's own may throw or call back twice; a promise does neither.
    (output instanceof Promise ? output : Promise.resolve(output)).then(
      (value) => stoppable.answered(value),
      (error: unknown) => stoppable.failed(error),
    );
  }

  /** The handler's answer came later. */
  answered(lane: ServerLane, call: ServerCall, stoppable: StoppableCall, value: unknown): void {
    this.host.forget(call.callId, stoppable);
    this.measure(lane, call, 1);
    this.succeed(lane, call, value);
  }

  failed(lane: ServerLane, call: ServerCall, stoppable: StoppableCall, error: unknown): void {
    this.host.forget(call.callId, stoppable);
    this.measure(lane, call, 1);
    this.fail(lane, call, error);
  }

  /** For handlers that return no promise. */
  private measureSome(lane: ServerLane, call: ServerCall): void {
    const times = this.host.server.sampleTimes();
    if (times > 0) this.measure(lane, call, times);
  }

  private measure({ trafficClass }: ServerLane, call: ServerCall, times: number): void {
    const { handlerLatency, clock } = this.host.server;
    handlerLatency[trafficClass].record(clock.nowMs() - call.startedMs, times);
  }

  private succeed(lane: ServerLane, call: ServerCall, output: unknown): void {
    this.host.count(-1, lane.trafficClass);
    if (call.done || this.host.closed) return;
    try {
      const encoded = encodeMessage(output);
      const size = encoded.end - encoded.start;
      const bytesMax = this.host.hello?.messageBytesMax ?? LIMITS.messageBytesDefault;
      if (size > bytesMax) throw tooLarge(size, bytesMax);
      const policy = this.host.compression();
      const packed =
        policy !== undefined && size > policy.aboveBytes ? compressMessage(encoded, policy.algorithm) : undefined;
      const body = packed ?? encoded;
      const sent = lane.reply(
        call.callId,
        this.host.server.load,
        body,
        packed !== undefined,
        call.replyHeaders,
        this.host.inProgress === 0,
      );
      if (!sent) this.replyOnStream(call, body, packed !== undefined);
    } catch (thrown) {
      this.answerError(lane, call, outputError(thrown));
      return;
    }
    call.done = true;
    this.host.server.counters.callsSucceeded++;
  }

  private replyOnStream(call: ServerCall, body: Parameters<typeof writeReplyFrame>[3], compressed: boolean): void {
    const stream = this.host.connection.openStream('bulk', SILENT_STREAM_HANDLER, { unidirectional: true });
    if (stream === undefined) {
      throw RpcError.of('STREAM_LIMIT', 'the reply needs a stream of its own and the caller allows no further one');
    }
    writePreamble(stream.out, STREAM_KIND.REPLY, 2);
    writeReplyFrame(stream.out, call.callId, this.host.server.load, body, compressed, call.replyHeaders);
    stream.end();
  }

  private fail(lane: ServerLane, call: ServerCall, thrown: unknown): void {
    this.host.count(-1, lane.trafficClass);
    if (call.done || this.host.closed) return;
    this.answerError(lane, call, handlerError(thrown, call.method, this.host.server.logger));
  }

  private answerError(lane: ServerLane, call: ServerCall, error: RpcError): void {
    call.done = true;
    this.host.server.countFailure(lane.trafficClass);
    lane.error(call.callId, this.host.server.load, error, this.host.inProgress === 0);
  }

  /** The caller gave the call up, or its time is over: it is answered at once, the handler is told. */
  stop(lane: ServerLane, call: ServerCall, stoppable: StoppableCall, error: RpcError): void {
    // Once it is answered the client may use its id again, however long the handler still runs.
    this.host.forget(call.callId, stoppable);
    if (call.done) return;
    call.abort(error);
    this.host.server.counters.callsCancelled++;
    if (!this.host.closed) lane.error(call.callId, this.host.server.load, error, false);
  }
}

/** A unary call whose handler's answer comes later. */
class WaitingCall implements StoppableCall, AnswerListener<unknown> {
  readonly deadlineMs: number;
  private readonly calls: UnaryCalls;
  private readonly lane: ServerLane;
  private readonly call: ServerCall;

  constructor(calls: UnaryCalls, lane: ServerLane, call: ServerCall) {
    this.calls = calls;
    this.lane = lane;
    this.call = call;
    this.deadlineMs = call.deadlineMs;
  }

  stop(error: RpcError): void {
    this.calls.stop(this.lane, this.call, this, error);
  }

  answered(value: unknown): void {
    this.calls.answered(this.lane, this.call, this, value);
  }

  failed(error: unknown): void {
    this.calls.failed(this.lane, this.call, this, error);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}

function checkOutput(schema: NonNullable<ServedMethod['definition']['output']>, output: unknown): unknown {
  return isThenable(output)
    ? output.then((value) => validated(schema, value, 'output'))
    : validated(schema, output, 'output');
}
