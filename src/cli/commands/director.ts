import { mkdirSync } from 'node:fs';
import type { Command } from 'commander';
import { type ClusterStatus, Director, ensureNodeCertificate, FlotillaError } from '../../index.js';
import { address, httpAddress, identifier } from '../flags.js';
import { countersOf, type Metric, processMetrics, single } from '../http/prometheus.js';
import { createLogger } from '../logging.js';
import { serveNode } from '../serve-node.js';
import { addServing, optionsOf, type ServingFlags } from '../shared-options.js';
import type { Finish } from './finish.js';
import { addWithRaft, type LaterFlags, refuseLater } from './later.js';

interface DirectorFlags extends ServingFlags, LaterFlags {
  readonly id: string;
  readonly listen: string;
  readonly data?: string;
  readonly http?: string;
}

export function addDirector(program: Command, finish: Finish): void {
  const command = program
    .command('director')
    .description('Run one director: it keeps the registry of workers and serves clients.')
    .requiredOption(
      '--id <ID>',
      'its node id; the certificate is DIR/ID.crt, made when DIR/ca.key is there',
      identifier,
    )
    .requiredOption('--listen <HOST:PORT>', 'UDP address to listen on; port 0 takes a free one', address)
    .option(
      '--data <DIR>',
      'its data directory, made when missing; nothing is kept there before several directors are possible (default: none)',
    )
    .option(
      '--http <HOST:PORT>',
      'serve /healthz, /metrics and /status there; a port alone is on 127.0.0.1 (default: off)',
      httpAddress,
    );
  addWithRaft(addServing(command)).action((flags: DirectorFlags) => finish(runDirector(flags)));
}

async function runDirector(flags: DirectorFlags): Promise<number> {
  refuseLater(flags);
  const { id, listen, certs, http } = flags;
  const options = optionsOf(flags);
  const logger = createLogger({ level: flags.logLevel, base: { role: 'director', id } });
  if (flags.data !== undefined) makeDataDirectory(flags.data);
  const tls = await ensureNodeCertificate({ dir: certs, role: 'director', id });
  return await serveNode({
    role: 'director',
    flags,
    logger,
    start: () => Director.start({ ...options, id, listen, tls, logger }),
    http: http === undefined ? undefined : { address: http, view: viewOf },
  });
}

function viewOf(director: Director) {
  return { status: () => director.status(), metrics: () => metricsOf(director.status()) };
}

function metricsOf(status: ClusterStatus): Metric[] {
  const { active, draining } = status.workers;
  return [
    single('gauge', 'up', '1 while the node runs.', 1),
    {
      name: 'workers',
      type: 'gauge',
      help: 'Registered workers by state.',
      samples: [
        { labels: { state: 'active' }, value: active },
        { labels: { state: 'draining' }, value: draining },
      ],
    },
    single('gauge', 'registry_revision', 'Revision of the worker registry.', status.registry.revision),
    single('gauge', 'registry_watchers', 'Clients that watch the registry.', status.registry.watchers),
    single('gauge', 'calls_in_flight', 'Calls in progress at this node.', status.inFlight),
    ...countersOf(status.counters),
    ...processMetrics(),
  ];
}

function makeDataDirectory(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
  } catch (error) {
    const why = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw new FlotillaError(
      'FILE_UNUSABLE',
      `--data ${dir} cannot be made (${why}); name a directory that can be written`,
    );
  }
}
