import dgram from 'node:dgram';
import dns from 'node:dns/promises';
import net from 'node:net';
import { FlotillaError, formatAddress, type SocketAddress } from '../../base/index.js';

/** What the kernel gave when socket buffers were asked for (Linux reports, and counts against, about twice the size). */
export interface SocketBuffers {
  readonly receiveBytes: number;
  readonly sendBytes: number;
}

export type DatagramListener = (datagram: Buffer, host: string, port: number) => void;

/**
 * One UDP socket whose `send` is synchronous and allocates nothing here: hosts are literals (the resolver runs only
 * when binding and connecting), and one buffer is used for all datagrams while the kernel takes them at once.
 */
export class DatagramSocket {
  readonly address: SocketAddress;
  readonly buffers: SocketBuffers;
  readonly family: 4 | 6;
  /**
   * Where the next datagram is written. After `send` returned false the kernel still holds the old one, so read this
   * field again for every datagram.
   */
  sendBuffer = Buffer.allocUnsafeSlow(SEND_BUFFER_BYTES);
  private readonly socket: dgram.Socket;

  private constructor(socket: dgram.Socket, family: 4 | 6) {
    this.socket = socket;
    this.family = family;
    const { address, port } = socket.address();
    this.address = { host: address, port };
    this.buffers = { receiveBytes: socket.getRecvBufferSize(), sendBytes: socket.getSendBufferSize() };
  }

  /**
   * @throws FlotillaError `ADDRESS_IN_USE` or `ADDRESS_UNREACHABLE`
   */
  static async bind(listen: SocketAddress, bufferBytes: number): Promise<DatagramSocket> {
    const host = await resolveHost(listen.host, 0);
    const family = net.isIPv6(host) ? 6 : 4;
    const socket = dgram.createSocket({
      type: family === 6 ? 'udp6' : 'udp4',
      ipv6Only: false,
      lookup: (hostname, _options, callback) => callback(null, hostname, family),
    });
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject);
        socket.bind({ address: host, port: listen.port, exclusive: true }, resolve);
      });
    } catch (cause) {
      socket.close();
      throw bindError(listen, cause);
    }
    socket.removeAllListeners('error');
    if (bufferBytes > 0) askForBuffers(socket, bufferBytes);
    return new DatagramSocket(socket, family);
  }

  onDatagram(listener: DatagramListener, onError: (error: Error) => void): void {
    this.socket.on('message', (datagram, from) => listener(datagram, from.address, from.port));
    this.socket.on('error', onError);
  }

  /**
   * Sends the first `size` bytes of `sendBuffer`. False: the kernel's buffer is full and the datagram was queued, so
   * the caller should stop until `isBlocked()` is false again.
   */
  send(size: number, host: string, port: number): boolean {
    this.socket.send(this.sendBuffer, 0, size, port, host);
    if (this.socket.getSendQueueSize() === 0) return true;
    this.sendBuffer = Buffer.allocUnsafeSlow(SEND_BUFFER_BYTES);
    return false;
  }

  /** Sends bytes of their own buffer, which must stay as they are; `failed` is called when the system cannot. */
  sendBytes(bytes: Uint8Array, host: string, port: number, failed: (error: Error | null) => void): void {
    this.socket.send(bytes, 0, bytes.length, port, host, failed);
  }

  /** Bytes that wait for the kernel. */
  get queuedBytes(): number {
    return this.socket.getSendQueueSize();
  }

  isBlocked(): boolean {
    return this.socket.getSendQueueSize() > 0;
  }

  /** The literal of `host` that this socket can send to. */
  async resolve(host: string): Promise<string> {
    const direct = this.literal(host);
    return direct ?? this.mapped(await resolveHost(host, this.wantedFamily()));
  }

  /** The same without the resolver: `undefined` when `host` is a name. */
  literal(host: string): string | undefined {
    return net.isIP(host) === 0 ? undefined : this.mapped(canonical(host));
  }

  close(): Promise<void> {
    return new Promise((resolve) => this.socket.close(() => resolve()));
  }

  unref(): void {
    this.socket.unref();
  }

  private wantedFamily(): 0 | 4 | 6 {
    if (this.family === 4) return 4;
    return this.onlyIpv6() ? 6 : 0;
  }

  private onlyIpv6(): boolean {
    return this.family === 6 && this.address.host !== '::';
  }

  private mapped(host: string): string {
    const isIpv6 = net.isIPv6(host);
    if (this.family === 4 ? !isIpv6 : isIpv6) return host;
    if (this.family === 6 && !this.onlyIpv6()) return `::ffff:${host}`;
    throw new FlotillaError(
      'ADDRESS_UNREACHABLE',
      `${host} cannot be reached from ${formatAddress(this.address)}: one is IPv4, the other IPv6`,
    );
  }
}

/** @param family 4 or 6, or 0 for either */
async function resolveHost(host: string, family: 0 | 4 | 6): Promise<string> {
  if (net.isIP(host) !== 0) return canonical(host);
  try {
    const { address } = await dns.lookup(host, { family, verbatim: false });
    return address;
  } catch (cause) {
    throw new FlotillaError('ADDRESS_UNREACHABLE', `host ${JSON.stringify(host)} does not resolve`, { cause });
  }
}

/** The spelling in which the kernel reports the address. */
function canonical(host: string): string {
  if (!net.isIPv6(host)) return host;
  const [literal = host, zone] = host.split('%');
  const { address } = new net.SocketAddress({ address: literal, family: 'ipv6' });
  return zone === undefined ? address : `${address}%${zone}`;
}

function bindError(listen: SocketAddress, cause: unknown): FlotillaError {
  const code = (cause as NodeJS.ErrnoException).code ?? String(cause);
  const at = formatAddress(listen);
  if (code === 'EADDRINUSE') {
    return new FlotillaError('ADDRESS_IN_USE', `UDP ${at} is in use: choose another port or stop its owner`, { cause });
  }
  const detail = code === 'EACCES' ? 'not allowed; ports below 1024 need rights' : code;
  return new FlotillaError('ADDRESS_UNREACHABLE', `cannot bind UDP ${at}: ${detail}`, { cause });
}

function askForBuffers(socket: dgram.Socket, bytes: number): void {
  try {
    socket.setRecvBufferSize(bytes);
    socket.setSendBufferSize(bytes);
  } catch {
    // Some systems refuse instead of giving less; the size they keep is reported by `buffers`.
  }
}

const SEND_BUFFER_BYTES = 65_536;
