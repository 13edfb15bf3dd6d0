/** Certificates as PEM text: the authority, and this process's own certificate and key. */
export interface TlsMaterial {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

/** Servers present this name, so that clients can verify it on any address. */
export const BENCH_SERVER_NAME = 'worker.flotilla.internal';

/** A server under test: echoes, and streams messages until the client leaves. */
export interface BenchServer {
  readonly port: number;
}

/** A client under test, connected. */
export interface BenchClient {
  /** Sends the bytes, resolves when they have come back. */
  echo(payload: Uint8Array): Promise<unknown>;
  /** Opens a stream of messages of `messageBytes` from the server; absent where the system has no streams. */
  readonly openStream?: (messageBytes: number, onMessage: (message: Uint8Array) => void) => MessageStream;
}

export interface MessageStream {
  /** Rejects when the stream fails; resolves after {@link MessageStream.stop}. */
  readonly ended: Promise<void>;
  stop(): void;
}

export interface BenchSystem {
  server(): Promise<{ start(tls: TlsMaterial): Promise<BenchServer> }>;
  client(): Promise<{ connect(port: number, tls: TlsMaterial): Promise<BenchClient> }>;
}
