import { ClassLatency, nodeId, RpcError, type RpcReason } from '../../../src/base/index.js';
import { assembleClient } from '../../../src/client/assemble.js';
import type { CallEnvironment } from '../../../src/client/call-environment.js';
import { ClusterCaller } from '../../../src/client/cluster-caller.js';
import type { ChannelTarget, NodeChannel, NodeChannelState, Settle } from '../../../src/client/node-channel.js';
import type { RegistryWatcher } from '../../../src/client/registry-watcher.js';
import type { WorkerTable } from '../../../src/client/worker-table.js';
import { type Options, parseClientOptions } from '../../../src/config/index.js';
import { silentLogger, type WorkerRecord } from '../../../src/ports/index.js';
import type { CallOptions, ClientInterceptor, ClusterCallOptions, MethodRef } from '../../../src/rpc/index.js';
import { SimulatedClock } from '../../../src/testing/index.js';
import { seededRandom } from './candidate.js';

type Inputs = AsyncIterable<unknown> | Iterable<unknown>;

/** A call that a fake channel has been given and not settled yet. */
export interface FakeCall {
  readonly method: MethodRef;
  readonly input: unknown;
  readonly options: CallOptions | undefined;
  readonly settle: Settle;
}

/** A channel whose calls a test settles. Pings are answered at once unless it is `silent`. */
export class FakeChannel implements NodeChannel {
  readonly target: ChannelTarget;
  readonly calls: FakeCall[] = [];
  readonly pings: FakeCall[] = [];
  state: NodeChannelState = 'ready';
  peerLoad = 0;
  peerDraining = false;
  latencyEwmaMs = 1;
  readonly latency = new ClassLatency();
  resumed = false;
  earlyData = false;
  silent = false;
  /** What streams do; by default they return their inputs. */
  stream: (inputs: Inputs, options?: CallOptions) => AsyncIterable<unknown> = async function* (inputs) {
    yield* inputs;
  };
  /** Settles calls by itself when set. */
  auto: ((call: FakeCall) => void) | undefined;
  private readonly listeners = new Set<(state: NodeChannelState) => void>();
  private onIdle: () => void = () => undefined;

  constructor(target: ChannelTarget) {
    this.target = target;
  }

  begin(method: MethodRef, input: unknown, options: CallOptions | undefined, settle: Settle): void {
    const call = { method, input, options, settle };
    if (this.state === 'closed') settle.reject(RpcError.of('CLOSED', 'closed'));
    else if (this.state === 'unavailable') settle.reject(RpcError.of('NOT_CONNECTED', 'away'));
    else if (method.name === 'flotilla.node.ping') {
      if (this.silent) this.pings.push(call);
      else settle.resolve({});
    } else if (this.auto !== undefined) this.auto(call);
    else this.calls.push(call);
  }

  unary(method: MethodRef, input: unknown, options?: CallOptions): Promise<unknown> {
    return new Promise((resolve, reject) => this.begin(method, input, options, { resolve, reject }));
  }

  serverStream(_method: MethodRef, input: unknown, options?: CallOptions): AsyncIterable<unknown> {
    return this.stream([input], options);
  }

  async clientStream(_method: MethodRef, inputs: Inputs, options?: CallOptions): Promise<unknown> {
    const messages: unknown[] = [];
    for await (const message of this.stream(inputs, options)) messages.push(message);
    return messages;
  }

  bidiStream(_method: MethodRef, inputs: Inputs, options?: CallOptions): AsyncIterable<unknown> {
    return this.stream(inputs, options);
  }

