import { randomBytes } from 'node:crypto';
import dgram from 'node:dgram';
import type { SocketAddress } from '../../../src/base/index.js';
import type { TlsPem } from '../../../src/io/quic/index.js';
import { loadNative, type NativeConfig, type NativeConnection, type Quiche } from '../../../src/io/quic/native.js';
import { until } from './support.js';

/** A UDP socket that records what it gets: what an attacker or a foreign implementation works with. */
export class RawPeer {
  readonly received: Buffer[] = [];
  readonly socket: dgram.Socket;

  private constructor(socket: dgram.Socket) {
    this.socket = socket;
    socket.on('message', (datagram) => this.received.push(datagram));
  }

  static async open(): Promise<RawPeer> {
    const socket = dgram.createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    return new RawPeer(socket);
  }

  get address(): SocketAddress {
    return { host: '127.0.0.1', port: this.socket.address().port };
  }

  get receivedBytes(): number {
    return this.received.reduce((sum, datagram) => sum + datagram.length, 0);
  }

  send(datagram: Uint8Array, to: SocketAddress): Promise<void> {
    return new Promise((resolve, reject) => {
      this.socket.send(datagram, to.port, to.host, (error) => (error === null ? resolve() : reject(error)));
    });
  }

  close(): void {
    this.socket.close();
  }
}

export interface RawClientOptions {
  readonly tls?: TlsPem | undefined;
  /** Authority to verify the server with. */
  readonly ca: string;
  readonly alpn?: string;
}

/** A QUIC client made of the bare binding, to do what the endpoint would not. */
export class RawClient {
  readonly peer: RawPeer;
  readonly native: NativeConnection;
  private readonly to: SocketAddress;
  private readonly buffer = Buffer.alloc(65_536);

  private constructor(peer: RawPeer, native: NativeConnection, to: SocketAddress) {
    this.peer = peer;
    this.native = native;
    this.to = to;
  }

  static async open(to: SocketAddress, options: RawClientOptions): Promise<RawClient> {
    const quiche = await loadNative();
    const peer = await RawPeer.open();
    const config = configOf(quiche, options);
    const native = quiche.Connection.connect('worker.flotilla.internal', randomBytes(20), peer.address, to, config);
    return new RawClient(peer, native, to);
  }

  /** What quiche wants to send now. */
  datagrams(): Buffer[] {
    const made: Buffer[] = [];
    for (;;) {
      const sent = this.native.send(this.buffer);
      if (sent === null) return made;
      made.push(Buffer.from(this.buffer.subarray(0, sent[0])));
    }
  }

  async flush(): Promise<void> {
    for (const datagram of this.datagrams()) await this.peer.send(datagram, this.to);
  }

  /** Exchanges datagrams until `done()`. */
  async run(what: string, done: () => boolean): Promise<void> {
    this.peer.socket.on('message', (datagram) => {
      try {
        this.native.recv(datagram, { from: this.to, to: this.peer.address });
      } catch {
        // What went wrong is in localError.
      }
      void this.flush();
    });
    await this.flush();
    await until(what, done);
  }

  close(): void {
    this.peer.close();
  }
}

function configOf(quiche: Quiche, options: RawClientOptions): NativeConfig {
  const { tls } = options;
  const key = tls === undefined ? null : [Buffer.from(tls.key)];
  const cert = tls === undefined ? null : [Buffer.from(tls.cert)];
  const config = quiche.Config.withBoringSslCtx(true, false, Buffer.from(options.ca), key, cert, null);
  config.setApplicationProtos([options.alpn ?? 'flotilla/1']);
  config.setMaxIdleTimeout(10_000);
  config.setMaxRecvUdpPayloadSize(65_527);
  config.setMaxSendUdpPayloadSize(1_350);
  config.setInitialMaxData(1_000_000);
  config.setInitialMaxStreamDataBidiLocal(1_000_000);
  config.setInitialMaxStreamDataBidiRemote(1_000_000);
  config.setInitialMaxStreamsBidi(100);
  return config;
}

/** Carries datagrams between one client and a server; `toServer` and `toClient` say what becomes of each. */
export class RawProxy {
  toServer: (datagram: Buffer) => readonly Buffer[] = (datagram) => [datagram];
  toClient: (datagram: Buffer) => readonly Buffer[] = (datagram) => [datagram];
  private readonly front: RawPeer;
  private readonly backs = new Map<number, dgram.Socket>();
  private readonly server: SocketAddress;

  private constructor(front: RawPeer, server: SocketAddress) {
    this.front = front;
    this.server = server;
    front.socket.on('message', (datagram, from) => {
      const back = this.backFor(from.port);
      for (const sent of this.toServer(datagram)) back.send(sent, this.server.port, this.server.host);
    });
  }

  static async open(server: SocketAddress): Promise<RawProxy> {
    return new RawProxy(await RawPeer.open(), server);
  }

  get address(): SocketAddress {
    return this.front.address;
  }

  close(): void {
    this.front.close();
    for (const back of this.backs.values()) back.close();
  }

  private backFor(clientPort: number): dgram.Socket {
    let back = this.backs.get(clientPort);
    if (back === undefined) {
      back = dgram.createSocket('udp4');
      back.on('message', (datagram) => {
        for (const sent of this.toClient(datagram)) this.front.socket.send(sent, clientPort, '127.0.0.1');
      });
      this.backs.set(clientPort, back);
    }
    return back;
  }
}
