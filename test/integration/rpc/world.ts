/**
 * A server and its clients for tests of the RPC path: on the memory transport in virtual time, or on QUIC over
 * loopback. `run` waits for a promise while time passes.
 */
import { Prng } from '../../../src/base/index.js';
import { type ChannelOptions, RpcChannel, RpcServer, type ServerOptions } from '../../../src/drivers/rpc/index.js';
import type { MemoryNetwork } from '../../../src/io/memory/index.js';
import { systemClock, systemRandom } from '../../../src/io/system/index.js';
import {
  type Clock,
  type Connection,
  type ConnectionHandler,
  type ConnectTarget,
  type Endpoint,
  type Logger,
  type Random,
  silentLogger,
} from '../../../src/ports/index.js';
import type { Implementation } from '../../../src/rpc/index.js';
import { createMemoryNetwork, SimulatedClock, testIdentity } from '../../../src/testing/index.js';
import { endpoint as quicEndpoint } from '../quic/support.js';

export interface WorldOptions extends Partial<Omit<ServerOptions, 'services'>> {
  readonly network?: Parameters<typeof createMemoryNetwork>[0];
  /** Sees every connection that the server accepts, before the RPC server does. */
  readonly onAccept?: (connection: Connection) => void;
}

export abstract class World {
  abstract readonly clock: Clock;
  abstract readonly random: Random;
  abstract readonly serverEndpoint: Endpoint;
  abstract readonly clientEndpoint: Endpoint;
  /** What the server logged as errors. */
  readonly errors: object[] = [];
  server: RpcServer | undefined;
  private readonly channels: RpcChannel[] = [];

  /** Waits for `work` while time passes; fails when `maxMs` of it have passed. */
  abstract run<T>(work: Promise<T> | (() => Promise<T>), maxMs?: number): Promise<T>;
  /** Waits until `holds()`. */
  abstract until(what: string, holds: () => boolean): Promise<void>;
  protected abstract closeEndpoints(): Promise<void>;

  get target(): ConnectTarget {
    return { address: this.serverEndpoint.address, ...SERVER };
  }

  get rpc(): RpcServer {
    if (this.server === undefined) throw new Error('serve() first');
    return this.server;
  }

  serve(services: Implementation | readonly Implementation[], options: WorldOptions = {}): RpcServer {
    const { onAccept, network: _, ...serverOptions } = options;
    const server = new RpcServer({
      identity: testIdentity(SERVER.role, SERVER.id),
      services: Array.isArray(services) ? services : [services as Implementation],
      clock: this.clock,
      random: this.random,
      logger: this.logger,
      ...serverOptions,
    });
    this.server = server;
    this.serverEndpoint.listen((connection) => {
      onAccept?.(connection);
      return server.accept(connection);
    });
    return server;
  }

  channel(options: Partial<ChannelOptions> = {}): RpcChannel {
    const channel = new RpcChannel({
      endpoint: this.clientEndpoint,
      target: this.target,
      identity: testIdentity('client', 'c1'),
      clock: this.clock,
      random: this.random,
      logger: silentLogger,
      ...options,
    });
    this.channels.push(channel);
    return channel;
  }

  /** A connection without an RPC channel, for peers that do not follow the protocol. */
  async dial(handler: ConnectionHandler): Promise<Connection> {
    const connection = this.clientEndpoint.connect(this.target, handler);
    await this.until('the connection to open', () => connection.state !== 'connecting');
    return connection;
  }

  async close(): Promise<void> {
    for (const channel of this.channels.splice(0)) await channel.close();
    this.server?.close();
    await this.closeEndpoints();
  }

  private get logger(): Logger {
    return { ...silentLogger, error: (fields) => this.errors.push(fields) };
  }
}

export class MemoryWorld extends World {
  readonly clock = new SimulatedClock();
  readonly random = new Prng('rpc tests');
  readonly network: MemoryNetwork;
  readonly serverEndpoint;
  readonly clientEndpoint;