  onState(listener: (state: NodeChannelState) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  setState(state: NodeChannelState): void {
    this.state = state;
    for (const listener of this.listeners) listener(state);
  }

  connect(): void {}

  async ready(): Promise<void> {}

  /** The oldest call succeeds. */
  answer(value: unknown = 'ok'): void {
    this.calls.shift()?.settle.resolve(value);
    if (this.calls.length === 0) this.onIdle();
  }

  /** The oldest call fails. */
  fail(reason: RpcReason): void {
    this.calls.shift()?.settle.reject(RpcError.of(reason, `fake ${reason}`));
    if (this.calls.length === 0) this.onIdle();
  }

  /** The connection breaks: everything in progress is lost. */
  lose(): void {
    this.setState('unavailable');
    for (const call of this.calls.splice(0)) call.settle.reject(RpcError.of('CONNECTION_LOST', 'fake loss'));
    this.onIdle();
  }

  async drain(): Promise<boolean> {
    if (this.calls.length > 0) {
      await new Promise<void>((resolve) => {
        this.onIdle = resolve;
      });
    }
    const wasIdle = this.state !== 'closed';
    await this.close();
    return wasIdle;
  }

  async close(): Promise<void> {
    this.setState('closed');
    this.onIdle();
    for (const call of [...this.calls.splice(0), ...this.pings.splice(0)]) {
      call.settle.reject(RpcError.of('CLOSED', 'closed'));
    }
  }
}

export const GET: MethodRef = { name: 'kv.get', definition: { kind: 'unary', idempotent: true } };
export const PUT: MethodRef = { name: 'kv.put', definition: { kind: 'unary' } };

/** A cluster client over fake channels and simulated time. */
export class FakeCluster {
  readonly clock = new SimulatedClock();
  readonly client: ClusterCaller;
  readonly env: CallEnvironment;
  readonly table: WorkerTable;
  /** It watches once a test starts it. */
  readonly watcher: RegistryWatcher;
  /** The present channel of each worker. */
  readonly channels = new Map<string, FakeChannel>();
  /** Every channel ever opened. */
  readonly everyChannel: FakeChannel[] = [];
  private readonly put: (worker: WorkerRecord) => void;
  private readonly drop: (id: string) => void;
  private revision = 0;

  constructor(options: {
    readonly workers: number;
    readonly settings?: Options;
    readonly seed?: number;
    readonly interceptors?: readonly ClientInterceptor<ClusterCallOptions>[];
    readonly slowStartMs?: number;
    readonly onChannel?: (channel: FakeChannel) => void;
  }) {
    const deps = assembleClient({
      runtime: { clock: this.clock, random: seededRandom(options.seed ?? 1), logger: silentLogger },
      settings: parseClientOptions(options.settings ?? {}),
      directors: [{ host: '127.0.0.1', port: 1 }],
      open: (target) => {
        const channel = new FakeChannel(target);
        this.channels.set(String(target.id), channel);
        this.everyChannel.push(channel);
        options.onChannel?.(channel);
        return channel;
      },
      strategy: undefined,
      interceptors: options.interceptors ?? [],
      warmMax: 16,
      slowStartMs: options.slowStartMs ?? 0,
      dispose: async () => undefined,
    });
    this.client = new ClusterCaller(deps);
    this.env = deps.env;
    this.watcher = deps.watcher;
    const { table } = deps;
    this.table = table;
    table.reset({ epoch: 'e', revision: 0, workers: [] }, 0, 0);
    this.put = (worker) => table.apply([{ type: 'put', revision: worker.revision, worker }]);
    this.drop = (id) => {
      const worker = table.get(nodeId(id));
      if (worker === undefined) return;
      this.revision += 1;
      const { instance } = worker;
      table.apply([{ type: 'removed', revision: this.revision, id: worker.id, instance, cause: 'expired' }]);
    };
    for (let index = 1; index <= options.workers; index += 1) this.add(`w${index}`);
  }

  add(id: string, fields: Partial<WorkerRecord> = {}): void {
    this.revision += 1;
    this.put({
      id: nodeId(id),
      instance: 'i1',
      address: { host: '127.0.0.1', port: 1_000 + Number(id.slice(1)) },
      bulkPort: undefined,
      tags: { role: 'worker', name: id },
      methods: [
        { name: 'kv.get', kind: 'unary', idempotent: true },
        { name: 'kv.put', kind: 'unary', idempotent: false },
      ],
      state: 'active',
      leaseMs: 3_000,
      ...fields,
      revision: this.revision,
    });
  }

  remove(id: string): void {
    this.drop(id);
  }

  channel(id: string): FakeChannel {
    const channel = this.channels.get(id);
    if (channel === undefined) throw new Error(`no channel to ${id}`);
    return channel;
  }

  /** The worker that holds the only call in progress. */
  holder(): FakeChannel {
    const holders = [...this.channels.values()].filter((channel) => channel.calls.length > 0);
    if (holders.length !== 1) throw new Error(`${holders.length} workers hold calls`);
    return holders[0]!;
  }

  outstanding(): number[] {
    return this.client.stats().workers.map((worker) => worker.outstanding);
  }
}

/** The error a promise rejects with. */
export async function errorOf(promise: Promise<unknown>): Promise<RpcError> {
  try {
    await promise;
  } catch (error) {
    return error as RpcError;
  }
  throw new Error('expected a rejection');
}
