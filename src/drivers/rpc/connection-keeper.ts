import { CLOSE_CODES, formatAddress } from '../../base/index.js';
import type { CloseReason, Endpoint, Timer, TrafficClass } from '../../ports/index.js';
import { backoffMs } from '../../rpc/index.js';
import type { HelloAck } from '../../wire/index.js';
import type { ResolvedChannelOptions } from './channel-options.js';
import { type CallObserver, ClientConnection, type ConnectionOwner } from './client-connection.js';

/**
 * `idle`: not connected and not trying. `connecting`: the first attempt after idle; calls wait for it. `ready`: calls
 * can be made. `unavailable`: the last attempt failed, the next one is due after a pause; calls fail at once with
 * `NOT_CONNECTED` unless they ask to wait. `closed`: for good.
 */
export type ChannelState = 'idle' | 'connecting' | 'ready' | 'unavailable' | 'closed';

export interface ChannelCounters {
  /** Connections that could be used. */
  connects: number;
  connectFailures: number;
  /** Of `connects`: shortened by a session ticket, and with 0-RTT data. */
  resumed: number;
  earlyData: number;
  /** Connections replaced because of their age or the number of streams they had carried. */
  rotations: number;
  /** Calls made again after a failure. */
  retries: number;
}

export interface KeeperListener extends CallObserver {
  /** The state changed, or the peer began to drain. */
  onChange(state: ChannelState): void;
  /** Calls may be made; with `early` only idempotent ones. */
  onUsable(early: boolean): void;
  /** An attempt failed or the connection broke. */
  onUnavailable(reason: CloseReason): void;
  /** The bulk connection can be used, or turned out to be impossible. */
  onBulkSettled(): void;
}

/**
 * Keeps one usable connection to a target: makes it, makes it again with growing, jittered pauses when it breaks, and
 * replaces it by a new one when it gets old. The old one stays until its last call has ended.
 */
export class ConnectionKeeper implements ConnectionOwner {
  readonly counters: ChannelCounters = {
    connects: 0,
    connectFailures: 0,
    resumed: 0,
    earlyData: 0,
    rotations: 0,
    retries: 0,
  };
  /** The connection for new calls. */
  current: ClientConnection | undefined;
  peerDraining = false;
  lastFailure: CloseReason | undefined;
  state: ChannelState = 'idle';
  private readonly options: ResolvedChannelOptions;
  private readonly listener: KeeperListener;
  private readonly retiring = new Set<ClientConnection>();
  private dialing: ClientConnection | undefined;
  private bulk: ClientConnection | undefined;
  private bulkFailed = false;
  private attempt = 0;
  private timer: Timer | undefined;

  constructor(options: ResolvedChannelOptions, listener: KeeperListener) {
    this.options = options;
    this.listener = listener;
  }

  /** Calls in progress on all connections. */
  get callsInProgress(): number {
    let count = 0;
    for (const connection of this.connections()) count += connection.calls.size;
    return count;
  }

  /** Starts unless it has already. */
  start(): void {
    if (this.state !== 'idle') return;
    this.setState('connecting');
    this.dial();
  }

  /**
   * The connection that carries bulk streams: the bulk connection when the peer has a bulk port and we a bulk endpoint,
   * else the main one. It may still be `connecting`: then wait for `onBulkSettled`.
   */
  bulkConnection(main: ClientConnection): ClientConnection {
    const { bulkEndpoint, target } = this.options;
    const bulkPort = main.ack?.bulkPort;
    if (bulkEndpoint === undefined || bulkPort === undefined || this.bulkFailed) return main;
    if (this.bulk === undefined) {
      this.bulk = this.open(bulkEndpoint, { ...target, address: { host: target.address.host, port: bulkPort } });
    }
    return this.bulk;
  }

  close(visit: (connection: ClientConnection) => void): void {
    this.timer?.cancel();
    const connections = [...this.connections()];
    this.setState('closed');
    this.current = undefined;
    this.dialing = undefined;
    this.bulk = undefined;
    this.retiring.clear();
    for (const connection of connections) {
      visit(connection);
      connection.close(CLOSE_CODES.NONE, 'closed by the client');
    }
  }

  // ConnectionOwner

  onReady(connection: ClientConnection, early: boolean): void {
    if (connection === this.bulk) {
      if (!early) this.listener.onBulkSettled();
      return;
    }
    if (early) this.counters.earlyData++;
    // One that works is not given up for one that the peer may still refuse: then its hello decides.
    if (connection === this.dialing && this.current === undefined) this.promote(connection);
    if (connection === this.current) this.use(connection);
  }

