import { CLOSE_CODES } from '../../base/index.js';
import type { Clock, Connection, ConnectionHandler } from '../../ports/index.js';
import { type NativeConnection, SHUTDOWN_READ } from './native.js';
import { ReadSlice } from './read-slice.js';
import { IGNORE, QuicStream, type StreamOwner } from './stream.js';
import { resetCodeIn } from './stream-errors.js';

/** What the reader needs of its connection. */
export interface ReadingConnection extends Connection, StreamOwner {
  readonly host: { readonly receiveBuffer: Buffer; readonly clock: Clock };
  readonly native: NativeConnection | undefined;
  readonly streams: ReadonlyMap<number, QuicStream>;
  readonly writer: StreamOwner['writer'] & { checkStopped(native: NativeConnection, stream: QuicStream): void };
  readonly handler: ConnectionHandler;
  readonly usable: boolean;
  /** Makes a stream known to reader, writer and quiche. */
  adopt(native: NativeConnection, stream: QuicStream): void;
}

/**
 * Moves received bytes from quiche to the stream handlers.
 *
 * `readable()` costs 12 us even when it finds nothing, `streamReadable(id)` 0.1 us. So the streams opened first, which
 * are the long-lived lanes, are asked one by one, and the list of all readable streams is taken only when quiche says
 * that there is something else. Streams that are paused keep `isReadable()` true; while there are any, that list is
 * taken at most once per turn of the event loop.
 *
 * Reading runs the handlers of what is read, and a peer can let megabytes become readable at once (a gap that it fills
 * last, streams that were paused). So a connection reads for a slice of each turn and goes on in the next, with other
 * streams first.
 */
export class StreamReader {
  /** Streams the peer has opened so far. */
  peerStreamsSeen = 0;
  /** Something was put off to the next turn. */
  isPending = false;
  /** Chunks handed to streams' handlers so far. */
  private chunks = 0;
  private scannedThisTurn = false;
  private readonly connection: ReadingConnection;
  private readonly lanes: QuicStream[] = [];
  /** The id that the peer's next bidirectional stream will have: asked for by itself, which saves most scans. */
  private nextPeerStream: number;
  private readonly slice: ReadSlice;
  /** The last slice was used up: the streams after `scanFrom` have their turn. */
  private isBehind = false;
  private scanFrom = 0;
  /** The stream that used it up. */
  private hog: QuicStream | undefined;

  constructor(connection: ReadingConnection) {
    this.connection = connection;
    this.nextPeerStream = connection.initiator ? 1 : 0;
    this.slice = new ReadSlice(connection.host.clock);
  }

  added(stream: QuicStream): void {
    if (this.lanes.length < LANES_MAX && (stream.id & 2) === 0) this.lanes.push(stream);
  }

  removed(stream: QuicStream): void {
    const at = this.lanes.indexOf(stream);
    if (at >= 0) this.lanes.splice(at, 1);
  }

  /** Once per turn of the event loop: goes on with what was put off. Returns whether the next turn is needed too. */
  runTurn(native: NativeConnection): boolean {
    this.scannedThisTurn = false;
    this.slice.reset();
    if (this.isPending) this.pump(native);
    return this.isPending;
  }

  /** Delivers what is there, as far as this turn's slice goes. Returns whether anything was. */
  pump(native: NativeConnection): boolean {
    const { slice, chunks } = this;
    if (slice.isOver) return false;
    slice.begin();
    // A handler that resumes a stream meanwhile asks for another turn.
    this.isPending = false;
    const isComplete = this.readAll(native);
    slice.end();
    this.isBehind = slice.isOver;
    if (!slice.isOver) this.hog = undefined;
    this.isPending ||= !isComplete || slice.isOver;
    return this.chunks !== chunks;
  }

  /** Returns false when the search for other streams was put off. */
  private readAll(native: NativeConnection): boolean {
    const { connection, slice } = this;
    this.readLanes(native);
    while (connection.usable && !slice.isOver && native.streamReadable(this.nextPeerStream)) {
      const stream = this.open(native, this.nextPeerStream);
      if (stream !== undefined && !stream.paused && !stream.remoteDone) this.read(native, stream);
    }
    if (!connection.usable || slice.isOver) return true;
    if (!native.isReadable()) return true;
    if (this.scannedThisTurn) return false;
    this.scannedThisTurn = connection.pausedCount > 0;
    this.scan(native);
    return true;
  }

