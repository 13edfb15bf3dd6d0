import type { NodeRole } from '../../../src/base/index.js';
import { DevelopmentCa } from '../../../src/certs/index.js';
import {
  createQuicEndpoint,
  type QuicEndpoint,
  type QuicEndpointOptions,
  type TlsPem,
} from '../../../src/io/quic/index.js';
import { systemClock, systemRandom } from '../../../src/io/system/index.js';
import { ClassScheduler } from '../../../src/lanes/index.js';
import {
  type CloseReason,
  type Connection,
  type ConnectionHandler,
  type ConnectTarget,
  type Stream,
  type StreamHandler,
  silentLogger,
} from '../../../src/ports/index.js';

export const ca = await DevelopmentCa.ephemeral();
export const rogueCa = await DevelopmentCa.ephemeral();

export async function pemFor(
  role: NodeRole,
  id: string,
  options: { authority?: DevelopmentCa; notBefore?: Date; notAfter?: Date } = {},
): Promise<TlsPem> {
  const { authority = ca, ...validity } = options;
  const issued = await authority.issue({ role, id, ...validity });
  return { ca: ca.certPem, cert: issued.certPem, key: issued.keyPem };
}

const opened: QuicEndpoint[] = [];

/** An endpoint on loopback that `closeEndpoints` ends. */
export async function endpoint(
  role: NodeRole,
  id: string,
  options: Partial<QuicEndpointOptions> = {},
): Promise<QuicEndpoint> {
  const made = await createQuicEndpoint({
    listen: { host: '127.0.0.1', port: 0 },
    tls: await pemFor(role, id),
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    scheduler: () => new ClassScheduler(),
    ...options,
  });
  opened.push(made);
  return made;
}

export async function closeEndpoints(): Promise<void> {
  await Promise.all(opened.splice(0).map((made) => made.close()));
}

/** Resolves once `holds()` is true; rejects with `what` after 15 s. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 15_000;
  while (!holds()) {
    if (performance.now() > deadline) throw new Error(`waited 15 s for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Records what happens to one connection. */
export class Watched implements ConnectionHandler {
  connection: Connection | undefined;
  readonly opens: string[] = [];
  readonly streams: WatchedStream[] = [];
  closed: CloseReason | undefined;
  closedCount = 0;
  private readonly onNew: (stream: WatchedStream) => void;
  private readonly opening: (connection: Connection) => void;

  constructor(onNew: (stream: WatchedStream) => void = () => {}, opening: (connection: Connection) => void = () => {}) {
    this.onNew = onNew;
    this.opening = opening;
  }

  onOpen(connection: Connection): void {
    this.connection = connection;
    this.opens.push(connection.state);
    this.opening(connection);
  }

  onStream(_connection: Connection, stream: Stream): StreamHandler {
    const watched = new WatchedStream();
    watched.stream = stream;
    this.streams.push(watched);
    this.onNew(watched);
    return watched;
  }

  onClosed(_connection: Connection, reason: CloseReason): void {
    this.closed = reason;
    this.closedCount += 1;
  }

  async open(): Promise<Connection> {
    await until('the connection to open', () => this.connection?.state === 'open' || this.closed !== undefined);
    if (this.connection === undefined || this.closed !== undefined)
      throw new Error(`closed: ${JSON.stringify(this.closed)}`);
    return this.connection;
  }

  async end(): Promise<CloseReason> {
    await until('the connection to close', () => this.closed !== undefined);
    if (this.closed === undefined) throw new Error('not closed');
    return this.closed;
  }
}

/** Records what happens to one stream. */
export class WatchedStream implements StreamHandler {
  stream: Stream | undefined;
  readonly chunks: Buffer[] = [];
  size = 0;
  fin = false;
  resetCode: number | undefined;
  stoppedCode: number | undefined;
  drained = 0;
  keep = true;
  react: (watched: WatchedStream, data: Buffer, fin: boolean) => void = () => {};

  onData(data: Buffer, fin: boolean): void {
    if (this.keep) this.chunks.push(Buffer.from(data));
    this.size += data.length;
    if (fin) this.fin = true;
    this.react(this, data, fin);
  }

  onReset(code: number): void {
    this.resetCode = code;
  }

  onStopped(code: number): void {
    this.stoppedCode = code;
  }

  onDrained(): void {
    this.drained += 1;
  }

  text(): string {
    return Buffer.concat(this.chunks).toString();
  }
}

/** Makes a node listen and answer every stream with what it sends. */
export function listenEcho(node: QuicEndpoint): Watched[] {
  return listen(node, (watched) => {
    watched.keep = false;
    watched.react = (own, data, fin) => {
      own.stream?.out.append(data);
      if (fin) own.stream?.end();
      else own.stream?.flush();
    };
  });
}

export function listen(
  node: QuicEndpoint,
  onStream: (stream: WatchedStream) => void = () => {},
  opening: (connection: Connection) => void = () => {},
): Watched[] {
  const accepted: Watched[] = [];
  node.listen(() => {
    const watched = new Watched(onStream, opening);
    accepted.push(watched);
    return watched;
  });
  return accepted;
}

export function connect(
  node: QuicEndpoint,
  to: QuicEndpoint,
  target: Partial<ConnectTarget> = {},
  opening: (connection: Connection) => void = () => {},
): Watched {
  const watched = new Watched(undefined, opening);
  watched.connection = node.connect({ address: to.address, role: to.identity.role, ...target }, watched);
  return watched;
}

export function openStream(connection: Connection, trafficClass: 'control' | 'data' | 'bulk' = 'data'): WatchedStream {
  const watched = new WatchedStream();
  watched.stream = connection.openStream(trafficClass, watched);
  if (watched.stream === undefined) throw new Error('the stream limit is reached');
  return watched;
}

export function write(watched: WatchedStream, data: string | Uint8Array, now = false): void {
  watched.stream?.out.append(typeof data === 'string' ? Buffer.from(data) : data);
  watched.stream?.flush(now);
}

/** One message there and back. */
export async function echo(connection: Connection, text: string): Promise<string> {
  const watched = openStream(connection);
  write(watched, text);
  watched.stream?.end();
  await until(`the echo of ${text}`, () => watched.fin);
  return watched.text();
}
