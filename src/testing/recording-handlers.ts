import type { PeerIdentity } from '../base/index.js';
import type {
  CloseReason,
  Connection,
  ConnectionHandler,
  ConnectionState,
  Stream,
  StreamHandler,
} from '../ports/index.js';

/** A stream handler that keeps what it is told, for tests of transports and of what is built on them. */
export class RecordingStream implements StreamHandler {
  /** Copies of what came. */
  readonly chunks: Buffer[] = [];
  sizeBytes = 0;
  fins = 0;
  readonly resets: number[] = [];
  readonly stops: number[] = [];
  drains = 0;
  /** Calls that the contract forbids, in words. */
  readonly violations: string[] = [];
  stream: Stream | undefined;
  /** Does something with the data, after it has been recorded. */
  react: ((data: Buffer, fin: boolean, stream: RecordingStream) => void) | undefined;
  /** Set once the connection has ended: from then on every call is a violation. */
  closed = false;

  get data(): Buffer {
    return Buffer.concat(this.chunks);
  }

  get text(): string {
    return this.data.toString();
  }

  onData(data: Buffer, fin: boolean): void {
    this.check('onData');
    if (data.length === 0 && !fin) this.violations.push('onData with neither bytes nor fin');
    this.chunks.push(Buffer.from(data));
    this.sizeBytes += data.length;
    if (fin) this.fins += 1;
    this.react?.(data, fin, this);
  }

  onReset(code: number): void {
    this.check('onReset');
    this.resets.push(code);
  }

  onStopped(code: number): void {
    if (this.closed) this.violations.push('onStopped after the end of the connection');
    if (this.stops.length > 0) this.violations.push('onStopped twice');
    this.stops.push(code);
  }

  onDrained(): void {
    if (this.closed) this.violations.push('onDrained after the end of the connection');
    this.drains += 1;
  }

  private check(call: string): void {
    if (this.closed) this.violations.push(`${call} after the end of the connection`);
    if (this.fins > 0) this.violations.push(`${call} after fin`);
    if (this.resets.length > 0) this.violations.push(`${call} after onReset`);
  }
}

/** A connection handler that keeps what it is told. */
export class RecordingConnection implements ConnectionHandler {
  /** The state at each `onOpen`, and who the peer was by then. */
  readonly opens: { readonly state: ConnectionState; readonly peer: PeerIdentity | undefined }[] = [];
  readonly closes: CloseReason[] = [];
  /** Streams that the peer opened, in that order. */
  readonly streams: RecordingStream[] = [];
  connection: Connection | undefined;
  /** Called for each stream that the peer opens, after it has been recorded. */
  serve: ((stream: RecordingStream, connection: Connection) => void) | undefined;
  /** Called at each `onOpen`. */
  opened: ((connection: Connection) => void) | undefined;

  onOpen(connection: Connection): void {
    this.connection = connection;
    this.opens.push({ state: connection.state, peer: connection.peer });
    this.opened?.(connection);
  }

  onStream(connection: Connection, stream: Stream): StreamHandler {
    const recording = new RecordingStream();
    recording.stream = stream;
    this.streams.push(recording);
    this.serve?.(recording, connection);
    return recording;
  }

  onClosed(_connection: Connection, reason: CloseReason): void {
    this.closes.push(reason);
    for (const stream of this.streams) stream.closed = true;
  }
}

/** Opens a stream with a recording handler; `undefined` at the peer's stream limit. */
export function openRecorded(
  connection: Connection,
  ...[trafficClass, options]: [
    trafficClass: Parameters<Connection['openStream']>[0],
    options?: Parameters<Connection['openStream']>[2],
  ]
): (RecordingStream & { readonly stream: Stream }) | undefined {
  const recording = new RecordingStream();
  const stream = connection.openStream(trafficClass, recording, options);
  return stream === undefined ? undefined : Object.assign(recording, { stream });
}

/** Appends and flushes. */
export function write(stream: Stream | undefined, data: string | Uint8Array, now = false): void {
  if (stream === undefined) return;
  stream.out.append(typeof data === 'string' ? Buffer.from(data) : data);
  stream.flush(now);
}
