import { createSocket, type Socket } from 'node:dgram';
import { formatAddress, Prng, type SocketAddress } from '../base/index.js';
import { PreciseQueue } from './precise-queue.js';

/** How the proxy treats datagrams of one direction; every rate is a probability per datagram. */
export interface ProxyPath {
  /** Added one-way delay. Default 0: forwarded in the same turn. */
  readonly delayMs: number;
  /** Additional uniform delay of 0 to this; datagrams overtake each other by it. Default 0. */
  readonly jitterMs: number;
  readonly lossRate: number;
  readonly duplicateRate: number;
  /** Share of datagrams held back by `reorderMs` more, so that later ones overtake them. Default 0. */
  readonly reorderRate: number;
  /** Default 5. */
  readonly reorderMs: number;
}

export interface UdpProxyOptions {
  /** Where datagrams of clients go. */
  readonly target: SocketAddress;
  /** Where clients send to. Default: 127.0.0.1 (or ::1 for an IPv6 target) and any free port. */
  readonly listen?: SocketAddress;
  /** Both directions. */
  readonly path?: Partial<ProxyPath>;
  /** On top of `path`, from clients to the target only. */
  readonly toTarget?: Partial<ProxyPath>;
  /** On top of `path`, from the target to clients only. */
  readonly toClient?: Partial<ProxyPath>;
  /** Of losses, duplicates and delays. Which datagram meets which fate still depends on real timing. Default 1. */
  readonly seed?: string | number;
}

export type ProxyDirection = 'toTarget' | 'toClient';

/**
 * A UDP middlebox between real sockets on loopback: drops, delays, duplicates, reorders and cuts.
 *
 * ```
 *   client a -> [listen] -> upstream socket of a -> target
 *   client b -> [listen] -> upstream socket of b -> target
 * ```
 *
 * Like a NAT it uses one upstream socket per client address, so the target tells clients apart; `rebind` gives each
 * client a new one. Several datagrams may be under way in each direction; delays are exact to a fraction of a
 * millisecond (see {@link PreciseQueue}).
 */
export class UdpProxy {
  readonly counters = {
    toTarget: { received: 0, forwarded: 0, lost: 0, duplicated: 0, reordered: 0, cut: 0 },
    toClient: { received: 0, forwarded: 0, lost: 0, duplicated: 0, reordered: 0, cut: 0 },
  };
  private target: SocketAddress;
  private readonly listener: Socket;
  private readonly clients = new Map<string, ProxyClient>();
  private readonly paths: Record<ProxyDirection, ProxyPath>;
  private readonly cuts: Record<ProxyDirection, boolean> = { toTarget: false, toClient: false };
  private readonly queue = new PreciseQueue();
  private readonly random: Prng;
  private boundAddress: SocketAddress = { host: '', port: 0 };
  private closing: Promise<void> | undefined;

  private constructor(options: UdpProxyOptions) {
    this.target = options.target;
    this.paths = {
      toTarget: { ...PATH_DEFAULTS, ...options.path, ...options.toTarget },
      toClient: { ...PATH_DEFAULTS, ...options.path, ...options.toClient },
    };
    this.random = new Prng(options.seed ?? 1);
    this.listener = openSocket(options.target);
    this.listener.on('message', (datagram, from) => this.fromClient(datagram, from.address, from.port));
  }

  /** Binds the socket that clients send to. Rejects when its address cannot be bound. */
  static async start(options: UdpProxyOptions): Promise<UdpProxy> {
    const proxy = new UdpProxy(options);
    const listen = options.listen ?? { host: loopbackOf(options.target), port: 0 };
    await new Promise<void>((resolve, reject) => {
      proxy.listener.once('error', (error) => {
        proxy.listener.close();
        reject(error);
      });
      proxy.listener.bind(listen.port, listen.host, resolve);
    });
    proxy.listener.removeAllListeners('error');
    proxy.listener.on('error', ignore);
    enlargeBuffers(proxy.listener);
    proxy.boundAddress = { host: listen.host, port: proxy.listener.address().port };
    return proxy;
  }

  /** Where clients send to. */
  get address(): SocketAddress {
    return this.boundAddress;
  }

  /** Changes how datagrams that come from now on are treated, in one direction or (default) in both. */
  setPath(path: Partial<ProxyPath>, direction?: ProxyDirection): void {
    for (const each of directionsOf(direction)) this.paths[each] = { ...this.paths[each], ...path };
  }

