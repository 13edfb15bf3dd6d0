import {
  ClusterClient,
  type ClusterClientOptions,
  ensureNodeCertificate,
  RpcError,
  type WorkerRecord,
} from '../index.js';
import { createLogger } from './logging.js';
import { type ConnectFlags, optionsOf } from './shared-options.js';

/**
 * A client of the cluster that `--connect` names, with the certificate `client` of `--certs`.
 *
 * @throws RpcError `CONNECT_FAILED` and what `ClusterClient.connect` and `ensureNodeCertificate` throw
 */
export async function connectClient(
  flags: ConnectFlags,
  options: Partial<ClusterClientOptions> = {},
): Promise<ClusterClient> {
  const config = optionsOf(flags);
  const tls = await ensureNodeCertificate({ dir: flags.certs, role: 'client', id: CLIENT_ID });
  const logger = createLogger({ level: flags.logLevel, base: { role: 'client' } });
  try {
    return await ClusterClient.connect({
      ...config,
      directors: flags.connect,
      tls,
      logger,
      ...connectWithin(CONNECT_TIMEOUT_MS),
      ...options,
    });
  } catch (error) {
    if (!(error instanceof RpcError) || error.reason !== 'CONNECT_FAILED') throw error;
    const hint = 'start one with `flotilla up` or name it with --connect';
    throw RpcError.of('CONNECT_FAILED', `${error.message}; ${hint}`, { cause: error });
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

const CLIENT_ID = 'client';
const CONNECT_TIMEOUT_MS = 5_000;