  /** Reads and drops what has arrived on a stream, so that connection flow control gets it back before STOP_SENDING. */
  discard(stream: QuicStream): void {
    const { native } = this.connection;
    if (native === undefined) return;
    try {
      while (native.streamReadable(stream.id)) {
        const result = native.streamRecv(stream.id, DISCARD);
        if (result === null || result[1]) return;
      }
    } catch {
      // A reset that arrived meanwhile: nothing is left to drop.
    }
  }

  private readLanes(native: NativeConnection): void {
    const { connection, lanes, slice } = this;
    // Behind, only the first lane (control) keeps its place; the others take turns with the rest in the scan.
    const end = this.isBehind ? 1 : LANES_MAX;
    for (let i = 0; i < Math.min(end, lanes.length); i += 1) {
      const stream = lanes[i];
      if (stream === this.hog) continue;
      if (stream === undefined || stream.paused || stream.remoteDone) continue;
      if (!native.streamReadable(stream.id)) continue;
      this.read(native, stream);
      if (!connection.usable || slice.isOver) return;
      if (lanes[i] !== stream) i -= 1;
    }
  }

  private scan(native: NativeConnection): void {
    const { connection } = this;
    const ids = [...native.readable()];
    const from = this.isBehind ? this.scanFrom : 0;
    for (let i = 0; i < ids.length; i += 1) {
      const id = ids[(from + i) % ids.length] as number;
      const stream = connection.streams.get(id) ?? this.open(native, id);
      if (stream !== undefined && !stream.paused && !stream.remoteDone) this.read(native, stream);
      if (!connection.usable) return;
      if (this.slice.isOver) {
        this.scanFrom = from + i + 1;
        return;
      }
    }
  }

  private open(native: NativeConnection, id: number): QuicStream | undefined {
    const { connection } = this;
    const isLocal = ((id & 1) === 0) === connection.initiator;
    if (isLocal) {
      connection.shutdown(id, SHUTDOWN_READ, CLOSE_CODES.CANCELLED);
      return undefined;
    }
    this.peerStreamsSeen += 1;
    if ((id & 2) === 0 && id >= this.nextPeerStream) this.nextPeerStream = id + 4;
    const stream = new QuicStream(connection, id, 'data', IGNORE);
    connection.adopt(native, stream);
    stream.handler = connection.handler.onStream(connection, stream);
    return connection.usable ? stream : undefined;
  }

  private read(native: NativeConnection, stream: QuicStream): void {
    const { connection } = this;
    const buffer = connection.host.receiveBuffer;
    // Before the reset that may come with it: reading that lets quiche forget the stream, and the stop code with it.
    if (!stream.localDone) connection.writer.checkStopped(native, stream);
    for (;;) {
      let size: number;
      let fin: boolean;
      try {
        const result = native.streamRecv(stream.id, buffer);
        if (result === null) return;
        [size, fin] = result;
      } catch (error) {
        this.failed(stream, error);
        return;
      }
      this.chunks += 1;
      if (fin) this.remoteEnded(stream);
      stream.handler.onData(buffer.subarray(0, size), fin);
      if (fin) {
        this.slice.took(size);
        this.connection.retire(stream);
        return;
      }
      this.slice.took(size);
      if (size < buffer.length || stream.paused || stream.remoteDone || !connection.usable) return;
      if (this.slice.isOver) {
        this.hog = stream;
        return;
      }
    }
  }

  private remoteEnded(stream: QuicStream): void {
    stream.remoteDone = true;
    if (stream.paused) this.connection.pausedCount -= 1;
    stream.paused = false;
  }

  private failed(stream: QuicStream, error: unknown): void {
    this.remoteEnded(stream);
    stream.handler.onReset(resetCodeIn(error) ?? CLOSE_CODES.CANCELLED);
    this.connection.retire(stream);
  }
}

const LANES_MAX = 12;
const DISCARD = Buffer.allocUnsafeSlow(65_536);
