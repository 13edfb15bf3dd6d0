import {
  FlotillaError,
  type NodeRole,
  nodeId,
  parseAddress,
  parseAddresses,
  type SocketAddress,
} from '../base/index.js';
import {
  endpointSettings,
  type Options,
  parseClientOptions,
  type Settings,
  schedulerSettings,
} from '../config/index.js';
import {
  createFileSessionStore,
  createMemorySessionStore,
  createQuicEndpoint,
  type TlsOptions,
} from '../io/quic/index.js';
import { systemClock, systemLoopMeter, systemRandom } from '../io/system/index.js';
import { ClassScheduler } from '../lanes/index.js';
import { type Logger, type SessionStore, silentLogger } from '../ports/index.js';
import type { ClientInterceptor, ClusterCallOptions } from '../rpc/index.js';
import { assembleClient, assembleRegistry, metadataOpener } from './assemble.js';
import type { Strategy, StrategyName } from './balance/index.js';
import { numberOption } from './check-number.js';
import { ClusterCaller, type ClusterCallerDependencies } from './cluster-caller.js';
import { DirectorClient } from './director-client.js';
import { channelOpener, checkIdentity, closeSockets, type NodeRuntime } from './node-runtime.js';
import { definedOnly, type OwnOptions, optionGroups } from './option-groups.js';
import type { WorkerRegistry } from './worker-registry.js';

/** What reaching a cluster as a client takes. The groups of `Options` may be given too: `{ retry: { attemptsMax: 2 } }`. */
export interface DirectoryOptions extends Options {
  /** The directors, `HOST:PORT` each, as a list or separated by commas. Any one that answers will do. */
  readonly directors: string | readonly string[];
  /** The client's certificate, its key and the authority. */
  readonly tls: TlsOptions;
  /** Which worker serves a call. Default `leastConnections`; a `Strategy` object brings one of your own. */
  readonly strategy?: StrategyName | Strategy | undefined;
  /** Prefer workers whose tag `zone` is this; the others serve when none there is usable, or all are overloaded. */
  readonly zone?: string | undefined;
  /** Time for finding the first director, in milliseconds. Default 10,000. */
  readonly connectTimeoutMs?: number | undefined;
  /**
   * Where TLS sessions are kept for resumption: `memory` (default, for the life of the client), the path of a file that
   * outlives the process, or a store of your own.
   */
  readonly sessions?: string | SessionStore | undefined;
  /** The local address. Default `0.0.0.0:0`, or `[::]:0` when a director's address is IPv6. */
  readonly listen?: string | undefined;
  readonly logger?: Logger | undefined;
}

export interface ClusterClientOptions extends DirectoryOptions {
  /** Default time of a call in milliseconds, retries included. Default 30,000. */
  readonly timeoutMs?: number | undefined;
  readonly interceptors?: readonly ClientInterceptor<ClusterCallOptions>[] | undefined;
  /**
   * Connect to workers when they become known: `true` (default) up to 16 of them, a number, or `false` to connect with
   * the first call. Larger saves the first calls a handshake and costs a connection per worker.
   */
  readonly warmConnections?: boolean | number | undefined;
  /**
   * How long a worker that appears gets a growing share of the calls, in milliseconds. Default 3,000; 0 for all at
   * once, which floods a worker that has just started.
   */
  readonly slowStartMs?: number | undefined;
}

/** The client of a cluster; see {@link ClusterCaller} for its methods. */
export class ClusterClient extends ClusterCaller {
  private constructor(deps: ClusterCallerDependencies) {
    super(deps);
  }

  /**
   * Connects to a director, takes over its registry, and keeps watching it.
   *
   * @throws RpcError `CONNECT_FAILED` when no director answers within `connectTimeoutMs`, `UNAUTHENTICATED` when one
   * refuses the certificate; FlotillaError `OPTION_INVALID`, `ADDRESS_INVALID`, `CERT_MISSING`, `CERT_INVALID`
   */
  static async connect(options: ClusterClientOptions): Promise<ClusterClient> {
    const connectTimeoutMs = numberOption('connectTimeoutMs', options.connectTimeoutMs, CONNECT_TIMEOUT);
    const slowStartMs = numberOption('slowStartMs', options.slowStartMs, SLOW_START);
    const warmMax = warmMaxOf(options.warmConnections);
    const prepared = await prepare(options);
    const { runtime } = prepared;
    const deps = assembleClient({
      ...prepared,
      interceptors: options.interceptors ?? [],
      warmMax,
      slowStartMs,
    });
    const client = new ClusterClient(deps);
    deps.watcher.start();
    try {
      await deps.watcher.firstSnapshot(connectTimeoutMs);
    } catch (error) {
      await client.close();
      throw error;
    }
    deps.env.links.start();
    runtime.logger.debug({ workers: client.registry.workerCount() }, 'cluster client connected');
    return client;
  }
}

/**
 * Connects to a director and keeps a copy of its registry, without connections to the workers.
 *
 * @throws as `ClusterClient.connect`
 */
export async function connectWorkerRegistry(options: DirectoryOptions): Promise<WorkerRegistry> {
  const connectTimeoutMs = numberOption('connectTimeoutMs', options.connectTimeoutMs, CONNECT_TIMEOUT);
  const { registry, watcher } = assembleRegistry(await prepare(options));
  watcher.start();
  try {
    await watcher.firstSnapshot(connectTimeoutMs);
  } catch (error) {
    await registry.close();
    throw error;
  }
  return registry;
}

