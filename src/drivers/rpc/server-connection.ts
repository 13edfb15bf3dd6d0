/**
 * One accepted connection: checks the hello, reads requests from the lanes and stream heads from call streams, runs
 * handlers and sends what they return. Reference: book, wire protocol.
 */
import { CLOSE_CODES, LIMITS, RpcError } from '../../base/index.js';
import type {
  CloseReason,
  Connection,
  ConnectionHandler,
  Stream,
  StreamHandler,
  Timer,
  TrafficClass,
} from '../../ports/index.js';
import {
  beginFrame,
  chooseVersion,
  decodeMessage,
  encodeMessage,
  endFrame,
  FEATURES,
  FRAME,
  type FrameFault,
  type Hello,
  parseHello,
  ReassemblyBudget,
  STREAM_KIND,
  writeEmptyFrame,
} from '../../wire/index.js';
import { DeadlineTimer } from './deadline-timer.js';
import { IncomingStream } from './incoming-stream.js';
import type { ServedMethod } from './method-table.js';
import { appendMessage, type CompressionPolicy } from './payload.js';
import type { CallHost, ServerHost, StoppableCall } from './server-host.js';
import { type LaneFrames, ServerLane } from './server-lane.js';
import { UnaryCalls } from './unary-calls.js';

export class ServerConnection implements ConnectionHandler, LaneFrames, CallHost {
  readonly server: ServerHost;
  readonly connection: Connection;
  readonly reassembly = new ReassemblyBudget(LIMITS.reassemblyBytesMax);
  hello: Hello | undefined;
  private readonly calls = new Map<number, StoppableCall>();
  private readonly unary = new UnaryCalls(this);
  private readonly onEnd: (connection: ServerConnection) => void;
  private readonly deadlines: DeadlineTimer;
  private readonly lanes = new Set<ServerLane>();
  private heldStreams: Stream[] = [];
  private helloTimer: Timer | undefined;
  private control: ServerLane | undefined;
  inProgress = 0;
  closed = false;

  constructor(server: ServerHost, connection: Connection, onClosed: (connection: ServerConnection) => void) {
    this.server = server;
    this.connection = connection;
    this.onEnd = onClosed;
    this.deadlines = new DeadlineTimer(server.clock, (nowMs) => this.expire(nowMs));
    this.helloTimer = server.clock.setTimer(
      server.limits.helloTimeoutMs,
      () => connection.close(CLOSE_CODES.PROTOCOL_VIOLATION, 'no hello came in time'),
      { unref: true },
    );
  }

  // ConnectionHandler

  onOpen(): void {
    const { peer, earlyData } = this.connection;
    const { counters, identity, limits } = this.server;
    if (peer === undefined) return;
    const others = this.server.connectionsOf(peer.fingerprint) - (earlyData ? 0 : 1);
    if (others < limits.connectionsPerPeerMax) return;
    counters.refusedConnections++;
    const reason = `the limit rpc.connectionsPerPeerMax (${limits.connectionsPerPeerMax}) of ${identity.id} is reached`;
    this.connection.close(CLOSE_CODES.EXCESSIVE_LOAD, reason);
  }

  onStream(_connection: Connection, stream: Stream): StreamHandler {
    // Until the hello has been checked only the control lane is read; the rest stays with the transport.
    if (this.hello === undefined && stream.id !== CONTROL_STREAM_ID) {
      stream.pause();
      this.heldStreams.push(stream);
    }
    return new IncomingStream(this, stream);
  }

  onClosed(_connection: Connection, reason: CloseReason): void {
    this.closed = true;
    this.helloTimer?.cancel();
    this.deadlines.stop();
    const error = RpcError.of('CONNECTION_LOST', `the caller's connection ended (${reason.message})`);
    for (const call of [...this.calls.values()]) call.stop(error);
    this.calls.clear();
    this.onEnd(this);
  }

  // Streams

  /** The preamble of an incoming stream says that it is a lane. */
  openLane(stream: Stream, kind: number): ServerLane | undefined {
    const isControl = kind === STREAM_KIND.CONTROL_LANE;
    if (isControl !== (stream.id === CONTROL_STREAM_ID) || this.lanes.size >= LANES_MAX) return undefined;
    stream.setClass(isControl ? 'control' : 'data');
    const lane = new ServerLane(stream, this);
    this.lanes.add(lane);
    if (isControl) this.control = lane;
    return lane;
  }

  violation(what: string): void {
    if (this.closed) return;
    this.server.counters.violations++;
    this.connection.close(CLOSE_CODES.PROTOCOL_VIOLATION, what);
  }

  // LaneFrames

  onLaneFrame(
    lane: ServerLane,
    type: number,
    flags: number,
    callId: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): boolean {
    if (this.hello === undefined) return this.onHello(lane, type, bytes, start, end);
    if (this.calls.has(callId) && type === FRAME.REQUEST) this.violation('the id of a call in progress for another');
    else if (type === FRAME.REQUEST) this.unary.onRequest(lane, flags, callId, bytes, start, end);
    else if (type === FRAME.CANCEL)
      this.calls.get(callId)?.stop(RpcError.of('CANCELLED_BY_CALLER', 'the caller cancelled the call'));
    else if (type === FRAME.HELLO) this.violation('a second hello');
    // Frame types of later versions that are not ours to answer are skipped.
    return !this.closed;
  }

  onLaneFault(fault: FrameFault | 'ended' | 'reset'): void {
    this.violation(`a lane is ${fault}`);
  }