  constructor(options: Parameters<typeof createMemoryNetwork>[0] = {}) {
    super();
    this.network = createMemoryNetwork({ clock: this.clock, latencyMs: 1, ...options });
    this.serverEndpoint = this.network.createEndpoint({ identity: testIdentity(SERVER.role, SERVER.id) });
    this.clientEndpoint = this.network.createEndpoint({ identity: testIdentity('client', 'c1') });
  }

  async run<T>(work: Promise<T> | (() => Promise<T>), maxMs = 120_000): Promise<T> {
    const promise = typeof work === 'function' ? work() : work;
    let done = false;
    const settled = promise.finally(() => {
      done = true;
    });
    settled.catch(() => undefined);
    if (!(await this.clock.runUntil(() => done, maxMs))) throw new Error(`not done after ${maxMs} ms of virtual time`);
    return settled;
  }

  async until(what: string, holds: () => boolean): Promise<void> {
    if (!(await this.clock.runUntil(holds, 120_000))) throw new Error(`waited for: ${what}`);
  }

  /** Lets time pass. */
  pass(ms: number): Promise<void> {
    return this.clock.advance(ms);
  }

  protected async closeEndpoints(): Promise<void> {
    await Promise.all([this.clientEndpoint.close(), this.serverEndpoint.close()]);
    await this.clock.advance(10);
  }
}

export class QuicWorld extends World {
  readonly clock = systemClock;
  readonly random = systemRandom;
  readonly serverEndpoint: Endpoint;
  readonly clientEndpoint: Endpoint;

  private constructor(server: Endpoint, client: Endpoint) {
    super();
    this.serverEndpoint = server;
    this.clientEndpoint = client;
  }

  static async create(): Promise<QuicWorld> {
    return new QuicWorld(await quicEndpoint(SERVER.role, SERVER.id), await quicEndpoint('client', 'c1'));
  }

  run<T>(work: Promise<T> | (() => Promise<T>)): Promise<T> {
    return typeof work === 'function' ? work() : work;
  }

  async until(what: string, holds: () => boolean): Promise<void> {
    const endMs = performance.now() + 15_000;
    while (!holds()) {
      if (performance.now() > endMs) throw new Error(`waited 15 s for: ${what}`);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  protected async closeEndpoints(): Promise<void> {
    await Promise.all([this.clientEndpoint.close(), this.serverEndpoint.close()]);
  }
}

/** Runs the same facts on both transports. */
export function onBothTransports(name: string, facts: (current: () => World) => void): void {
  for (const transport of ['memory', 'QUIC'] as const) {
    describe(`${name} over ${transport}`, () => {
      let world: World;
      beforeEach(async () => {
        world = transport === 'memory' ? new MemoryWorld() : await QuicWorld.create();
      });
      afterEach(() => world.close());
      facts(() => world);
    });
  }
}

/** The error that a promise rejects with. */
export async function failureOf(promise: Promise<unknown>): Promise<Error> {
  let value: unknown;
  try {
    value = await promise;
  } catch (error) {
    if (error instanceof Error) return error;
    throw new Error(`rejected with ${String(error)}`);
  }
  throw new Error(`resolved with ${JSON.stringify(value)?.slice(0, 200)}`);
}

/** A promise with its two ends outside. */
export class Gate<T = void> {
  readonly promise: Promise<T>;
  open!: (value: T) => void;
  fail!: (error: unknown) => void;

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.open = resolve;
      this.fail = reject;
    });
    this.promise.catch(() => undefined);
  }
}

export async function collect<T>(messages: AsyncIterable<T>, countMax = Number.POSITIVE_INFINITY): Promise<T[]> {
  const all: T[] = [];
  if (countMax <= 0) return all;
  for await (const message of messages) {
    all.push(message);
    if (all.length >= countMax) break;
  }
  return all;
}

const SERVER = { role: 'worker', id: testIdentity('worker', 'w1').id } as const;
