import { formatAddress, RpcError, type SocketAddress } from '../base/index.js';
import {
  DirectorList,
  decodeLeaseReply,
  deferred,
  type NodeChannel,
  type OpenChannel,
  pause,
  RegistryService,
} from '../client/index.js';
import type { Clock, Logger, Random, WorkerRegistration, WorkerState } from '../ports/index.js';
import { type BackoffOptions, backoffMs, type MethodRef, methodName } from '../rpc/index.js';

export interface RegistrationDependencies {
  /** Directors to begin with; any of them will do, and names the others. */
  readonly directors: readonly SocketAddress[];
  readonly open: OpenChannel;
  /** What the worker says about itself; read at every registration. */
  readonly self: () => WorkerRegistration;
  /** Share of the lease after which it is renewed. */
  readonly renewRatio: number;
  readonly reconnect: BackoffOptions;
  /**
   * Where the directors are, when the node at an address turned out to be no director; none when that is not known in
   * time.
   */
  readonly findDirectors?: (() => Promise<readonly string[]>) | undefined;
  /** The version of the gossip keys that a director named. */
  readonly onGossipKeys?: ((version: number) => void) | undefined;
  /** A new session ticket key of the cluster. */
  readonly onTicketKey: (key: Uint8Array) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export interface RegistrationCounters {
  registrations: number;
  renewals: number;
  /** Attempts at a director that failed. */
  failures: number;
}

/**
 * Keeps a worker registered: at the first director that can be reached, renewed well before the lease ends, and again
 * from the start whenever a director does not know it or cannot be reached.
 */
export class Registration {
  readonly counters: RegistrationCounters = { registrations: 0, renewals: 0, failures: 0 };
  /** The directors known: those given, and those that directors named. */
  readonly directors: DirectorList;
  private readonly deps: RegistrationDependencies;
  private readonly ended = new AbortController();
  private channel: NodeChannel | undefined;
  private ticketKeyId: string | undefined;
  private state: WorkerState = 'active';
  private registered = false;
  /** What the last director gave; `undefined` before the first. */
  private leaseMs: number | undefined;
  private running: Promise<void> | undefined;
  private readonly firstTime = deferred<void>();
  private lastError: RpcError | undefined;

  constructor(deps: RegistrationDependencies) {
    this.deps = deps;
    this.directors = new DirectorList(deps.directors);
    this.firstTime.promise.catch(() => undefined);
  }

  /** A director holds the registration, as far as the last answer said. */
  get isRegistered(): boolean {
    return this.registered;
  }

  get error(): RpcError | undefined {
    return this.lastError;
  }

  start(): void {
    this.running ??= this.run();
  }

  /**
   * Resolves with the first registration.
   *
   * @throws RpcError `CONNECT_FAILED` when there was none within `timeoutMs`, or why a director refused
   */
  async first(timeoutMs: number): Promise<void> {
    const { clock } = this.deps;
    const waited = new AbortController();
    const late = pause(clock, timeoutMs, waited.signal);
    await Promise.race([this.firstTime.promise, late]).finally(() => waited.abort());
    if (this.counters.registrations > 0) return;
    const { lastError } = this;
    const names = String(this.directors);
    const why = lastError === undefined ? '' : `: ${lastError.message}`;
    const message = `no director took the registration within ${timeoutMs} ms (tried ${names})${why}`;
    throw RpcError.of('CONNECT_FAILED', message, { cause: lastError });
  }

  /** Tells the director that the worker takes no new calls, now and at later registrations. Best effort. */
  async drain(): Promise<void> {
    this.state = 'draining';
    const { id, instance } = this.deps.self();
    await this.tell(SET_STATE, { id, instance, state: 'draining' });
  }

  /** Stops renewing and takes the worker off the registry. Best effort: otherwise its lease ends by itself. */
  async close(): Promise<void> {
    if (this.ended.signal.aborted) return;
    const { id, instance } = this.deps.self();
    if (this.registered) await this.tell(DEREGISTER, { id, instance });
    this.abandon();
    await this.running;
  }

  /** Stops at once without a word, as a process that dies. */
  abandon(): void {
    this.ended.abort();
    this.firstTime.reject(RpcError.of('CLOSED', 'the worker was closed'));
    void this.channel?.close();
  }

  private async run(): Promise<void> {
    const { clock, logger, random, reconnect } = this.deps;
    for (let attempt = 0; !this.ended.signal.aborted; attempt += 1) {
      const address = this.directors.next();
      const before = this.counters.registrations;
      try {
        await this.stayRegistered(address);
      } catch (thrown) {
        if (this.ended.signal.aborted) break;
        this.lastError = RpcError.from(thrown);
        this.counters.failures += 1;
        if (await this.isGuidedFrom(this.lastError)) continue;
        // Trying again may help (a certificate can be replaced), but whoever waits for the start wants to know.
        if (REFUSALS.has(this.lastError.reason)) this.firstTime.reject(this.lastError);
        if (this.counters.registrations === before) this.notRegistered(address, attempt);
      }
      if (this.counters.registrations > before && !this.ended.signal.aborted) {
        logger.warn({ director: formatAddress(address), error: this.lastError?.message }, 'registration lost');
        attempt = 0;
      }
      this.registered = false;
      const round = Math.floor(attempt / this.directors.size);
      await pause(clock, backoffMs(reconnect, round, random.float()), this.ended.signal);
    }
    this.registered = false;
  }