/**
 * A client of the directors alone. Waits for nobody: what cannot be reached is the first call's error.
 *
 * @throws FlotillaError `OPTION_INVALID`, `ADDRESS_INVALID`, `CERT_MISSING`, `CERT_INVALID`
 */
export async function connectDirectors(options: DirectoryOptions): Promise<DirectorClient> {
  const { runtime, directors, open, dispose } = await prepare(options);
  const openMetadata = metadataOpener(runtime, () => directors, open);
  return new DirectorClient({ directors, open, openMetadata, clock: runtime.clock, dispose });
}

export interface NodeOptions {
  readonly role: NodeRole;
  /** Must be the certificate's, when given. */
  readonly id: string | undefined;
  readonly listen: SocketAddress;
  /** Port of the bulk endpoint; 0 takes a free one. */
  readonly bulkPort: number;
  readonly tls: TlsOptions;
  readonly settings: Pick<Settings, 'transport' | 'network'>;
  /** `memory`, a file's path or a store. */
  readonly sessions: string | SessionStore | undefined;
  readonly logger: Logger | undefined;
}

/**
 * Opens a node's sockets.
 *
 * @throws FlotillaError `ID_INVALID` when the certificate is another node's, and whatever `createQuicEndpoint` throws
 */
export async function openNode(options: NodeOptions): Promise<NodeRuntime> {
  const { settings, tls, listen } = options;
  const logger = options.logger ?? silentLogger;
  const transport = endpointSettings(settings);
  const scheduling = schedulerSettings(settings);
  const { sessions, flushSessions } = openSessions(options.sessions, logger);
  const common = { tls, sessions, logger, clock: systemClock, random: systemRandom };
  const scheduler = () => new ClassScheduler(scheduling);
  const endpoint = await createQuicEndpoint({ ...common, listen, transport: transport.main, scheduler });
  const { identity } = endpoint;
  const system = { clock: systemClock, random: systemRandom, loop: systemLoopMeter };
  const runtime = { endpoint, identity, ...system, logger, flushSessions };
  try {
    checkIdentity(endpoint.identity, options.role, options.id === undefined ? undefined : nodeId(options.id));
    if (settings.network.isolation === 'streams') return { ...runtime, bulkEndpoint: undefined };
    const bulkListen = { host: listen.host, port: options.bulkPort };
    const bulkOptions = { ...common, listen: bulkListen, transport: transport.bulk, scheduler };
    return { ...runtime, bulkEndpoint: await createQuicEndpoint(bulkOptions) };
  } catch (error) {
    await endpoint.close();
    throw error;
  }
}

/** @throws FlotillaError `ADDRESS_INVALID`, `OPTION_INVALID` */
export function parseDirectors(directors: string | readonly string[], option: string): SocketAddress[] {
  const addresses = typeof directors === 'string' ? parseAddresses(directors) : directors.map(parseAddress);
  if (addresses.length === 0) throw new FlotillaError('OPTION_INVALID', `option ${option} names no director`);
  return addresses;
}

/** The session store that an option names. */
function openSessions(
  sessions: string | SessionStore | undefined,
  logger: Logger,
): { readonly sessions: SessionStore; readonly flushSessions: () => void } {
  if (typeof sessions === 'object') return { sessions, flushSessions: () => undefined };
  if (sessions === undefined || sessions === 'memory') {
    return { sessions: createMemorySessionStore(), flushSessions: () => undefined };
  }
  const file = createFileSessionStore(sessions, { clock: systemClock, logger });
  return { sessions: file, flushSessions: () => file.flush() };
}

async function prepare(options: ClusterClientOptions) {
  const directors = parseDirectors(options.directors, 'directors');
  const strategy = typeof options.strategy === 'object' ? options.strategy : undefined;
  const settings = parseClientOptions(groupsOf(options));
  const anyAddress = directors.some(({ host }) => host.includes(':')) ? '[::]:0' : '0.0.0.0:0';
  const runtime = await openNode({
    role: 'client',
    id: undefined,
    listen: parseAddress(options.listen ?? anyAddress),
    bulkPort: 0,
    tls: options.tls,
    settings,
    sessions: options.sessions,
    logger: options.logger,
  });
  const open = channelOpener(runtime, settings);
  const dispose = () => closeSockets(runtime, 'closed by the client');
  return { runtime, settings, directors, open, strategy, dispose };
}

function warmMaxOf(warm: boolean | number | undefined): number {
  if (typeof warm === 'number') return numberOption('warmConnections', warm, WARM);
  return warm === false ? 0 : WARM.default;
}

/** The groups of `Options`, with the short forms of the most used ones laid over them. */
function groupsOf(options: ClusterClientOptions): Options {
  const groups = optionGroups(options, OWN);
  const { strategy, zone, timeoutMs } = options;
  const named = typeof strategy === 'string' ? strategy : undefined;
  return {
    ...groups,
    rpc: { ...groups.rpc, ...definedOnly({ timeoutMs }) },
    balancing: { ...groups.balancing, ...definedOnly({ strategy: named, zone }) },
  };
}

const HOUR_MS = 3_600_000;
const CONNECT_TIMEOUT = { default: 10_000, min: 1, max: HOUR_MS };
const WARM = { default: 16, min: 0, max: 100_000 };
const SLOW_START = { default: 3_000, min: 0, max: HOUR_MS };

const OWN: OwnOptions<ClusterClientOptions> = {
  directors: true,
  tls: true,
  strategy: true,
  zone: true,
  connectTimeoutMs: true,
  sessions: true,
  listen: true,
  logger: true,
  timeoutMs: true,
  interceptors: true,
  warmConnections: true,
  slowStartMs: true,
};