  /** Tells the client that no new calls are taken. */
  sayGoingAway(): void {
    const lane = this.control;
    if (lane === undefined || this.hello === undefined) return;
    writeEmptyFrame(lane.out, FRAME.GOING_AWAY, 0, 0);
    lane.flush(true);
  }

  /** Why a call must not start; `undefined` when it may. Counts refusals. */
  refusal(
    served: ServedMethod | undefined,
    name: string | undefined,
    trafficClass: TrafficClass,
  ): RpcError | undefined {
    const { server } = this;
    const { limits } = server;
    const classMax = limits.classCallsMax[trafficClass];
    if (served === undefined) {
      server.counters.refusedUnknownMethod++;
      return RpcError.of(
        'METHOD_UNKNOWN',
        `${server.identity.id} serves no method ${name === undefined ? 'of that number' : JSON.stringify(name)}`,
      );
    }
    if (server.draining) {
      server.counters.refusedDraining++;
      return RpcError.of('DRAINING', `${server.identity.id} is draining`);
    }
    const isFull = server.inFlight >= limits.concurrentCallsMax || this.inProgress >= limits.connectionCallsMax;
    if (isFull || (classMax !== undefined && server.inFlightOf(trafficClass) >= classMax)) {
      server.counters.refusedOverload++;
      const which = isFull ? '' : `${trafficClass} `;
      const message = `${server.identity.id} has its limit of ${which}calls in progress`;
      return RpcError.of('OVERLOADED', message, { retryAfterMs: limits.retryAfterMs });
    }
    if (this.connection.earlyData && served.definition.idempotent !== true) {
      server.counters.refusedEarlyData++;
      return RpcError.of('EARLY_DATA_REFUSED', `${served.name} is not idempotent and came in 0-RTT data`);
    }
    return undefined;
  }

  /** A call has started; every `begun` is followed by one `ended`. @throws RpcError `PEER_VIOLATION` */
  begun(callId: number, call: StoppableCall, trafficClass: TrafficClass): void {
    if (this.calls.has(callId)) {
      this.violation('the id of a call in progress for another');
      throw RpcError.of('PEER_VIOLATION', 'the id of a call in progress for another');
    }
    this.count(1, trafficClass);
    this.watch(callId, call);
  }

  ended(callId: number, call: StoppableCall, trafficClass: TrafficClass): void {
    this.count(-1, trafficClass);
    this.forget(callId, call);
  }

  /** The compression of replies to this client. */
  compression(): CompressionPolicy | undefined {
    const policy = this.server.compression;
    return policy !== undefined && this.hello?.features.includes(policy.algorithm) ? policy : undefined;
  }

  // Private: hello

  private onHello(lane: ServerLane, type: number, bytes: Buffer, start: number, end: number): boolean {
    if (type !== FRAME.HELLO || end - start > LIMITS.helloBytesMax) {
      this.violation('the first frame is not a hello');
      return false;
    }
    const { peer } = this.connection;
    let hello: Hello;
    try {
      hello = parseHello(decodeMessage(bytes, start, end));
    } catch (error) {
      this.violation(RpcError.from(error).message);
      return false;
    }
    const version = chooseVersion(hello.versions);
    if (version === undefined) {
      this.connection.close(CLOSE_CODES.VERSION_UNSUPPORTED, 'no common version of the protocol');
      return false;
    }
    if (peer === undefined || peer.id !== hello.id || peer.role !== hello.role) {
      this.connection.close(CLOSE_CODES.UNAUTHENTICATED, 'the hello names another node than the certificate');
      return false;
    }
    this.hello = hello;
    this.helloTimer?.cancel();
    this.answerHello(lane, version, hello);
    for (const stream of this.heldStreams.splice(0)) stream.resume();
    return !this.closed;
  }

  private answerHello(lane: ServerLane, version: number, hello: Hello): void {
    const { server } = this;
    const mark = beginFrame(lane.out, FRAME.HELLO_ACK, 0, 0);
    const bulkPort = server.bulkPort();
    const ack = {
      version,
      features: FEATURES.filter((feature) => hello.features.includes(feature)),
      id: server.identity.id,
      role: server.identity.role,
      messageBytesMax: server.limits.messageBytesMax,
      draining: server.draining,
      ...(bulkPort === undefined ? {} : { bulkPort }),
    };
    appendMessage(lane.out, encodeMessage({ ...ack, methods: server.announcedMethods }));
    endFrame(lane.out, mark);
    lane.flush(true);
  }

  // Private: bookkeeping

  count(by: 1 | -1, trafficClass: TrafficClass): void {
    this.inProgress += by;
    this.server.countCall(by, trafficClass);
  }

  watch(callId: number, call: StoppableCall): void {
    this.calls.set(callId, call);
    if (call.deadlineMs !== Number.POSITIVE_INFINITY) this.deadlines.atMost(call.deadlineMs);
  }

  /** The call is answered: nothing can stop it any more. */
  forget(callId: number, call: StoppableCall): void {
    if (this.calls.get(callId) === call) this.calls.delete(callId);
  }

  private expire(nowMs: number): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (const call of this.calls.values()) {
      if (call.deadlineMs <= nowMs) call.stop(RpcError.of('DEADLINE', 'the call’s time ran out at the server'));
      else if (call.deadlineMs < earliest) earliest = call.deadlineMs;
    }
    return earliest;
  }
}

const CONTROL_STREAM_ID = 0;
const LANES_MAX = 64;
