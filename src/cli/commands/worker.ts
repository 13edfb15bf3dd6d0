import { randomBytes } from 'node:crypto';
import type { Command } from 'commander';
import { ensureNodeCertificate, parseAddress, Worker } from '../../index.js';
import { address, addressList, identifier, reachableAddress, tagList } from '../flags.js';
import { loadServices } from '../load-services.js';
import { createLogger } from '../logging.js';
import { serveNode } from '../serve-node.js';
import { addServing, optionsOf, type ServingFlags } from '../shared-options.js';
import type { Finish } from './finish.js';

interface WorkerFlags extends ServingFlags {
  readonly listen: string;
  readonly join: readonly string[];
  readonly advertise?: string;
  readonly id?: string;
  readonly tags?: Readonly<Record<string, string>>;
  readonly service?: string;
}

export function addWorker(program: Command, finish: Finish): void {
  const command = program
    .command('worker')
    .description('Run one worker: it serves methods and keeps itself registered at a director.')
    .requiredOption('--listen <HOST:PORT>', 'UDP address to listen on; port 0 takes a free one', address)
    .requiredOption(
      '--join <HOST:PORT,...>',
      'nodes of the cluster, directors or workers; any one will do',
      addressList,
    )
    .option(
      '--advertise <HOST:PORT>',
      'where others reach it (default: where it listens, or what the others see)',
      reachableAddress,
    )
    .option('--id <ID>', 'its node id (default: made from the address, or at random for port 0)', identifier)
    .option('--tags <K=V,...>', 'what filters select it by (default: role=worker, which other tags add to)', tagList)
    .option('--service <FILE>', 'ES module that exports implementations (default: built-in echo.echo and text.count)');
  addServing(command).action((flags: WorkerFlags) => finish(runWorker(flags)));
}

async function runWorker(flags: WorkerFlags): Promise<number> {
  const { listen, join, certs, advertise } = flags;
  const id = flags.id ?? idFor(listen);
  const options = optionsOf(flags);
  const logger = createLogger({ level: flags.logLevel, base: { role: 'worker', id } });
  const services = await loadServices(flags.service);
  const tls = await ensureNodeCertificate({ dir: certs, role: 'worker', id });
  const tags = { role: 'worker', ...flags.tags };
  return await serveNode({
    role: 'worker',
    flags,
    logger,
    start: () => Worker.start({ ...options, id, listen, advertise, join, tls, tags, services, logger }),
  });
}

/** A worker at a fixed address keeps its name, and so its certificate, over restarts. */
function idFor(listen: string): string {
  const { host, port } = parseAddress(listen);
  if (port === 0) return `w-${randomBytes(4).toString('hex')}`;
  return `w-${host.replaceAll(/[^A-Za-z0-9.]/g, '-').slice(0, 50)}-${port}`;
}
