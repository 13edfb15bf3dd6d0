import { FlotillaError, formatAddress, RpcError, type SocketAddress } from '../../base/index.js';
import { NOT_THERE, type OpenGossipLane, SEED_ROLES } from './gossip-lanes.js';
import { type GossipSecrets, gossipMethod } from './gossip-service.js';

export interface FetchSecretsOptions {
  readonly open: OpenGossipLane;
  readonly seeds: readonly SocketAddress[];
  /** Time for one seed, in milliseconds. Default 10,000. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Asks the members at these addresses, one after the other, for what a node needs to gossip: the id and the keys of the
 * cluster. They tell directors and workers only, by their certificates.
 *
 * @throws FlotillaError `JOIN_FAILED` when none answers
 */
export async function fetchGossipSecrets(options: FetchSecretsOptions): Promise<GossipSecrets> {
  const { open, seeds, timeoutMs = 10_000 } = options;
  let why = 'no address was given';
  for (const address of seeds) {
    for (const role of SEED_ROLES) {
      const lane = open({ address, role });
      try {
        return checked(await lane.unary(gossipMethod('secrets'), {}, { priority: 'control', timeoutMs }));
      } catch (error) {
        why = `${formatAddress(address)}: ${error instanceof Error ? error.message : String(error)}`;
        if (!(error instanceof RpcError && NOT_THERE.has(error.reason))) break;
      } finally {
        void Promise.resolve(lane.close()).catch(() => {});
      }
    }
  }
  throw new FlotillaError('JOIN_FAILED', `nobody told the keys of the cluster: ${why}`);
}

function checked(answer: unknown): GossipSecrets {
  const { clusterId, keys, observed } = (answer ?? {}) as Readonly<Record<string, unknown>>;
  const isFit = typeof clusterId === 'string' && Array.isArray(keys) && keys.length > 0;
  if (!isFit || !keys.every((key) => key instanceof Uint8Array && key.length === KEY_BYTES)) {
    throw RpcError.of('PEER_VIOLATION', 'the answer holds no id and keys of a cluster');
  }
  const copies = keys.map((key: Uint8Array) => key.slice());
  return { clusterId, keys: copies, ...(typeof observed === 'string' ? { observed } : {}) };
}

const KEY_BYTES = 32;
