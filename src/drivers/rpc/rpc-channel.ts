import { ClassLatency, formatAddress, RpcError } from '../../base/index.js';
import type { CloseReason } from '../../ports/index.js';
import {
  type Caller,
  type CallOptions,
  type ClientInvoke,
  type ClientRequest,
  chainClient,
  type MethodRef,
  RetryBudget,
} from '../../rpc/index.js';
import type { HelloAck } from '../../wire/index.js';
import { CallGate, usable } from './call-gate.js';
import { type ChannelOptions, type ResolvedChannelOptions, resolveChannelOptions } from './channel-options.js';
import { watchSignals } from './client-call.js';
import type { ClientConnection } from './client-connection.js';
import { ClientStreamCall } from './client-stream-call.js';
import { connectError } from './close-error.js';
import { type ChannelCounters, type ChannelState, ConnectionKeeper, type KeeperListener } from './connection-keeper.js';
import { DeferredReplies } from './deferred-replies.js';
import { RetriedCall, type RetryHost } from './retried-call.js';
import type { Settle } from './settle.js';
import { WaitingCalls } from './waiting-calls.js';

/** Weight of a new latency sample. */
const EWMA_WEIGHT = 0.05;

type Messages = AsyncIterable<unknown> | Iterable<unknown>;

/**
 * Calls to one node over one connection at a time, which it makes, watches, replaces by age and makes again when it
 * breaks. Calls in progress on a connection that breaks fail at once with `CONNECTION_LOST`; calls during an outage
 * fail at once with `NOT_CONNECTED` unless they ask to wait (`waitForReady`).
 */
export class RpcChannel implements Caller {
  /** Calls in progress at the peer, as it said in its last reply. */
  peerLoad = 0;
  /** Exponentially weighted mean of unary calls' latency in milliseconds; 0 before the first answer. */
  latencyEwmaMs = 0;
  /** Time from a unary call's request to its answer, a result or an error that the peer sent, by traffic class. */
  readonly latency = new ClassLatency();
  readonly target: string;
  private readonly options: ResolvedChannelOptions;
  private readonly keeper: ConnectionKeeper;
  private readonly waiting: WaitingCalls;
  private readonly gate: CallGate;
  private readonly listeners = new Set<(state: ChannelState) => void>();
  private readonly invoke: ClientInvoke | undefined;
  private readonly retries: RetryHost;
  private idleWaiters: (() => void)[] = [];

  constructor(options: ChannelOptions) {
    this.options = resolveChannelOptions(options);
    this.target = `${options.target.id ?? options.target.role} (${formatAddress(options.target.address)})`;
    this.waiting = new WaitingCalls(options.clock, () => this.wakeWhenIdle());
    this.keeper = new ConnectionKeeper(this.options, this.listener());
    this.gate = new CallGate(this.options, this.keeper, this.waiting, this.target);
    this.retries = this.retryHost();
    const interceptors = options.interceptors ?? [];
    if (interceptors.length > 0) this.invoke = chainClient(interceptors, (request) => this.carry(request));
  }

  get state(): ChannelState {
    return this.keeper.state;
  }

  get counters(): Readonly<ChannelCounters> {
    return this.keeper.counters;
  }

  /** The peer said that it takes no new calls. */
  get peerDraining(): boolean {
    return this.keeper.peerDraining;
  }

  /** Calls in progress, waiting for a connection, and pausing before another attempt. */
  get inFlight(): number {
    return this.keeper.callsInProgress + this.waiting.size + this.retries.pausing.size;
  }

  /** Whether the present connection was shortened by a session ticket. */
  get resumed(): boolean {
    return this.keeper.current?.connection?.resumed ?? false;
  }

  /** Whether the present connection offered 0-RTT data. */
  get earlyData(): boolean {
    return this.keeper.current?.connection?.earlyData ?? false;
  }

  /** What the peer said in its hello, once it has. */
  get hello(): HelloAck | undefined {
    return this.keeper.current?.ack;
  }

  /** Smoothed round-trip time of the connection in milliseconds; 0 when unknown. */
  rttMs(): number {
    return this.keeper.current?.connection?.rttMs() ?? 0;
  }