  /** A seed that holds no director's certificate may be a worker, which knows where the directors are. */
  private async isGuidedFrom({ reason }: RpcError): Promise<boolean> {
    const { findDirectors } = this.deps;
    if (reason !== 'UNAUTHENTICATED' || findDirectors === undefined || this.counters.registrations > 0) return false;
    const before = String(this.directors);
    this.directors.learn(await findDirectors());
    return String(this.directors) !== before;
  }

  /** Warns once, when all directors have been asked: a wrong address must not look like a slow start. */
  private notRegistered(address: SocketAddress, attempt: number): void {
    const { logger } = this.deps;
    const level = attempt === this.directors.size - 1 ? 'warn' : 'debug';
    const fields = { director: formatAddress(address), error: this.lastError?.message };
    logger[level](fields, 'not registered, trying again');
  }

  /** Registers at one director and renews there until that fails. */
  private async stayRegistered(address: SocketAddress): Promise<void> {
    const { clock, open, renewRatio, logger, random } = this.deps;
    const channel = open({ address, role: 'director', id: undefined });
    this.channel = channel;
    // The end of the connection is noticed before the next renewal would.
    const lost = new AbortController();
    const stopListening = channel.onState((state) => {
      if (state === 'unavailable' && this.registered) lost.abort();
    });
    const stopWaiting = AbortSignal.any([this.ended.signal, lost.signal]);
    try {
      let leaseMs = await this.register(channel);
      logger.info({ director: formatAddress(address) }, 'registered');
      while (!this.ended.signal.aborted) {
        // Workers that started together do not renew together.
        await pause(clock, leaseMs * renewRatio * (0.9 + 0.1 * random.float()), stopWaiting);
        if (this.ended.signal.aborted) return;
        if (lost.signal.aborted) throw RpcError.of('CONNECTION_LOST', 'the connection to the director was lost');
        leaseMs = await this.renew(channel);
      }
    } finally {
      stopListening();
      this.channel = undefined;
      await channel.close();
    }
  }

  private async register(channel: NodeChannel): Promise<number> {
    const request = { ...this.deps.self(), ticketKeyId: this.ticketKeyId };
    const reply = await channel.unary(REGISTER, request, { ...CONTROL, timeoutMs: this.timeoutMs });
    const leaseMs = this.take(reply);
    this.counters.registrations += 1;
    this.registered = true;
    this.firstTime.resolve();
    if (this.state === 'draining') await this.drain();
    return leaseMs;
  }

  private async renew(channel: NodeChannel): Promise<number> {
    const { id, instance } = this.deps.self();
    const request = { id, instance, ticketKeyId: this.ticketKeyId };
    try {
      const renewed = this.take(await channel.unary(RENEW, request, { ...CONTROL, timeoutMs: this.timeoutMs }));
      this.counters.renewals += 1;
      return renewed;
    } catch (error) {
      if (RpcError.from(error).reason !== 'LEASE_UNKNOWN') throw error;
      this.deps.logger.warn({ worker: id }, 'the director has dropped the registration: registering again');
      return await this.register(channel);
    }
  }

  /** An answer that takes longer than this leaves no time to go elsewhere before the lease ends. */
  private get timeoutMs(): number {
    return Math.min(CONTROL.timeoutMs, (this.leaseMs ?? Number.POSITIVE_INFINITY) / 3);
  }

  /** @returns the lease's duration */
  private take(reply: unknown): number {
    const { leaseMs, ticketKey, directors, gossipKeysVersion } = decodeLeaseReply(reply);
    if (gossipKeysVersion !== undefined) this.deps.onGossipKeys?.(gossipKeysVersion);
    if (directors !== undefined) this.directors.learn(directors);
    if (ticketKey !== undefined) {
      this.ticketKeyId = ticketKey.id;
      this.deps.onTicketKey(ticketKey.key);
    }
    this.leaseMs = leaseMs;
    return leaseMs;
  }

  private async tell(method: MethodRef, request: unknown): Promise<void> {
    try {
      await this.channel?.unary(method, request, { ...CONTROL, timeoutMs: FAREWELL_TIMEOUT_MS });
    } catch (error) {
      this.deps.logger.debug({ method: method.name, error: RpcError.from(error).message }, 'the director was not told');
    }
  }
}

function ref(name: keyof typeof RegistryService.methods): MethodRef {
  return { name: methodName(RegistryService.name, name), definition: RegistryService.methods[name] };
}

const REGISTER = ref('register');
const RENEW = ref('renew');
const SET_STATE = ref('setState');
const DEREGISTER = ref('deregister');
const CONTROL = { priority: 'control', timeoutMs: 3_000 } as const;
const FAREWELL_TIMEOUT_MS = 1_000;
const REFUSALS: ReadonlySet<string> = new Set(['FORBIDDEN', 'UNAUTHENTICATED', 'INPUT_INVALID']);
