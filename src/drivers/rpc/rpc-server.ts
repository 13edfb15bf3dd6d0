import { CLOSE_CODES, ClassLatency, LIMITS } from '../../base/index.js';
import type { Clock, Connection, ConnectionHandler, Logger, TrafficClass } from '../../ports/index.js';
import { MethodTable } from './method-table.js';
import { type CompressionPolicy, compressionPolicy } from './payload.js';
import { ServerConnection } from './server-connection.js';
import type { ServerHost } from './server-host.js';
import { DEFAULT_SERVER_LIMITS, type ServerCounters, type ServerLimits, type ServerOptions } from './server-options.js';

/** Serves methods on accepted connections: give `(connection) => server.accept(connection)` to an endpoint's `listen`. */
export class RpcServer implements ServerHost {
  readonly identity: ServerOptions['identity'];
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: ServerLimits;
  readonly methods: MethodTable;
  readonly compression: CompressionPolicy | undefined;
  readonly bulkPort: () => number | undefined;
  /** The methods named in the hello: as many as fit. */
  readonly announcedMethods: readonly string[];
  readonly counters: ServerCounters = {
    callsStarted: 0,
    controlCallsStarted: 0,
    dataCallsStarted: 0,
    bulkCallsStarted: 0,
    callsSucceeded: 0,
    callsFailed: 0,
    controlCallsFailed: 0,
    dataCallsFailed: 0,
    bulkCallsFailed: 0,
    callsCancelled: 0,
    refusedOverload: 0,
    refusedDraining: 0,
    refusedEarlyData: 0,
    refusedUnknownMethod: 0,
    refusedUndecodable: 0,
    refusedConnections: 0,
    violations: 0,
  };
  /**
   * How long handlers of unary calls took, by traffic class, those included that nobody waited for any more. Of handlers
   * that return no promise one in sixteen is measured, and stands for all sixteen.
   */
  readonly handlerLatency = new ClassLatency();
  draining = false;
  private callsInProgress = 0;
  private unmeasured = 0;
  private readonly callsByClass: Record<TrafficClass, number> = { control: 0, data: 0, bulk: 0 };
  private readonly open = new Set<ServerConnection>();
  private idleWaiters: (() => void)[] = [];

  /** @throws FlotillaError `SERVICE_INVALID` when two services define the same method */
  constructor(options: ServerOptions) {
    this.identity = options.identity;
    this.clock = options.clock;
    this.logger = options.logger;
    this.limits = { ...DEFAULT_SERVER_LIMITS, ...options.limits };
    this.methods = new MethodTable(options.services, options.interceptors ?? []);
    this.announcedMethods = fitting(this.methods.names);
    this.bulkPort = options.bulkPort ?? (() => undefined);
    if (options.compression !== undefined) this.compression = compressionPolicy(options.compression);
  }

  /** Calls whose handler has not finished. */
  get inFlight(): number {
    return this.callsInProgress;
  }

  /** `inFlight` as replies carry it. */
  get load(): number {
    return Math.min(0xffff, this.callsInProgress);
  }

  get connectionCount(): number {
    return this.open.size;
  }

  accept(connection: Connection): ConnectionHandler {
    const accepted = new ServerConnection(this, connection, (ended) => this.open.delete(ended));
    this.open.add(accepted);
    return accepted;
  }

  /** From now on new calls are refused with `DRAINING`, and clients are told. */
  startDraining(): void {
    if (this.draining) return;
    this.draining = true;
    for (const connection of this.open) connection.sayGoingAway();
  }

  /** Starts draining and waits until no call is in progress, at most `timeoutMs`; resolves to whether that came true. */
  async drain(options: { readonly timeoutMs: number }): Promise<boolean> {
    this.startDraining();
    if (this.callsInProgress > 0) {
      await new Promise<void>((resolve) => {
        const timer = this.clock.setTimer(options.timeoutMs, resolve);
        this.idleWaiters.push(() => {
          timer.cancel();
          resolve();
        });
      });
    }
    return this.callsInProgress === 0;
  }

  /**
   * After {@link drain}: waits until clients have their last replies, at most until `endMs`. They close their connections
   * then by themselves, if they know that the node goes; one that stays gets `lingerMs` from its last byte on.
   */
  async linger(lingerMs: number, endMs: number): Promise<void> {
    let quietMs = this.clock.nowMs();
    for (;;) {
      const nowMs = this.clock.nowMs();
      let unsentBytes = 0;
      for (const { connection } of this.open) unsentBytes += connection.unsentBytes;
      if (unsentBytes > 0) quietMs = nowMs;
      const isOver = unsentBytes === 0 ? nowMs >= quietMs + lingerMs : nowMs >= endMs;
      if (this.open.size === 0 || isOver) return;
      await new Promise<void>((resolve) => this.clock.setTimer(LINGER_POLL_MS, resolve));
    }
  }

  /** Closes every connection; what is in progress is lost. Drain first. */
  close(): void {
    for (const { connection } of [...this.open]) connection.close(CLOSE_CODES.GOING_AWAY, 'the node is shutting down');
  }

  readonly nowMs = (): number => this.clock.nowMs();

  /** Calls of one class whose handler has not finished. */
  inFlightOf(trafficClass: TrafficClass): number {
    return this.callsByClass[trafficClass];
  }

  /** One in 0-RTT may be a replay, and must not take the place of the certificate's holder. */
  connectionsOf(fingerprint: string): number {
    let count = 0;
    for (const { connection } of this.open) {
      const isPeers = connection.state !== 'closed' && connection.peer?.fingerprint === fingerprint;
      if (isPeers && !connection.earlyData) count++;
    }
    return count;
  }

  /** For connections: reading the clock costs as much as a handler that answers at once, so few of those are measured. */
  sampleTimes(): number {
    const isTaken = this.unmeasured === 0;
    this.unmeasured = (this.unmeasured + 1) % CALLS_PER_SAMPLE;
    return isTaken ? CALLS_PER_SAMPLE : 0;
  }

  /** For connections: a call was answered with an error. */
  countFailure(trafficClass: TrafficClass): void {
    this.counters.callsFailed++;
    this.counters[FAILED[trafficClass]]++;
  }

  /** For connections: a call began or ended. */
  countCall(by: 1 | -1, trafficClass: TrafficClass): void {
    this.callsInProgress += by;
    this.callsByClass[trafficClass] += by;
    if (by === 1) {
      this.counters.callsStarted++;
      this.counters[STARTED[trafficClass]]++;
    } else if (this.callsInProgress === 0 && this.idleWaiters.length > 0) {
      const waiters = this.idleWaiters;
      this.idleWaiters = [];
      for (const wake of waiters) wake();
    }
  }
}

const LINGER_POLL_MS = 10;
const CALLS_PER_SAMPLE = 16;
const FAILED = { control: 'controlCallsFailed', data: 'dataCallsFailed', bulk: 'bulkCallsFailed' } as const;
const STARTED = { control: 'controlCallsStarted', data: 'dataCallsStarted', bulk: 'bulkCallsStarted' } as const;

/** As many names as a hello may carry besides its other fields; methods without a number are called by name. */
function fitting(names: readonly string[]): string[] {
  let bytes = 1_024;
  return names.filter((name) => {
    bytes += Buffer.byteLength(name) + 3;
    return bytes < LIMITS.helloBytesMax;
  });
}