  /** Calls `listener` at every change of state and when the peer begins to drain; returns how to stop that. */
  onState(listener: (state: ChannelState) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Starts connecting unless it does or has already. */
  connect(): void {
    this.keeper.start();
  }

  /**
   * Connects and resolves when calls of any kind can be made.
   *
   * @throws RpcError `NOT_CONNECTED` after `timeoutMs`, with the last failure in its text; `CLOSED`
   */
  ready(timeoutMs: number): Promise<void> {
    this.keeper.start();
    return new Promise((resolve, reject) => {
      if (this.keeper.current?.state === 'open') return resolve();
      if (this.state === 'closed') return reject(this.gate.closedError());
      this.waiting.add({
        idempotent: false,
        patient: true,
        deadlineMs: this.options.clock.nowMs() + timeoutMs,
        go: resolve,
        fail: reject,
        late: () => this.gate.notConnected(),
      });
    });
  }

  /**
   * A unary call without retries and interceptors: the outcome goes to `settle`, with no promise made. The hot path
   * under {@link unary} and under `ClusterClient`.
   */
  begin(method: MethodRef, input: unknown, options: CallOptions | undefined, settle: Settle): void {
    this.attempt(method, input, options, this.gate.deadlineOf(options), settle);
  }

  unary(method: MethodRef, input: unknown, options?: CallOptions): Promise<unknown> {
    if (this.invoke !== undefined) return this.invoke({ method, input, options: options ?? {} }) as Promise<unknown>;
    return this.unaryWithRetry(method, input, options);
  }

  serverStream(method: MethodRef, input: unknown, options?: CallOptions): AsyncIterable<unknown> {
    return this.streamed({ method, input, options: options ?? {} }) as AsyncIterable<unknown>;
  }

  clientStream(method: MethodRef, inputs: Messages, options?: CallOptions): Promise<unknown> {
    return this.streamed({ method, input: inputs, options: options ?? {} }) as Promise<unknown>;
  }

  bidiStream(method: MethodRef, inputs: Messages, options?: CallOptions): AsyncIterable<unknown> {
    return this.streamed({ method, input: inputs, options: options ?? {} }) as AsyncIterable<unknown>;
  }

  /**
   * Waits until no call is in progress, at most `timeoutMs` (default: as long as the calls may take), and closes; resolves
   * to whether all calls had ended. The caller makes no new calls meanwhile. `close` ends it at once.
   */
  async drain({ timeoutMs }: { readonly timeoutMs?: number | undefined } = {}): Promise<boolean> {
    if (this.inFlight > 0) {
      await new Promise<void>((resolve) => {
        const timer = timeoutMs === undefined ? undefined : this.options.clock.setTimer(timeoutMs, resolve);
        this.idleWaiters.push(() => {
          timer?.cancel();
          resolve();
        });
      });
    }
    const idle = this.inFlight === 0;
    await this.close();
    return idle;
  }

  /** Fails everything in progress with `CLOSED` and closes the connection. Idempotent. */
  async close(): Promise<void> {
    if (this.state === 'closed') return;
    this.keeper.close((connection) =>
      connection.calls.clear((call) => call.fail(this.gate.closedError(call.maybeSent()))),
    );
    this.waiting.failAll(this.gate.closedError());
    for (const call of [...this.retries.pausing]) call.again();
    this.wakeIdleWaiters();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  private listener(): KeeperListener {
    return {
      onChange: (state) => {
        for (const listener of this.listeners) listener(state);
      },
      onUsable: (early) => this.waiting.release(early),
      onUnavailable: (reason: CloseReason) => this.waiting.failAll(connectError(reason, this.target), true),
      onBulkSettled: () => this.waiting.release(false),
      onIdle: () => this.wakeWhenIdle(),
      onAnswer: (load, latencyMs, trafficClass) => {
        this.peerLoad = load;
        this.latency[trafficClass].record(latencyMs);
        const ewmaMs = this.latencyEwmaMs;
        this.latencyEwmaMs = ewmaMs === 0 ? latencyMs : ewmaMs + EWMA_WEIGHT * (latencyMs - ewmaMs);
      },
      onLongMessage: (connection, method, input, options, deadlineMs, settle) =>
        this.unaryOnStream(connection, method, input, options, deadlineMs, settle),
    };
  }

  private retryHost(): RetryHost {
    const { clock, random, retry } = this.options;
    return {
      ...{ clock, random, retry, budget: retry.budget ?? new RetryBudget(), pausing: new Set() },
      attempt: (method, input, options, deadlineMs, settle) => this.attempt(method, input, options, deadlineMs, settle),
      onRetry: () => {
        this.keeper.counters.retries++;
      },
      onEnd: () => this.wakeWhenIdle(),
    };
  }

  private wakeWhenIdle(): void {
    if (this.idleWaiters.length > 0 && this.inFlight === 0) this.wakeIdleWaiters();
  }

  private wakeIdleWaiters(): void {
    const waiters = this.idleWaiters;
    this.idleWaiters = [];
    for (const wake of waiters) wake();
  }

  /** Interceptors see streaming calls as they see unary ones. */
  private streamed(request: ClientRequest): Promise<unknown> | AsyncIterable<unknown> {
    return this.invoke === undefined ? this.carry(request) : this.invoke(request);
  }

  private carry({ method, input, options }: ClientRequest): Promise<unknown> | AsyncIterable<unknown> {
    switch (method.definition.kind) {
      case 'unary':
        return this.unaryWithRetry(method, input, options);
      case 'clientStream':
        return this.upload(method, input as Messages, options);
      case 'serverStream':
        return this.replies(method, options, true, (call) => call.sendOnly(input));
      case 'bidiStream':
        return this.replies(method, options, false, (call) => void call.sendAll(input as Messages));
    }
  }

  private unaryWithRetry(method: MethodRef, input: unknown, options: CallOptions | undefined): Promise<unknown> {
    const deadlineMs = this.gate.deadlineOf(options);
    return new Promise((resolve, reject) => {
      new RetriedCall(this.retries, { method, input, options, deadlineMs, settle: { resolve, reject } }).start();
    });
  }

  private attempt(
    method: MethodRef,
    input: unknown,
    options: CallOptions | undefined,
    deadlineMs: number,
    settle: Settle,
  ): void {
    const refusal = options === undefined ? undefined : this.gate.refusal(options, deadlineMs);
    if (refusal !== undefined) settle.reject(refusal);
    else this.startUnary(method, input, options, deadlineMs, settle);
  }

  private startUnary(
    method: MethodRef,
    input: unknown,
    options: CallOptions | undefined,
    deadlineMs: number,
    settle: Settle,
  ): void {
    const current = this.keeper.current;
    if (current === undefined || !usable(current, method, options)) {
      const go = () => this.startUnary(method, input, options, deadlineMs, settle);
      this.gate.park(method, options, deadlineMs, go, (error) => settle.reject(error));
    } else if (options?.priority === 'bulk') {
      this.unaryOnStream(current, method, input, options, deadlineMs, settle);
    } else {
      current.start(method, input, options, deadlineMs, settle);
    }
  }

  private unaryOnStream(
    main: ClientConnection,
    method: MethodRef,
    input: unknown,
    options: CallOptions | undefined,
    deadlineMs: number,
    settle: Settle,
  ): void {
    const carrier = this.keeper.bulkConnection(main);
    const fail = (error: unknown) => settle.reject(RpcError.from(error));
    if (carrier.state === 'connecting' || carrier.state === 'early') {
      const go = () => this.unaryOnStream(this.keeper.current ?? main, method, input, options, deadlineMs, settle);
      this.waiting.add({
        idempotent: false,
        patient: true,
        deadlineMs,
        signal: watchSignals(options),
        go,
        fail,
        late: () => this.gate.notConnected(),
      });
      return;
    }
    try {
      const { clock } = this.options;
      const startedMs = clock.nowMs();
      const call = new ClientStreamCall(carrier, method, options, deadlineMs, 'bulk');
      call.sendOnly(input);
      const record = () => {
        if (call.answered) this.latency[options?.priority ?? 'bulk'].record(clock.nowMs() - startedMs);
      };
      call
        .onlyReply()
        .finally(record)
        .then((value) => settle.resolve(value), fail);
    } catch (error) {
      fail(error);
    }
  }

  private replies(
    method: MethodRef,
    options: CallOptions,
    mayBeEarly: boolean,
    send: (call: ClientStreamCall) => void,
  ): AsyncIterable<unknown> {
    let deadlineMs: number | undefined;
    return new DeferredReplies(async (isRefusedEarly) => {
      deadlineMs ??= this.gate.deadlineWithin(options, 0);
      const call = await this.openStream(method, options, deadlineMs, mayBeEarly && !isRefusedEarly);
      send(call);
      return call.replies;
    });
  }

  private async upload(method: MethodRef, inputs: Messages, options: CallOptions): Promise<unknown> {
    const call = await this.openStream(method, options, this.gate.deadlineOf(options), false);
    void call.sendAll(inputs);
    return await call.onlyReply();
  }

  /**
   * A stream of messages waits for the handshake whatever its method says (`mayBeEarly` false): what has been read from
   * the caller's iterable could not be sent again if the server refused it.
   */
  private openStream(
    method: MethodRef,
    options: CallOptions,
    deadlineMs: number,
    mayBeEarly: boolean,
  ): Promise<ClientStreamCall> {
    const gated = mayBeEarly ? options : { ...options, idempotent: false };
    return new Promise((resolve, reject) => {
      const open = () => {
        const refusal = this.gate.refusal(options, deadlineMs);
        if (refusal !== undefined) return reject(refusal);
        const current = this.keeper.current;
        if (current === undefined || !usable(current, method, gated)) {
          return this.gate.park(method, gated, deadlineMs, open, reject);
        }
        const carrier = options.priority === 'bulk' ? this.keeper.bulkConnection(current) : current;
        if (carrier.state === 'connecting' || (carrier.state === 'early' && !usable(carrier, method, gated)))
          return this.gate.park(method, { ...gated, waitForReady: true }, deadlineMs, open, reject);
        try {
          resolve(new ClientStreamCall(carrier, method, options, deadlineMs, 'data'));
        } catch (error) {
          reject(RpcError.from(error));
        }
      };
      open();
    });
  }
}
