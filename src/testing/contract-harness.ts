import assert from 'node:assert/strict';
import type { PeerIdentity, SocketAddress } from '../base/index.js';
import type { Connection, ConnectTarget, Endpoint, Stream, TrafficClass } from '../ports/index.js';
import { openRecorded, RecordingConnection, type RecordingStream } from './recording-handlers.js';

/** Two endpoints of the transport under test, and what the suite has to know of them. */
export interface TransportPair {
  /** Must not have been told to listen yet. Its role must not be `client`. */
  readonly server: Endpoint;
  readonly client: Endpoint;
  readonly serverIdentity: PeerIdentity;
  readonly clientIdentity: PeerIdentity;
  /** Streams of each kind the server grants; 8 to 200, so that the suite reaches it soon. */
  readonly streamsMax: number;
  /** Bytes that may be on their way or unread on one stream; at most 8 MiB. */
  readonly streamWindowBytes: number;
  /** Where nobody listens. Handshakes must be given up within a few seconds. */
  readonly closedAddress: SocketAddress;
  /** Lets a little time pass; called again and again while the suite waits. Default: 1 ms of real time. */
  readonly pass?: () => Promise<void>;
  /** Closes both endpoints and what belongs to them. Called once after each test. */
  close(): Promise<void>;
}

export type MakePair = () => Promise<TransportPair>;

/** A stream of ours together with what its handler was told. */
export type OpenedStream = RecordingStream & { readonly stream: Stream };

/** What the facts of the suite share: a pair per test, connections with recording handlers, and waiting. */
export class ContractHarness {
  /** The handlers of the connections that the server accepted, in order. */
  readonly accepted: RecordingConnection[] = [];
  readonly dialled: RecordingConnection[] = [];
  /** What the server does with streams that the client opens. */
  serve: RecordingConnection['serve'];
  readonly pair: TransportPair;

  constructor(pair: TransportPair) {
    this.pair = pair;
  }

  get target(): ConnectTarget {
    const { server, serverIdentity } = this.pair;
    return { address: server.address, role: serverIdentity.role, id: serverIdentity.id };
  }

  listen(): void {
    this.pair.server.listen(() => {
      const handler = new RecordingConnection();
      handler.serve = (stream, connection) => this.serve?.(stream, connection);
      this.accepted.push(handler);
      return handler;
    });
  }

  dial(target: Partial<ConnectTarget> = {}, opened?: (connection: Connection) => void): Dialled {
    const handler = new RecordingConnection();
    handler.opened = opened;
    this.dialled.push(handler);
    const connection = this.pair.client.connect({ ...this.target, ...target }, handler);
    return { connection, handler };
  }

  /** A connection that is open on both sides. */
  async open(): Promise<Dialled & { readonly server: RecordingConnection; readonly serverConnection: Connection }> {
    if (this.accepted.length === 0) this.listen();
    const before = this.accepted.length;
    const dialled = this.dial();
    await this.until('both sides are open', () => {
      assert.deepEqual(dialled.handler.closes, []);
      return dialled.connection.state === 'open' && this.accepted[before]?.connection !== undefined;
    });
    const server = defined(this.accepted[before], 'an accepted connection');
    return { ...dialled, server, serverConnection: defined(server.connection, 'an open connection') };
  }

  /** Waits for a condition, not for time; the time limit is only there to end a test that would never. */
  async until(what: string, holds: () => boolean): Promise<void> {
    const deadlineMs = performance.now() + WAIT_MS_MAX;
    while (!holds()) {
      if (performance.now() > deadlineMs) assert.fail(`waited ${WAIT_MS_MAX} ms in vain until ${what}`);
      await this.pass();
    }
  }

  /** Lets enough turns pass for something to happen that should not. */
  async linger(): Promise<void> {
    for (let turn = 0; turn < LINGER_TURNS; turn += 1) await this.pass();
  }

  /** Waits until a number has not changed for a while. */
  async untilSteady(value: () => number): Promise<void> {
    for (let before = Number.NaN; before !== value(); ) {
      before = value();
      await this.linger();
    }
  }

  async close(): Promise<void> {
    await this.pair.close();
    const handlers = [...this.accepted, ...this.dialled];
    const violations = handlers.flatMap(({ streams }) => streams.flatMap((stream) => stream.violations));
    assert.deepEqual(violations, []);
    for (const { closes } of handlers) assert.ok(closes.length <= 1, 'onClosed comes once');
  }

  private pass(): Promise<void> {
    return this.pair.pass?.() ?? new Promise((resolve) => setTimeout(resolve, 1));
  }
}

export interface Dialled {
  readonly connection: Connection;
  readonly handler: RecordingConnection;
}

/** Opens a stream that must be granted. */
export function opened(
  connection: Connection,
  trafficClass: TrafficClass = 'data',
  options?: { readonly unidirectional?: boolean },
): OpenedStream {
  return defined(openRecorded(connection, trafficClass, options), 'the peer grants a stream');
}

export function defined<T>(value: T | undefined, what: string): T {
  assert.ok(value !== undefined, what);
  return value;
}

/** Sends back what comes, and ends when the other side does. */
export function echo(stream: RecordingStream): void {
  stream.react = (data, fin) => {
    stream.stream?.out.append(data);
    if (fin) stream.stream?.end();
    else stream.stream?.flush();
  };
}

const WAIT_MS_MAX = 15_000;
const LINGER_TURNS = 30;
