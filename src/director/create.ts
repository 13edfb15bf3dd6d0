import { createRequire } from 'node:module';
import { parseAddress } from '../base/index.js';
import { numberOption, type OwnOptions, openNode, optionGroups } from '../client/index.js';
import { type Options, parseDirectorOptions, serverLimits } from '../config/index.js';
import type { TlsOptions } from '../io/quic/index.js';
import type { Logger, RegistryStore } from '../ports/index.js';
import type { Implementation, ServerInterceptor } from '../rpc/index.js';
import { type DirectorDependencies, DirectorNode } from './director-node.js';
import { MemoryRegistryStore } from './memory-registry-store.js';

/** How a director starts. The groups of `Options` may be given too: `{ lease: { ttlMs: 2_000 } }`. */
export interface DirectorOptions extends Options {
  /** Must be the id in the certificate; that is the default. */
  readonly id?: string | undefined;
  /** Where to listen, `HOST:PORT`; port 0 takes a free one. */
  readonly listen: string;
  /** UDP port for bulk traffic; default a free one. */
  readonly bulkPort?: number | undefined;
  readonly tls: TlsOptions;
  /** Services of your own that the director serves besides the framework's. */
  readonly services?: readonly Implementation[] | undefined;
  readonly interceptors?: readonly ServerInterceptor[] | undefined;
  /** How often a registry watch says something when nothing changes. Default 500; clients wait for four of them. */
  readonly heartbeatMs?: number | undefined;
  /** How often the session ticket key changes, in milliseconds. Default 3,600,000; 0 never. */
  readonly ticketRotationMs?: number | undefined;
  /** Keeps the registry. Default: in memory. */
  readonly store?: RegistryStore | undefined;
  readonly logger?: Logger | undefined;
}

/** A director of a cluster; see {@link DirectorNode} for its methods. */
export class Director extends DirectorNode {
  private constructor(deps: DirectorDependencies) {
    super(deps);
  }

  /**
   * Listens and serves the registry.
   *
   * @throws FlotillaError `OPTION_INVALID`, `ID_INVALID`, `ADDRESS_INVALID`, `ADDRESS_IN_USE`, `ADDRESS_UNREACHABLE`,
   * `CERT_MISSING`, `CERT_INVALID`, `SERVICE_INVALID`
   */
  static async start(options: DirectorOptions): Promise<Director> {
    const settings = parseDirectorOptions(optionGroups(options, OWN));
    const heartbeatMs = numberOption('heartbeatMs', options.heartbeatMs, HEARTBEAT);
    const ticketRotationMs = numberOption('ticketRotationMs', options.ticketRotationMs, TICKET_ROTATION);
    const runtime = await openNode({
      role: 'director',
      id: options.id,
      listen: parseAddress(options.listen),
      bulkPort: numberOption('bulkPort', options.bulkPort, PORT),
      tls: options.tls,
      settings,
      sessions: 'memory',
      logger: options.logger,
    });
    const { compression, lease } = settings;
    try {
      const epoch = Buffer.from(runtime.random.bytes(8)).toString('hex');
      return new Director({
        runtime,
        store: options.store ?? new MemoryRegistryStore({ epoch }),
        leaseMs: lease.ttlMs,
        heartbeatMs,
        ticketRotationMs,
        version: VERSION,
        services: options.services ?? [],
        interceptors: options.interceptors ?? [],
        limits: serverLimits(settings),
        compression: { algorithm: compression.algorithm, aboveBytes: compression.registry },
      });
    } catch (error) {
      await Promise.all([runtime.endpoint.close(), runtime.bulkEndpoint?.close()]);
      throw error;
    }
  }
}

// The package's own name leads to its package.json from the sources and from the build alike.
const { version: VERSION } = createRequire(import.meta.url)('flotilla-rpc/package.json') as {
  readonly version: string;
};
const HEARTBEAT = { default: 500, min: 50, max: 60_000 };
const TICKET_ROTATION = { default: 3_600_000, min: 0, max: 7 * 24 * 3_600_000 };
const PORT = { default: 0, min: 0, max: 65_535 };

const OWN: OwnOptions<DirectorOptions> = {
  id: true,
  listen: true,
  bulkPort: true,
  tls: true,
  services: true,
  interceptors: true,
  heartbeatMs: true,
  ticketRotationMs: true,
  store: true,
  logger: true,
};
