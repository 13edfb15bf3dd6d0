/**
 * One client connection: the hello, the lanes, and the calls in progress on it. It knows nothing of reconnecting; that
 * is the channel's business. Reference: book, wire protocol.
 */
import { CLOSE_CODES, LIMITS, RpcError, type SendBuffer } from '../../base/index.js';
import type {
  Clock,
  CloseReason,
  Connection,
  ConnectionHandler,
  Stream,
  StreamHandler,
  TrafficClass,
} from '../../ports/index.js';
import { type CallOptions, CallTable, type MethodRef } from '../../rpc/index.js';
import {
  abandonFrame,
  beginFrame,
  decodeMessage,
  type EncodedMessage,
  encodeMessage,
  encodeMethodName,
  endFrame,
  FEATURES,
  FLAG,
  FRAME,
  FRAME_HEADER_BYTES,
  type FrameFault,
  type HelloAck,
  PROTOCOL_VERSIONS,
  parseHelloAck,
  readErrorBody,
  writeCallHead,
  writeEmptyFrame,
} from '../../wire/index.js';
import { abortError, ClientCall, type PendingCall, watchSignals } from './client-call.js';
import type { ClientLane, LaneOwner } from './client-lane.js';
import { ClientLanes } from './client-lanes.js';
import { lostCallError } from './close-error.js';
import { DeadlineTimer } from './deadline-timer.js';
import { appendMessage, type Compression, type CompressionPolicy, compressionOf, compressMessage } from './payload.js';
import { deliverReply } from './reply.js';
import { ReplyStream } from './reply-stream.js';
import type { Settle } from './settle.js';

/** What is told about calls. */
export interface CallObserver {
  /** A unary call got an answer from the peer (a reply, or an error of the handler) after `latencyMs`. */
  onAnswer(load: number, latencyMs: number, trafficClass: TrafficClass): void;
  /** A unary call's message is too long for a lane: it needs a stream of its own, on a connection of the owner's choice. */
  onLongMessage(
    connection: ClientConnection,
    method: MethodRef,
    input: unknown,
    options: CallOptions | undefined,
    deadlineMs: number,
    settle: Settle,
  ): void;
  /** The last call in progress on a connection ended. */
  onIdle(connection?: ClientConnection): void;
}

/** What the owner of a connection (the keeper) is told. */
export interface ConnectionOwner extends CallObserver {
  /** Calls may be made; comes again with `early` false after 0-RTT data was allowed. */
  onReady(connection: ClientConnection, early: boolean): void;
  onHello(connection: ClientConnection, ack: HelloAck): void;
  onGoingAway(connection: ClientConnection): void;
  /** The connection has carried so many streams that it should be replaced. */
  onWornOut(connection: ClientConnection): void;
  onClosed(connection: ClientConnection, reason: CloseReason): void;
  onIdle(connection: ClientConnection): void;
}

export interface ClientConnectionOptions {
  readonly clock: Clock;
  readonly identity: { readonly id: string; readonly role: string };
  readonly messageBytesMax: number;
  readonly lanes: number;
  readonly compression: CompressionPolicy;
  /** After how many calls with a stream of their own the connection is worn out. */
  readonly streamsMax: number;
  /** Names the peer in error messages. */
  readonly target: string;
}

const methodNames = new Map<string, Buffer>();

export class ClientConnection implements ConnectionHandler, LaneOwner {
  readonly calls = new CallTable<PendingCall>();
  readonly options: ClientConnectionOptions;
  /** Set once by the owner, right after `endpoint.connect`. */
  connection: Connection | undefined;
  ack: HelloAck | undefined;
  state: 'connecting' | 'early' | 'open' | 'closed' = 'connecting';
  private readonly owner: ConnectionOwner;
  private readonly deadlines: DeadlineTimer;
  private readonly methodNumbers = new Map<string, number>();
  private lanes: ClientLanes | undefined;
  /** When the replies that are being read arrived: one look at the clock for all of them. */
  private batchMs = 0;
  /** Calls with a stream of their own, from the beginning. */
  private streamCalls = 0;

