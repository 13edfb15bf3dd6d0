import { formatAddress, RpcError, type SocketAddress } from '../base/index.js';
import type { Clock, Logger, Random, WorkerRecord } from '../ports/index.js';
import { backoffMs, type MethodRef, RECONNECT_BACKOFF } from '../rpc/index.js';
import { deferred } from './deferred.js';
import { DirectorList } from './director-list.js';
import type { NodeChannel, OpenChannel } from './node-channel.js';
import { pause } from './pause.js';
import { decodeWatchMessage, RegistryService, type WatchMessage } from './protocol/index.js';
import { SilenceWatch } from './silence-watch.js';
import type { WorkerTable } from './worker-table.js';

export interface RegistryWatcherDependencies {
  /** Directors to begin with; any of them will do, and names the others. */
  readonly directors: readonly SocketAddress[];
  readonly open: OpenChannel;
  /** What the watcher keeps up to date. */
  readonly table: WorkerTable;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * Keeps a `WorkerTable` equal to the registry of whichever director can be reached. While none can, the table keeps
 * what it has, and the watcher tries one director after the other with growing, random pauses.
 */
export class RegistryWatcher {
  /** The directors known: those given, and those that directors named. */
  readonly directors: DirectorList;
  private readonly deps: RegistryWatcherDependencies;
  private readonly ended = new AbortController();
  private readonly synced = deferred<void>();
  private channel: NodeChannel | undefined;
  /** To directors that were left, until their last call has ended. */
  private readonly left = new Set<NodeChannel>();
  private running: Promise<void> | undefined;
  private failures = 0;
  private connected = false;
  private error: RpcError | undefined;

  constructor(deps: RegistryWatcherDependencies) {
    this.deps = deps;
    // Clients of a cluster spread over its directors.
    this.directors = new DirectorList(deps.directors, deps.random.int(deps.directors.length));
    this.synced.promise.catch(() => undefined);
  }

  /** A director feeds the table at the moment. */
  get isConnected(): boolean {
    return this.connected;
  }

  /** Why the last attempt ended; `undefined` before the first failure. */
  get lastError(): RpcError | undefined {
    return this.error;
  }

  /** The channel to the present director, for calls to it. */
  get director(): NodeChannel | undefined {
    return this.channel;
  }

  /** Aborted by `close`. */
  get closed(): AbortSignal {
    return this.ended.signal;
  }

  start(): void {
    this.running ??= this.run();
  }

  /**
   * Resolves with the first snapshot.
   *
   * @throws RpcError `CONNECT_FAILED` when none came within `timeoutMs`; the watcher goes on trying
   */
  async firstSnapshot(timeoutMs: number): Promise<void> {
    const { clock } = this.deps;
    const timeout = deferred<void>();
    const timer = clock.setTimer(timeoutMs, () => {
      const names = String(this.directors);
      const cause = this.error === undefined ? '' : `: ${this.error.message}`;
      const message = `no director answered within ${timeoutMs} ms (tried ${names})${cause}`;
      timeout.reject(RpcError.of('CONNECT_FAILED', message, { cause: this.error }));
    });
    try {
      await Promise.race([this.synced.promise, timeout.promise]);
    } finally {
      timer.cancel();
    }
  }

  async close(): Promise<void> {
    if (this.ended.signal.aborted) return;
    this.ended.abort();
    this.synced.reject(RpcError.of('CLOSED', 'the client was closed'));
    await Promise.all([this.running, ...[...this.left].map((channel) => channel.close())]);
  }

  private async run(): Promise<void> {
    const { clock, logger, random } = this.deps;
    while (!this.ended.signal.aborted) {
      const address = this.directors.next();
      try {
        await this.follow(address);
      } catch (thrown) {
        if (this.ended.signal.aborted) break;
        this.error = RpcError.from(thrown);
        // Trying again may help (a certificate can be replaced), but whoever waits for the start wants to know.
        if (this.error.reason === 'UNAUTHENTICATED') this.synced.reject(this.error);
        logger.debug({ director: formatAddress(address), error: this.error.message }, 'registry watch ended');
      }
      this.connected = false;
      // All directors are tried before the first pause grows.
      const round = Math.floor(this.failures / this.directors.size);
      this.failures += 1;
      await pause(clock, backoffMs(RECONNECT_BACKOFF, round, random.float()), this.ended.signal);
    }
    this.connected = false;
  }