  onHello(connection: ClientConnection, ack: HelloAck): void {
    if (connection === this.dialing) {
      this.promote(connection);
      this.use(connection);
    }
    if (connection !== this.current) return;
    // Not at the handshake: a peer that refuses the hello would be asked again without a pause.
    this.attempt = 0;
    this.setDraining(ack.draining);
  }

  onGoingAway(connection: ClientConnection): void {
    if (connection === this.current) this.setDraining(true);
  }

  onWornOut(connection: ClientConnection): void {
    if (connection === this.current && this.dialing === undefined) this.rotate();
    if (connection !== this.bulk) return;
    this.bulk = undefined;
    this.retiring.add(connection);
  }

  onIdle(connection: ClientConnection): void {
    if (this.retiring.has(connection)) connection.close(CLOSE_CODES.REPLACED, 'replaced by a newer connection');
    this.listener.onIdle();
  }

  onAnswer(load: number, latencyMs: number, trafficClass: TrafficClass): void {
    this.listener.onAnswer(load, latencyMs, trafficClass);
  }

  onLongMessage(...call: Parameters<CallObserver['onLongMessage']>): void {
    this.listener.onLongMessage(...call);
  }

  onClosed(connection: ClientConnection, reason: CloseReason): void {
    this.retiring.delete(connection);
    if (this.state === 'closed') return;
    if (connection === this.bulk) {
      this.bulk = undefined;
      // A bulk port that cannot be reached, or refuses us, must not stop bulk traffic: it shares the main connection then.
      this.bulkFailed = connection.ack === undefined;
      this.listener.onBulkSettled();
    } else if (connection === this.dialing) {
      this.dialing = undefined;
      this.counters.connectFailures++;
      if (this.current === undefined) this.unavailable(reason);
      else this.later(() => this.dial());
    } else if (connection === this.current) {
      this.current = undefined;
      this.bulkFailed = false;
      if (this.dialing === undefined) this.unavailable(reason);
      else this.setState('connecting');
    }
    this.listener.onIdle(); // its calls have failed
  }

  // Private

  private *connections(): Generator<ClientConnection> {
    if (this.current !== undefined) yield this.current;
    if (this.dialing !== undefined) yield this.dialing;
    if (this.bulk !== undefined) yield this.bulk;
    yield* this.retiring;
  }

  private dial(): void {
    this.timer = undefined;
    this.dialing = this.open(this.options.endpoint, this.options.target);
  }

  private open(endpoint: Endpoint, target: ResolvedChannelOptions['target']): ClientConnection {
    const connection = new ClientConnection(this, {
      clock: this.options.clock,
      identity: this.options.identity,
      messageBytesMax: this.options.messageBytesMax,
      lanes: this.options.lanes,
      compression: this.options.compression,
      streamsMax: this.options.connectionStreamsMax,
      target: `${target.id ?? target.role} (${formatAddress(target.address)})`,
    });
    connection.connection = endpoint.connect(target, connection);
    return connection;
  }

  private use(connection: ClientConnection): void {
    const early = connection.state === 'early';
    if (!early) {
      this.lastFailure = undefined;
      if (connection.connection?.resumed === true) this.counters.resumed++;
    }
    this.setState('ready');
    this.listener.onUsable(early);
  }

  /** The new connection takes the new calls; one that it replaces ends with its last call. */
  private promote(connection: ClientConnection): void {
    const old = this.current;
    this.dialing = undefined;
    this.current = connection;
    this.counters.connects++;
    this.setDraining(false);
    if (old !== undefined) {
      this.retiring.add(old);
      if (old.calls.size === 0) this.onIdle(old);
    }
    // Up to a tenth earlier, so that connections made together are not replaced together.
    this.later(() => this.rotate(), this.options.connectionAgeMsMax * (1 - 0.1 * this.options.random.float()));
  }

  private rotate(): void {
    this.timer?.cancel();
    this.counters.rotations++;
    this.dial();
  }

  private unavailable(reason: CloseReason): void {
    this.lastFailure = reason;
    this.options.logger.debug({ reason: reason.message }, 'not connected');
    this.setState('unavailable');
    this.listener.onUnavailable(reason);
    this.later(() => this.dial());
  }

  private later(action: () => void, delayMs?: number): void {
    if (this.state === 'closed') return;
    this.timer?.cancel();
    const pauseMs = delayMs ?? backoffMs(this.options.reconnect, this.attempt++, this.options.random.float());
    this.timer = this.options.clock.setTimer(pauseMs, action, { unref: true });
  }

  private setDraining(draining: boolean): void {
    if (this.peerDraining === draining) return;
    this.peerDraining = draining;
    this.listener.onChange(this.state);
  }

  private setState(state: ChannelState): void {
    if (this.state === state) return;
    this.state = state;
    this.listener.onChange(state);
  }
}