  /** Sends what comes from now on to another address: the target has restarted on another port. */
  setTarget(target: SocketAddress): void {
    this.target = target;
  }

  /** Drops everything in one direction or (default) both, also what is under way. */
  cut(direction?: ProxyDirection): void {
    for (const each of directionsOf(direction)) this.cuts[each] = true;
  }

  heal(direction?: ProxyDirection): void {
    for (const each of directionsOf(direction)) this.cuts[each] = false;
  }

  /** Gives every client a new upstream socket at its next datagram: the target sees a new address (NAT rebinding). */
  rebind(): void {
    for (const client of this.clients.values()) client.socket.close();
    this.clients.clear();
  }

  /** Forgets what is under way and closes all sockets. Idempotent. */
  close(): Promise<void> {
    this.closing ??= new Promise((resolve) => {
      this.queue.close();
      this.rebind();
      this.listener.close(() => resolve());
    });
    return this.closing;
  }

  private fromClient(datagram: Buffer, host: string, port: number): void {
    if (this.closing !== undefined) return;
    const client = this.clientAt({ host, port });
    this.pass('toTarget', () => client.send(datagram, this.target));
  }

  private fromTarget(datagram: Buffer, client: ProxyClient): void {
    if (this.closing !== undefined) return;
    this.pass('toClient', () => this.listener.send(datagram, client.address.port, client.address.host, ignore));
  }

  private clientAt(address: SocketAddress): ProxyClient {
    const key = formatAddress(address);
    let client = this.clients.get(key);
    if (client === undefined) {
      client = new ProxyClient(address, openSocket(this.target));
      const made = client;
      client.socket.on('message', (datagram) => this.fromTarget(datagram, made));
      this.clients.set(key, client);
    }
    return client;
  }

  private pass(direction: ProxyDirection, forward: () => void): void {
    const { random, counters } = this;
    const path = this.paths[direction];
    const counter = counters[direction];
    const copies = random.chance(path.duplicateRate) ? 2 : 1;
    const isLost = random.chance(path.lossRate);
    const isHeldBack = random.chance(path.reorderRate);
    counter.received += 1;
    if (this.cuts[direction]) {
      counter.cut += 1;
      return;
    }
    if (isLost) {
      counter.lost += 1;
      return;
    }
    counter.duplicated += copies - 1;
    counter.reordered += isHeldBack ? 1 : 0;
    for (let copy = 0; copy < copies; copy += 1) {
      const delayMs = path.delayMs + random.float() * path.jitterMs + (isHeldBack ? path.reorderMs : 0);
      this.queue.run(delayMs, () => this.leave(direction, forward));
    }
  }

  private leave(direction: ProxyDirection, forward: () => void): void {
    const counter = this.counters[direction];
    if (this.cuts[direction]) {
      counter.cut += 1;
      return;
    }
    counter.forwarded += 1;
    forward();
  }
}

/** One client address and the socket that speaks for it. */
class ProxyClient {
  readonly address: SocketAddress;
  readonly socket: Socket;
  private open = true;

  constructor(address: SocketAddress, socket: Socket) {
    this.address = address;
    this.socket = socket;
    socket.on('error', ignore);
    socket.once('close', () => {
      this.open = false;
    });
    socket.bind(0, () => enlargeBuffers(socket));
  }

  send(datagram: Buffer, target: SocketAddress): void {
    if (this.open) this.socket.send(datagram, target.port, target.host, ignore);
  }
}

const PATH_DEFAULTS: ProxyPath = {
  delayMs: 0,
  jitterMs: 0,
  lossRate: 0,
  duplicateRate: 0,
  reorderRate: 0,
  reorderMs: 5,
};

function directionsOf(direction: ProxyDirection | undefined): readonly ProxyDirection[] {
  return direction === undefined ? ['toTarget', 'toClient'] : [direction];
}

function openSocket(target: SocketAddress): Socket {
  return createSocket(target.host.includes(':') ? 'udp6' : 'udp4');
}

function loopbackOf(target: SocketAddress): string {
  return target.host.includes(':') ? '::1' : '127.0.0.1';
}

/** As much as the kernel gives: losses are to come from the options, not from full buffers. */
function enlargeBuffers(socket: Socket): void {
  try {
    socket.setRecvBufferSize(4 * 1024 * 1024);
    socket.setSendBufferSize(4 * 1024 * 1024);
  } catch {
    // The kernel's default has to do.
  }
}

function ignore(): void {}