  /** Watches at one director until that fails. */
  private async follow(address: SocketAddress): Promise<void> {
    const { open } = this.deps;
    const channel = open({ address, role: 'director', id: undefined });
    const watch = new AbortController();
    const stop = (): void => watch.abort(RpcError.of('CLOSED', 'the client was closed'));
    this.ended.signal.addEventListener('abort', stop, { once: true });
    const silence = new SilenceWatch(this.deps.clock, () =>
      watch.abort(RpcError.of('CONNECTION_LOST', `director ${formatAddress(address)} ${this.silenceText()}`)),
    );
    try {
      silence.expectWithin(this.connectTimeoutMs());
      this.channel = channel;
      const options = { priority: 'control', signal: watch.signal, timeoutMs: 0 } as const;
      const messages = channel.serverStream(WATCH, { ...this.deps.table.position }, options);
      const snapshot: WorkerRecord[] = [];
      for await (const message of messages) this.take(decodeWatchMessage(message), snapshot, silence);
      throw RpcError.of('CONNECTION_LOST', `director ${formatAddress(address)} ended the watch`);
    } catch (thrown) {
      throw watch.signal.aborted ? watch.signal.reason : thrown;
    } finally {
      silence.stop();
      this.channel = undefined;
      this.ended.signal.removeEventListener('abort', stop);
      await this.leave(channel);
    }
  }

  /** What was asked there is still answered there, at most until the client is closed. */
  private async leave(channel: NodeChannel): Promise<void> {
    if (this.ended.signal.aborted) {
      await channel.close();
      return;
    }
    this.left.add(channel);
    void channel.drain().finally(() => this.left.delete(channel));
  }

  private silenceText(): string {
    return this.connected ? 'has gone silent' : 'does not answer';
  }

  /** With other directors to go to, one that does not answer is left soon; later rounds are more patient. */
  private connectTimeoutMs(): number {
    const { size } = this.directors;
    const round = Math.floor(this.failures / size);
    return size === 1 ? CONNECT_TIMEOUT_MS : Math.min(CONNECT_TIMEOUT_MS, (round + 1) * ROUND_TIMEOUT_MS);
  }

  private take(message: WatchMessage, snapshot: WorkerRecord[], silence: SilenceWatch): void {
    const { table, clock } = this.deps;
    silence.heard();
    switch (message.type) {
      case 'snapshot': {
        silence.expectWithin(SILENT_HEARTBEATS * message.heartbeatMs);
        this.learn(message.directors);
        snapshot.push(...message.workers);
        if (message.more) return;
        const { epoch, revision, settledInMs } = message;
        const nowMs = clock.nowMs();
        table.reset({ epoch, revision, workers: snapshot.splice(0) }, nowMs + settledInMs, nowMs);
        this.follows();
        return;
      }
      case 'resumed':
        silence.expectWithin(SILENT_HEARTBEATS * message.heartbeatMs);
        this.learn(message.directors);
        this.follows();
        return;
      case 'changes':
        table.apply(message.changes);
        break;
      case 'heartbeat':
        table.reached(message.revision);
        break;
      case 'directors':
        this.learn(message.directors);
        break;
      case 'liveness':
        table.setDoubted(message.suspected, message.failed);
        break;
    }
    table.settle(clock.nowMs());
  }

  private learn(directors: readonly string[] | undefined): void {
    if (directors !== undefined) this.directors.learn(directors);
  }

  private follows(): void {
    this.failures = 0;
    this.connected = true;
    this.error = undefined;
    this.synced.resolve();
  }
}

const WATCH: MethodRef = { name: 'flotilla.registry.watch', definition: RegistryService.methods.watch };
/** Time for connecting to a director and its first message, before the next one is tried. */
const CONNECT_TIMEOUT_MS = 3_000;
const ROUND_TIMEOUT_MS = 1_000;
/** Heartbeats that may be missing. Fewer notice a dead director sooner, and take a slow one for dead. */
const SILENT_HEARTBEATS = 4;
