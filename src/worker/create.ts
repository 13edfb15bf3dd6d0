import { FlotillaError, parseAddress } from '../base/index.js';
import {
  channelOpener,
  checkWeight,
  numberOption,
  type OwnOptions,
  openNode,
  optionGroups,
  parseDirectors,
} from '../client/index.js';
import { type Options, parseWorkerOptions, serverLimits } from '../config/index.js';
import { memberTags } from '../drivers/gossip/index.js';
import type { TlsOptions } from '../io/quic/index.js';
import type { Logger, SessionStore } from '../ports/index.js';
import type { Implementation, ServerInterceptor } from '../rpc/index.js';
import { advertisedAddress } from './advertised-address.js';
import { type WorkerDependencies, WorkerNode } from './worker-node.js';

/** How a worker starts. The groups of `Options` may be given too: `{ rpc: { concurrentCallsMax: 100 } }`. */
export interface WorkerOptions extends Options {
  /** Must be the id in the certificate; that is the default. */
  readonly id?: string | undefined;
  /** Where to listen, `HOST:PORT`; port 0 takes a free one. Default `0.0.0.0:0`. */
  readonly listen?: string | undefined;
  /** UDP port for bulk traffic; default a free one. */
  readonly bulkPort?: number | undefined;
  /**
   * Where clients reach it, `HOST:PORT` or `HOST` for the port it listens on. Default: the address it listens on, or,
   * when that is all interfaces, the address that the director sees.
   */
  readonly advertise?: string | undefined;
  /** Members of the cluster, `HOST:PORT` each, directors or workers: any one is enough, gossip tells of the others. */
  readonly join: string | readonly string[];
  readonly tls: TlsOptions;
  /**
   * What filters select it by. `zone` is also what zone preference looks at, and `weight` (0.01 to 1,000, default 1) how
   * many calls it gets compared with the others.
   */
  readonly tags?: Readonly<Record<string, string>> | undefined;
  readonly services: readonly Implementation[];
  readonly interceptors?: readonly ServerInterceptor[] | undefined;
  /** Time for the first registration, in milliseconds. Default 30,000; 0 does not wait for it. */
  readonly registerTimeoutMs?: number | undefined;
  /** Where TLS sessions with directors are kept: `memory` (default), a file, or a store of your own. */
  readonly sessions?: string | SessionStore | undefined;
  readonly logger?: Logger | undefined;
}

/** A worker of a cluster; see {@link WorkerNode} for its methods. */
export class Worker extends WorkerNode {
  private constructor(deps: WorkerDependencies) {
    super(deps);
  }

  /**
   * Listens, registers at the first director that can be reached, and keeps registered from then on.
   *
   * @throws RpcError `CONNECT_FAILED` when no director took the registration in time, `FORBIDDEN` or `UNAUTHENTICATED`
   * when one refused; FlotillaError `OPTION_INVALID`, `ID_INVALID`, `ADDRESS_INVALID`, `ADDRESS_IN_USE`,
   * `CERT_MISSING`, `CERT_INVALID`, `SERVICE_INVALID`
   */
  static async start(options: WorkerOptions): Promise<Worker> {
    checkServices(options.services);
    checkWeight(options.tags ?? {});
    memberTags(options.tags ?? {}, 'worker'); // refuses what gossip could not carry
    const directors = parseDirectors(options.join, 'join');
    const settings = parseWorkerOptions(optionGroups(options, OWN));
    const timeoutMs = numberOption('registerTimeoutMs', options.registerTimeoutMs, REGISTER_TIMEOUT);
    const runtime = await openNode({
      role: 'worker',
      id: options.id,
      listen: parseAddress(options.listen ?? '0.0.0.0:0'),
      bulkPort: numberOption('bulkPort', options.bulkPort, PORT),
      tls: options.tls,
      settings,
      sessions: options.sessions,
      logger: options.logger,
    });
    const { compression, lease, reconnect } = settings;
    let worker: Worker;
    try {
      worker = new Worker({
        runtime,
        directors,
        open: channelOpener(runtime, settings),
        advertise: advertisedAddress(options.advertise, runtime.endpoint.address),
        tags: options.tags ?? {},
        services: options.services,
        interceptors: options.interceptors ?? [],
        limits: serverLimits(settings),
        compression: {
          algorithm: compression.algorithm,
          aboveBytes: compression.responses,
          streamsAboveBytes: compression.streams,
        },
        renewRatio: lease.renewRatio,
        reconnect,
        gossip: settings.gossip,
      });
    } catch (error) {
      await Promise.all([runtime.endpoint.close(), runtime.bulkEndpoint?.close()]);
      throw error;
    }
    try {
      if (timeoutMs > 0) await worker.ready(timeoutMs);
    } catch (error) {
      await worker.close();
      throw error;
    }
    return worker;
  }
}

/** For those without a compiler: a definition in the place of its implementation. */
function checkServices(services: unknown): void {
  const isImplementation = (item: unknown): boolean =>
    typeof item === 'object' && item !== null && 'service' in item && 'handlers' in item;
  if (Array.isArray(services) && services.every(isImplementation)) return;
  throw new FlotillaError('SERVICE_INVALID', 'services is not a list of what implement(Service, handlers) returns');
}

const REGISTER_TIMEOUT = { default: 30_000, min: 0, max: 24 * 3_600_000 };
const PORT = { default: 0, min: 0, max: 65_535 };

const OWN: OwnOptions<WorkerOptions> = {
  id: true,
  listen: true,
  bulkPort: true,
  advertise: true,
  join: true,
  tls: true,
  tags: true,
  services: true,
  interceptors: true,
  registerTimeoutMs: true,
  sessions: true,
  logger: true,
};