  constructor(owner: ConnectionOwner, options: ClientConnectionOptions) {
    this.owner = owner;
    this.options = options;
    this.deadlines = new DeadlineTimer(options.clock, (nowMs) => this.expire(nowMs));
  }

  get messageBytesMax(): number {
    return this.ack?.messageBytesMax ?? LIMITS.messageBytesDefault;
  }

  /**
   * Sends a unary call. Every failure, an unencodable input included, goes to `settle`. A message too long for a lane
   * is handed to the owner instead.
   */
  start(method: MethodRef, input: unknown, options: CallOptions | undefined, deadlineMs: number, settle: Settle): void {
    let encoded: EncodedMessage;
    try {
      encoded = encodeMessage(input);
    } catch (error) {
      settle.reject(RpcError.from(error));
      return;
    }
    if (encoded.end - encoded.start > LANE_PAYLOAD_MAX) {
      this.owner.onLongMessage(this, method, input, options, deadlineMs, settle);
      return;
    }
    const nowMs = this.options.clock.nowMs();
    const call = new ClientCall(settle, deadlineMs, nowMs);
    const id = this.calls.add(call);
    if (id < 0) {
      settle.reject(
        RpcError.of('CALLS_EXHAUSTED', `${LIMITS.outstandingCallsMax} calls to ${this.options.target} are in progress`),
      );
      return;
    }
    const lanes = this.lanes as ClientLanes;
    const lane = options?.priority === 'control' ? lanes.control : lanes.next();
    const mark = lane.out.length;
    try {
      this.writeRequest(lane.out, id, method, encoded, options, deadlineMs, nowMs);
    } catch (error) {
      abandonFrame(lane.out, mark);
      this.calls.take(id);
      settle.reject(RpcError.from(error));
      return;
    }
    call.sentOn(lane, lane.out.length - mark);
    lane.written(mark, this.calls.size === 1);
    if (deadlineMs !== Number.POSITIVE_INFINITY) this.deadlines.atMost(this.calls.earliestMs, nowMs);
    if (options !== undefined) this.observe(call, id, options);
  }

  /** Registers a call that has a stream of its own; returns its id, or -1 when none is left. */
  addCall(call: PendingCall): number {
    const id = this.calls.add(call);
    if (++this.streamCalls === this.options.streamsMax) this.owner.onWornOut(this);
    if (id >= 0 && call.deadlineMs !== Number.POSITIVE_INFINITY) {
      this.deadlines.atMost(this.calls.earliestMs);
    }
    return id;
  }

  /** Removes a call that ended by itself. */
  removeCall(id: number): void {
    if (this.calls.take(id) !== undefined && this.calls.size === 0) this.owner.onIdle(this);
  }

  flagsAndMethod(method: MethodRef, options: CallOptions | undefined): { flags: number; method: number | Buffer } {
    const number = this.methodNumbers.get(method.name);
    let flags = number === undefined ? FLAG.NAMED : 0;
    if (options?.headers !== undefined) flags |= FLAG.HEADERS;
    if (options?.idempotent ?? method.definition.idempotent ?? false) flags |= FLAG.IDEMPOTENT;
    return { flags, method: number ?? nameBytes(method.name) };
  }

  /** The compression of a call's messages: what it asks for, within what the peer can undo. */
  compressionFor(options: CallOptions | undefined, method: MethodRef['definition']): Compression | undefined {
    const policy = this.options.compression;
    if (options?.compress === false || !(this.ack?.features.includes(policy.algorithm) ?? false)) return undefined;
    return options?.compress === true ? { algorithm: policy.algorithm, aboveBytes: 0 } : compressionOf(policy, method);
  }

  close(code: number, reason: string): void {
    this.connection?.close(code, reason);
  }

  // ConnectionHandler

