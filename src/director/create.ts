import { writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { FlotillaError, formatAddress, parseAddress, type SocketAddress } from '../base/index.js';
import {
  channelOpener,
  closeSockets,
  type NodeRuntime,
  numberOption,
  type OwnOptions,
  openNode,
  optionGroups,
  parseDirectors,
} from '../client/index.js';
import { type DirectorSettings, type Options, parseDirectorOptions, serverLimits } from '../config/index.js';
import {
  DataDirLock,
  DiskLogStore,
  DiskSnapshotStore,
  JsonRecord,
  NodeFileSystem,
  systemCrc32,
} from '../io/disk/index.js';
import { MemoryLogStore, MemorySnapshotStore } from '../io/memory/index.js';
import type { TlsOptions } from '../io/quic/index.js';
import { KvMachine } from '../kv/index.js';
import type { Logger } from '../ports/index.js';
import type { Implementation, ServerInterceptor } from '../rpc/index.js';
import { type BackupHeader, openBackup } from './backup.js';
import { type DirectorDependencies, DirectorNode } from './director-node.js';
import { type Peers, parsePeers } from './peers.js';
import { checkUserGroups, type DirectorStorage, type UserGroup, volatileStorage } from './storage.js';

/** How a director starts. The groups of `Options` may be given too: `{ raft: { electionTimeoutMs: 300 } }`. */
export interface DirectorOptions extends Options {
  /** Must be the id in the certificate; that is the default. */
  readonly id?: string | undefined;
  /** Where to listen, `HOST:PORT`; port 0 takes a free one. */
  readonly listen: string;
  /** UDP port for bulk traffic; default a free one. */
  readonly bulkPort?: number | undefined;
  /** Where others reach it, `HOST:PORT`. Default: its own entry of `peers`, else the address it listens on. */
  readonly advertise?: string | undefined;
  /**
   * Where the log, snapshots and its identity are kept; made when missing. Without it everything is in memory, and the
   * director's membership ends with the process: for tests.
   */
  readonly dataDir?: string | undefined;
  /**
   * The directors of a new cluster by id, this one included; the same at all of them, which have to run at the same time
   * once. Later starts find the cluster in the data directory. A function gets the own address and may wait for the
   * others. Default: this director alone.
   */
  readonly peers?: Peers | ((own: string) => Promise<Peers>) | undefined;
  /** Directors of a running cluster that this director was added to (`flotilla member add`), instead of `peers`. */
  readonly join?: string | readonly string[] | undefined;
  readonly tls: TlsOptions;
  /** Services of your own that the director serves besides the framework's. */
  readonly services?: readonly Implementation[] | undefined;
  /** State machines of your own, each replicated in a group of its own. The same at all directors. */
  readonly groups?: readonly UserGroup[] | undefined;
  readonly interceptors?: readonly ServerInterceptor[] | undefined;
  /**
   * Ids of the client certificates that may administer the cluster: members, leadership, backup. The same at all
   * directors. Default: every client's; name them where clients are not trusted with that.
   */
  readonly operators?: readonly string[] | undefined;
  /** How often a watch says something when nothing changes. Default 500; clients wait for four of them. */
  readonly heartbeatMs?: number | undefined;
  /** How often the session ticket key changes, in milliseconds. Default 3,600,000; 0 never. */
  readonly ticketRotationMs?: number | undefined;
  readonly logger?: Logger | undefined;
}

/** A director of a cluster; see {@link DirectorNode} for its methods. */
export class Director extends DirectorNode {
  private constructor(deps: DirectorDependencies) {
    super(deps);
  }

  /**
   * Listens, founds, rejoins or joins its cluster, and serves it.
   *
   * @throws FlotillaError `OPTION_INVALID`, `ID_INVALID`, `ADDRESS_INVALID`, `ADDRESS_IN_USE`, `ADDRESS_UNREACHABLE`,
   * `CERT_MISSING`, `CERT_INVALID`, `SERVICE_INVALID`, `DATA_DIR_LOCKED`, `DATA_DIR_FOREIGN`, `LOG_CORRUPT`,
   * `SNAPSHOT_CORRUPT`, `DISK_FULL`, `DISK_FAILED`, `PEERS_UNREACHABLE`, `PEERS_DISAGREE`, `MEMBER_DATA_LOST`,
   * `NOT_ADMITTED`, `BACKUP_CORRUPT`
   */
  static async start(options: DirectorOptions): Promise<Director> {
    const settings = parseDirectorOptions(optionGroups(options, OWN));
    const heartbeatMs = numberOption('heartbeatMs', options.heartbeatMs, HEARTBEAT);
    const ticketRotationMs = numberOption('ticketRotationMs', options.ticketRotationMs, TICKET_ROTATION);
    const joined = options.join === undefined ? [] : parseDirectors(options.join, 'join');
    const userGroups = options.groups ?? [];
    checkUserGroups(userGroups);
    if (options.peers !== undefined && joined.length > 0) {
      throw new FlotillaError('OPTION_INVALID', 'option join is for a running cluster, peers for a new one; give one');
    }
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
    let storage: DirectorStorage | undefined;
    let director: Director | undefined;
    try {
      storage =
        options.dataDir === undefined
          ? volatileStorage(() => ({ store: new MemoryLogStore(), snapshots: new MemorySnapshotStore() }))
          : await diskStorage(options.dataDir, runtime, settings);
      const peers = await peersOf(options, runtime.endpoint.address);
      warnOfWildcard(options, peers, runtime);
      const { compression } = settings;
      director = new Director({
        ...{ runtime, storage, peers, join: joined, userGroups, heartbeatMs, ticketRotationMs },
        node: runtime.identity.id,
        address: advertised(options.advertise, peers?.get(runtime.identity.id), runtime.endpoint.address),
        version: VERSION,
        // Another director that comes back is wanted at once.
        open: channelOpener(runtime, { ...settings, reconnect: PEER_RECONNECT }),
        raft: settings.raft,
        gossip: settings.gossip,
        compression,
        checksum: systemCrc32,
        machine: new KvMachine(systemCrc32),
        leaseMs: settings.lease.ttlMs,
        operators: options.operators,
        services: options.services ?? [],
        interceptors: options.interceptors ?? [],
        limits: serverLimits(settings),
        replyCompression: { algorithm: compression.algorithm, aboveBytes: compression.registry },
      });
      await director.begin();
      return director;
    } catch (error) {
      if (director !== undefined) await director.close();
      else await Promise.all([storage?.close(), closeSockets(runtime, 'the director did not start')]);
      throw error;
    }
  }
}

/**
 * Prepares an empty data directory so that the cluster founded with it begins with a backup: do it, with the same file,
 * for every director of `peers`.
 *
 * @throws FlotillaError `BACKUP_CORRUPT`, `DATA_DIR_FOREIGN` when it belongs to a cluster already, `DATA_DIR_LOCKED`
 */
export async function restoreBackup(backup: Buffer, dataDir: string): Promise<BackupHeader> {
  const { header } = openBackup(backup);
  const lock = await DataDirLock.acquire(dataDir);
  try {
    const files = await NodeFileSystem.at(dataDir);
    const record = (await new JsonRecord(files, RECORD).read()) as { readonly cluster?: unknown } | undefined;
    if (record?.cluster !== undefined) {
      throw new FlotillaError('DATA_DIR_FOREIGN', `${dataDir} belongs to a cluster; restore into an empty directory`);
    }
    await writeFile(join(dataDir, `${INITIAL_BACKUP}.tmp`), backup, { mode: 0o600, flush: true });
    await files.rename(`${INITIAL_BACKUP}.tmp`, INITIAL_BACKUP);
    await files.syncDirectory();
    return header;
  } finally {
    await lock.release();
  }
}

async function peersOf({ peers }: DirectorOptions, own: SocketAddress) {
  const given = typeof peers === 'function' ? await peers(formatAddress(own)) : peers;
  return given === undefined ? undefined : parsePeers(given);
}

/** Others would be told the loopback address. */
function warnOfWildcard(
  { advertise }: DirectorOptions,
  peers: ReadonlyMap<string, SocketAddress> | undefined,
  { endpoint, identity, logger }: NodeRuntime,
): void {
  const { host } = endpoint.address;
  const isWildcard = host === '0.0.0.0' || host === '::';
  if (!isWildcard || advertise !== undefined || peers?.has(identity.id) === true) return;
  logger.warn({ host }, 'listens on all interfaces: name the address for other machines with advertise');
}

/** @throws FlotillaError `ADDRESS_INVALID`, `OPTION_INVALID` when the only address is a wildcard */
function advertised(given: string | undefined, asPeer: SocketAddress | undefined, bound: SocketAddress): SocketAddress {
  const address = given === undefined ? (asPeer ?? bound) : parseAddress(given);
  if (address.host !== '0.0.0.0' && address.host !== '::') {
    return address.port === 0 ? { host: address.host, port: bound.port } : address;
  }
  // Nobody can dial all interfaces; a director alone is reached on this machine.
  return { host: address.host === '::' ? '::1' : '127.0.0.1', port: bound.port };
}

/** On disk: `node.json`, `LOCK`, `initial.backup`, and `groups/N/log` and `groups/N/snapshots`. */
async function diskStorage(dir: string, runtime: NodeRuntime, settings: DirectorSettings): Promise<DirectorStorage> {
  const lock = await DataDirLock.acquire(dir);
  try {
    const files = await NodeFileSystem.at(dir);
    const { clock, random, logger } = runtime;
    const { segmentBytes } = settings.raft.persistence;
    const record = new JsonRecord(files, RECORD);
    return {
      isDurable: true,
      record,
      group: async (id) => {
        const at = (name: string) => NodeFileSystem.at(join(dir, 'groups', String(id), name));
        return {
          store: new DiskLogStore({ files: await at('log'), group: id, clock, random, logger, segmentBytes }),
          snapshots: new DiskSnapshotStore({ files: await at('snapshots'), group: id, logger }),
        };
      },
      initialState: async () => {
        if (!(await files.list()).includes(INITIAL_BACKUP)) return undefined;
        const { checksum, snapshot } = openBackup(await files.read(INITIAL_BACKUP));
        return { checksum, chunks: () => once(snapshot) };
      },
      close: async () => {
        await record.settled();
        await lock.release();
      },
    };
  } catch (error) {
    await lock.release();
    throw error;
  }
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

// The package's own name leads to its package.json from the sources and from the build alike.
const { version: VERSION } = createRequire(import.meta.url)('flotilla-rpc/package.json') as {
  readonly version: string;
};
const RECORD = 'node.json';
const INITIAL_BACKUP = 'initial.backup';
const HEARTBEAT = { default: 500, min: 50, max: 60_000 };
const TICKET_ROTATION = { default: 3_600_000, min: 0, max: 7 * 24 * 3_600_000 };
const PEER_RECONNECT = { baseMs: 20, maxMs: 1_000 };
const PORT = { default: 0, min: 0, max: 65_535 };

const OWN: OwnOptions<DirectorOptions> = {
  id: true,
  listen: true,
  bulkPort: true,
  advertise: true,
  dataDir: true,
  peers: true,
  join: true,
  tls: true,
  services: true,
  groups: true,
  interceptors: true,
  operators: true,
  heartbeatMs: true,
  ticketRotationMs: true,
  logger: true,
};
