import {
  ClusterClient,
  type ClusterClientOptions,
  connectDirectors,
  type DirectorClient,
  ensureNodeCertificate,
  RpcError,
  type WorkerRecord,
} from '../index.js';
import { createLogger } from './logging.js';
import { type ConnectFlags, optionsOf } from './shared-options.js';

/**
 * A client of the cluster that `--connect` names, with the certificate of `--as` in `--certs`.
 *
 * @throws RpcError `CONNECT_FAILED` and what `ClusterClient.connect` and `ensureNodeCertificate` throw
 */
export async function connectClient(
  flags: ConnectFlags,
  options: Partial<ClusterClientOptions> = {},
): Promise<ClusterClient> {
  const common = await optionsFor(flags);
  try {
    return await ClusterClient.connect({ ...common, ...connectWithin(CONNECT_TIMEOUT_MS), ...options });
  } catch (error) {
    throw withHint(error);
  }
}

/**
 * Runs `use` with a client of the directors that `--connect` names, and closes it. Works without a leader.
 *
 * @throws what `use` throws; `CONNECT_FAILED` says what to do
 */
export async function withDirectors<T>(
  flags: ConnectFlags,
  use: (directors: DirectorClient) => Promise<T>,
): Promise<T> {
  const directors = await connectDirectors(await optionsFor(flags));
  try {
    return await use(directors);
  } catch (error) {
    throw withHint(error);
  } finally {
    await directors.close();
  }
}

/** Finding a director takes no longer than the whole command may. */
export function connectWithin(timeoutMs: number): { readonly connectTimeoutMs: number } {
  return { connectTimeoutMs: Math.min(timeoutMs, CONNECT_TIMEOUT_MS) };
}

/** How the workers describe a method; `undefined` when none of them serves it. */
export function findMethod(
  workers: readonly WorkerRecord[],
  name: string,
): WorkerRecord['methods'][number] | undefined {
  for (const { methods } of workers) {
    const method = methods.find((candidate) => candidate.name === name);
    if (method !== undefined) return method;
  }
  return undefined;
}

/** Runs `use` with a client and closes it. */
export async function withClient<T>(
  connecting: Promise<ClusterClient>,
  use: (client: ClusterClient) => Promise<T>,
): Promise<T> {
  const client = await connecting;
  try {
    return await use(client);
  } finally {
    await client.close();
  }
}

async function optionsFor(flags: ConnectFlags) {
  const config = optionsOf(flags);
  const tls = await ensureNodeCertificate({ dir: flags.certs, role: 'client', id: flags.as });
  const logger = createLogger({ level: flags.logLevel, base: { role: 'client' } });
  return { ...config, directors: flags.connect, tls, logger };
}

function withHint(error: unknown): unknown {
  if (!(error instanceof RpcError) || error.reason !== 'CONNECT_FAILED') return error;
  const hint = 'start one with `flotilla up`, or name it with --connect and its certificates with --certs';
  return RpcError.of('CONNECT_FAILED', `${error.message}; ${hint}`, { cause: error });
}

const CONNECT_TIMEOUT_MS = 5_000;