  onOpen(connection: Connection): void {
    this.connection = connection;
    const early = connection.state === 'early';
    this.state = early ? 'early' : 'open';
    if (this.lanes === undefined) {
      const lanes = ClientLanes.open(connection, this, this.options.lanes);
      if (lanes === undefined) {
        connection.close(CLOSE_CODES.EXCESSIVE_LOAD, 'the peer allows too few streams');
        return;
      }
      this.lanes = lanes;
      this.sayHello(lanes.control);
    }
    this.owner.onReady(this, early);
  }

  onStream(_connection: Connection, stream: Stream): StreamHandler {
    return new ReplyStream(this, stream);
  }

  onClosed(_connection: Connection, reason: CloseReason): void {
    this.state = 'closed';
    this.deadlines.stop();
    this.calls.clear((call) => call.fail(lostCallError(reason, this.options.target, call.maybeSent())));
    this.owner.onClosed(this, reason);
  }

  // LaneOwner

  onBatch(): void {
    this.batchMs = this.options.clock.nowMs();
  }

  onFrame(type: number, flags: number, callId: number, bytes: Buffer, start: number, end: number): boolean {
    switch (type) {
      case FRAME.REPLY:
        return this.onReply(flags, callId, bytes, start, end);
      case FRAME.ERROR:
        return this.onError(callId, bytes, start, end);
      case FRAME.HELLO_ACK:
        return this.onHelloAck(bytes, start, end);
      case FRAME.GOING_AWAY:
        this.owner.onGoingAway(this);
        return true;
      default:
        // Frame types of later versions that do not concern a call are skipped.
        return true;
    }
  }

  onLaneFault(fault: FrameFault | 'reset' | 'ended'): void {
    this.close(CLOSE_CODES.PROTOCOL_VIOLATION, `a lane is ${fault}`);
  }

  // Private

  private onReply(flags: number, callId: number, bytes: Buffer, start: number, end: number): boolean {
    if (end - start < 2) return this.violation('a reply that ends early');
    const call = this.calls.take(callId);
    if (call === undefined) return true;
    if (!(call instanceof ClientCall)) {
      call.fail(RpcError.of('PEER_VIOLATION', 'a reply came on a lane to a call with its own stream'));
      return this.violation('a reply on a lane to a call with its own stream');
    }
    const load = bytes.readUInt16BE(start);
    this.owner.onAnswer(load, this.batchMs - call.startedMs, call.trafficClass);
    deliverReply(call, flags, bytes, start + 2, end, this.options.messageBytesMax);
    if (this.calls.size === 0) this.owner.onIdle(this);
    return true;
  }

  private onError(callId: number, bytes: Buffer, start: number, end: number): boolean {
    const call = this.calls.take(callId);
    if (call === undefined) return true;
    if (end - start >= 2 && call instanceof ClientCall) {
      this.owner.onAnswer(bytes.readUInt16BE(start), this.batchMs - call.startedMs, call.trafficClass);
    }
    call.fail(readErrorBody(bytes, start, end));
    if (this.calls.size === 0) this.owner.onIdle(this);
    return true;
  }

  private onHelloAck(bytes: Buffer, start: number, end: number): boolean {
    let ack: HelloAck;
    try {
      ack = parseHelloAck(decodeMessage(bytes, start, end));
    } catch (error) {
      return this.violation(RpcError.from(error).message);
    }
    const peer = this.connection?.peer;
    if (!PROTOCOL_VERSIONS.includes(ack.version)) return this.violation('a protocol version that was not offered');
    if (peer !== undefined && (peer.id !== ack.id || peer.role !== ack.role)) {
      this.close(CLOSE_CODES.UNAUTHENTICATED, 'the hello names another node than the certificate');
      return false;
    }
    this.ack = ack;
    for (const [number, name] of ack.methods.entries()) this.methodNumbers.set(name, number);
    this.owner.onHello(this, ack);
    return true;
  }

  private violation(what: string): false {
    this.close(CLOSE_CODES.PROTOCOL_VIOLATION, what);
    return false;
  }

