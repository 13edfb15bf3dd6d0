import type { Command } from 'commander';
import { Director, ensureNodeCertificate, letHeapGrow } from '../../index.js';
import { makeDataDirectory } from '../data-directory.js';
import { UsageError } from '../failure.js';
import { address, addressList, httpAddress, identifier, identifierList, peerList, reachableAddress } from '../flags.js';
import { directorMetrics } from '../http/director-metrics.js';
import type { NodeView } from '../http/http-endpoint.js';
import { createLogger } from '../logging.js';
import { serveNode } from '../serve-node.js';
import { addServing, optionsOf, type ServingFlags } from '../shared-options.js';
import type { Finish } from './finish.js';

interface DirectorFlags extends ServingFlags {
  readonly id: string;
  readonly listen: string;
  readonly data?: string;
  readonly peers?: Readonly<Record<string, string>>;
  readonly join?: readonly string[];
  readonly advertise?: string;
  readonly http?: string;
  readonly operators?: readonly string[];
}

export function addDirector(program: Command, finish: Finish): void {
  const command = program
    .command('director')
    .description('Run one director: it keeps the metadata and the registry of workers, and serves clients.')
    .requiredOption(
      '--id <ID>',
      'its node id; the certificate is DIR/ID.crt, made when DIR/ca.key is there',
      identifier,
    )
    .requiredOption('--listen <HOST:PORT>', 'UDP address to listen on; port 0 takes a free one', address)
    .option(
      '--data <DIR>',
      'its data directory, made when missing; needed with other directors (default: none: a director alone, whose data ends with it)',
    )
    .option(
      '--peers <ID=HOST:PORT,...>',
      'all directors of a new cluster, this one included; the same at each of them; ignored once the data directory belongs to a cluster (default: this one alone)',
      peerList,
    )
    .option(
      '--join <HOST:PORT,...>',
      'directors of the running cluster that this one was added to with `flotilla member add`; ignored once it has joined (default: none)',
      addressList,
    )
    .option(
      '--advertise <HOST:PORT>',
      'where others reach it (default: its entry of --peers, else the address it listens on)',
      reachableAddress,
    )
    .option(
      '--http <HOST:PORT>',
      'serve /healthz, /metrics and /status there; a port alone is on 127.0.0.1 (default: off)',
      httpAddress,
    )
    .option(
      '--operators <ID,...>',
      'ids of the client certificates that may change members, rotate keys and take backups; the same at every director (default: every client certificate)',
      identifierList,
    );
  addServing(command).action((flags: DirectorFlags) => finish(runDirector(flags)));
}

async function runDirector(flags: DirectorFlags): Promise<number> {
  checkMembership(flags);
  letHeapGrow();
  const { id, listen, certs, http, data: dataDir, peers, join, advertise, operators } = flags;
  const options = optionsOf(flags);
  const logger = createLogger({ level: flags.logLevel, base: { role: 'director', id } });
  if (dataDir !== undefined) makeDataDirectory(dataDir);
  const tls = await ensureNodeCertificate({ dir: certs, role: 'director', id });
  return await serveNode({
    role: 'director',
    flags,
    logger,
    start: () => Director.start({ ...options, id, listen, tls, logger, dataDir, peers, join, advertise, operators }),
    http: http === undefined ? undefined : { address: http, view: viewOf },
  });
}

/** @throws UsageError when the flags contradict each other */
function checkMembership({ id, data, peers, join }: DirectorFlags): void {
  if (peers !== undefined && join !== undefined) {
    throw new UsageError(
      "option '--peers' is for a new cluster, option '--join' for one that runs: give the one that applies",
    );
  }
  if (peers !== undefined && peers[id] === undefined) {
    throw new UsageError(`option '--peers' does not name this director: add ${id}=HOST:PORT`);
  }
  const isOneOfSeveral = join !== undefined || Object.keys(peers ?? {}).length > 1;
  if (isOneOfSeveral && data === undefined) {
    const option = join === undefined ? 'peers' : 'join';
    throw new UsageError(
      `option '--${option}' needs option '--data': a director that forgets its log and votes cannot be one of several`,
    );
  }
}

function viewOf(director: Director): NodeView {
  return {
    status: () => director.status(),
    metrics: () => directorMetrics(director.status()),
    trouble: () => {
      const leaderless = director.status().groups.filter(({ leader }) => leader === undefined);
      return leaderless.length === 0 ? undefined : `no leader of ${leaderless.map(({ name }) => name).join(', ')}`;
    },
  };
}
