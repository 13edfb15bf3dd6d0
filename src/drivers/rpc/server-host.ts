import type { ClassLatency, RpcError } from '../../base/index.js';
import type { Clock, Connection, Logger, Stream, TrafficClass } from '../../ports/index.js';
import type { Hello, ReassemblyBudget } from '../../wire/index.js';
import type { MethodTable, ServedMethod } from './method-table.js';
import type { CompressionPolicy } from './payload.js';
import type { ServerLane } from './server-lane.js';
import type { ServerCounters, ServerLimits, ServerOptions } from './server-options.js';

/** What connections and calls need of their server. */
export interface ServerHost {
  readonly identity: ServerOptions['identity'];
  readonly clock: Clock;
  readonly nowMs: () => number;
  readonly logger: Logger;
  readonly limits: ServerLimits;
  readonly methods: MethodTable;
  readonly announcedMethods: readonly string[];
  readonly counters: ServerCounters;
  /** Of handlers of unary calls. */
  readonly handlerLatency: ClassLatency;
  readonly compression: CompressionPolicy | undefined;
  readonly bulkPort: () => number | undefined;
  readonly draining: boolean;
  /** Calls whose handler has not finished. */
  readonly inFlight: number;
  /** `inFlight` as replies carry it. */
  readonly load: number;
  /** How many calls the present one stands for in `handlerLatency`; 0 when it is not measured. */
  sampleTimes(): number;
  /** A call was answered with an error. */
  countFailure(trafficClass: TrafficClass): void;
  /** A call began or ended. */
  countCall(by: 1 | -1, trafficClass: TrafficClass): void;
  /** Connections of the holder of one certificate, without those still in 0-RTT. */
  connectionsOf(fingerprint: string): number;
  /** Calls of one class whose handler has not finished. */
  inFlightOf(trafficClass: TrafficClass): number;
}

/** A call that a deadline, a cancellation or the end of the connection can stop. */
export interface StoppableCall {
  readonly deadlineMs: number;
  stop(error: RpcError): void;
}

/** What the calls of a connection need of it. */
export interface CallHost {
  readonly server: ServerHost;
  readonly connection: Connection;
  /** What the client said of itself; set before any call. */
  readonly hello: Hello | undefined;
  /** The connection has ended: answers go nowhere. */
  readonly closed: boolean;
  /** Calls of this connection whose handler has not finished. */
  readonly inProgress: number;
  /** What the connection's call streams may hold of frames that have not arrived whole. */
  readonly reassembly: ReassemblyBudget;
  /** Why a call must not start; `undefined` when it may. Counts refusals. */
  refusal(served: ServedMethod | undefined, name: string | undefined, trafficClass: TrafficClass): RpcError | undefined;
  /** A call has started; every `begun` is followed by one `ended`. @throws RpcError `PEER_VIOLATION` */
  begun(callId: number, call: StoppableCall, trafficClass: TrafficClass): void;
  ended(callId: number, call: StoppableCall, trafficClass: TrafficClass): void;
  /** The call can be stopped from now on. */
  watch(callId: number, call: StoppableCall): void;
  /** The call is answered: nothing can stop it any more. */
  forget(callId: number, call: StoppableCall): void;
  count(by: 1 | -1, trafficClass: TrafficClass): void;
  /** The compression of replies to this client. */
  compression(): CompressionPolicy | undefined;
  /** The preamble of an incoming stream says that it is a lane. */
  openLane(stream: Stream, kind: number): ServerLane | undefined;
}