  private sayHello(lane: ClientLane): void {
    const mark = beginFrame(lane.out, FRAME.HELLO, 0, 0);
    const { id, role } = this.options.identity;
    const { messageBytesMax } = this.options;
    const hello = { versions: PROTOCOL_VERSIONS, features: FEATURES, id, role, messageBytesMax };
    appendMessage(lane.out, encodeMessage(hello));
    endFrame(lane.out, mark);
    lane.written(mark, true);
  }

  private writeRequest(
    out: SendBuffer,
    id: number,
    ref: MethodRef,
    encoded: EncodedMessage,
    options: CallOptions | undefined,
    deadlineMs: number,
    nowMs: number,
  ): void {
    const number = this.methodNumbers.get(ref.name);
    let flags = number === undefined ? FLAG.NAMED : 0;
    if (options?.headers !== undefined) flags |= FLAG.HEADERS;
    if (options?.idempotent ?? ref.definition.idempotent ?? false) flags |= FLAG.IDEMPOTENT;
    let packed: Buffer | undefined;
    if (options?.compress === true || encoded.end - encoded.start > this.options.compression.aboveBytes) {
      const policy = this.compressionFor(options, ref.definition);
      if (policy !== undefined) packed = compressMessage(encoded, policy.algorithm);
      if (packed !== undefined) flags |= FLAG.COMPRESSED;
    }
    const mark = beginFrame(out, FRAME.REQUEST, flags, id);
    writeCallHead(out, wireTimeout(deadlineMs, nowMs), number ?? nameBytes(ref.name), options?.headers);
    if (packed === undefined) appendMessage(out, encoded);
    else out.append(packed);
    endFrame(out, mark);
  }

  private observe(call: ClientCall, id: number, options: CallOptions): void {
    call.onHeaders = options.onHeaders;
    const signal = watchSignals(options);
    if (signal === undefined) return;
    call.watch(signal, () => {
      if (this.calls.giveUp(id) === undefined) return;
      call.fail(abortError(signal, call.maybeSent()));
      this.cancel(call, id);
    });
  }

  /** Tells the peer that nobody waits for the call any more. */
  private cancel(call: ClientCall, id: number): void {
    // The control lane is faster, so a request that has not left yet would come after its cancellation and be executed.
    const lane = call.waitsOn() ?? this.lanes?.control;
    if (lane !== undefined && this.state !== 'closed') {
      const mark = lane.out.length;
      writeEmptyFrame(lane.out, FRAME.CANCEL, 0, id);
      lane.written(mark, false);
    }
    if (this.calls.size === 0) this.owner.onIdle(this);
  }

  private expire(nowMs: number): number {
    this.calls.expire(nowMs, (call, id) => {
      call.fail(
        RpcError.of('DEADLINE', `no answer from ${this.options.target} in time`, { maybeExecuted: call.maybeSent() }),
      );
      // No CANCEL: the server keeps the same deadline and answers with it. A call with a stream of its own has told the
      // peer there, and no answer comes on a lane.
      if (!(call instanceof ClientCall)) this.calls.take(id);
      if (this.calls.size === 0) this.owner.onIdle(this);
    });
    return this.calls.earliestMs;
  }
}

/** What is left of a lane's frame for the payload after frame header, timeout, and the longest method name and headers. */
export const LANE_PAYLOAD_MAX =
  LIMITS.laneFrameBytesMax - (FRAME_HEADER_BYTES + 4 + 1 + LIMITS.methodNameBytesMax + 2 + LIMITS.headersBytesMax);

/** The time left in whole milliseconds as it travels: at least 1, 0 for no deadline. */
export function wireTimeout(deadlineMs: number, nowMs: number): number {
  if (deadlineMs === Number.POSITIVE_INFINITY) return 0;
  return Math.min(0xffff_ffff, Math.max(1, Math.ceil(deadlineMs - nowMs)));
}

function nameBytes(name: string): Buffer {
  let encoded = methodNames.get(name);
  if (encoded === undefined) {
    encoded = encodeMethodName(name);
    if (methodNames.size < 4_096) methodNames.set(name, encoded);
  }
  return encoded;
}
