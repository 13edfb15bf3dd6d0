import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { initCertificates, parseAddress } from '../../index.js';
import { EXIT_FAILED, EXIT_OK, EXIT_USAGE, errorLine, UsageError } from '../failure.js';
import { address, httpAddress, wholeNumber } from '../flags.js';
import { loadServices } from '../load-services.js';
import { print, printError, serveWithoutReader } from '../output.js';
import { type Ready, readyLine } from '../ready-line.js';
import { addServing, optionsOf, type ServingFlags } from '../shared-options.js';
import { StopRequest } from '../stop-request.js';
import { LocalCluster } from '../supervise/local-cluster.js';
import { EndedEarly, type ProcessSpec } from '../supervise/managed-process.js';
import type { Finish } from './finish.js';

interface UpFlags extends ServingFlags {
  readonly directors: number;
  readonly workers: number;
  readonly listen: string;
  readonly service?: string;
  readonly http?: string;
}

export function addUp(program: Command, finish: Finish): void {
  const command = program
    .command('up')
    .description('Run a local cluster of real processes until Ctrl-C; a process that ends is started again.')
    .option('--directors <N>', 'directors; more than 1 comes with Raft', wholeNumber(1, 9), 1)
    .option('--workers <N>', 'workers w1, w2, ... on free ports', wholeNumber(0, 256), 3)
    .option('--listen <HOST:PORT>', 'UDP address of the director', address, '127.0.0.1:7401')
    .option('--service <FILE>', 'ES module that exports implementations (default: built-in echo.echo and text.count)')
    .option(
      '--http <HOST:PORT>',
      'the director’s /healthz, /metrics and /status; a port alone is on 127.0.0.1 (default: off)',
      httpAddress,
    );
  addServing(command, 'warn').action((flags: UpFlags) => finish(runUp(flags)));
}

async function runUp(flags: UpFlags): Promise<number> {
  if (flags.directors > 1) {
    throw new UsageError(
      `option '--directors' is ${flags.directors}; allowed: 1, because several directors come with Raft`,
    );
  }
  serveWithoutReader();
  // What every process would trip over is said once, here.
  optionsOf(flags);
  await loadServices(flags.service);
  await makeCertificates(flags);
  const cluster = new LocalCluster({
    director: directorSpec(flags),
    workers: (director) => Array.from({ length: flags.workers }, (_, index) => workerSpec(flags, director, index + 1)),
    stopTimeoutMs: flags.drainTimeout + STOP_GRACE_MS,
  });
  const stop = new StopRequest({ withParent: flags.exitWithParent, onForce: () => cluster.kill() });
  try {
    const starting = cluster.start();
    const first = await Promise.race([starting, stop.requested]);
    if (typeof first === 'string') starting.catch(() => undefined);
    else {
      announce(flags, first);
      await stop.requested;
    }
    await cluster.stop();
    return EXIT_OK;
  } catch (error) {
    await cluster.stop();
    if (!(error instanceof EndedEarly)) throw error;
    printError(errorLine(error));
    return error.exitCode === EXIT_USAGE ? EXIT_USAGE : EXIT_FAILED;
  }
}

async function makeCertificates({ certs, workers }: UpFlags): Promise<void> {
  if (existsSync(join(certs, 'ca.crt'))) return;
  await initCertificates({ dir: certs, directors: 1, workers, clients: 1 });
  printError(`flotilla: made development certificates in ${certs}`);
}

function announce({ directors, workers }: UpFlags, director: Ready): void {
  const { id: _id, role: _role, address: directorAddress, ...more } = director;
  const fields = { directors: String(directors), workers: String(workers), ...more };
  print(readyLine({ role: 'cluster', id: 'local', address: directorAddress, ...fields }));
}

function directorSpec(flags: UpFlags): ProcessSpec {
  return {
    name: 'director d1',
    args: (last) => [
      'director',
      ...['--id', 'd1'],
      ...['--listen', last?.address ?? flags.listen],
      ...(flags.http === undefined ? [] : ['--http', last?.http ?? flags.http]),
      ...servingArgs(flags),
    ],
  };
}

function workerSpec(flags: UpFlags, director: Ready, number: number): ProcessSpec {
  const { host } = parseAddress(flags.listen);
  const anyPort = host.includes(':') ? `[${host}]:0` : `${host}:0`;
  return {
    name: `worker w${number}`,
    args: (last) => [
      'worker',
      ...['--id', `w${number}`],
      // Where it was before, so that clients find it at once; if that port is taken, the next start takes a free one.
      ...['--listen', last?.address ?? anyPort],
      ...['--join', joinable(director.address)],
      ...(flags.service === undefined ? [] : ['--service', flags.service]),
      ...servingArgs(flags),
    ],
  };
}

/** A director that listens on all interfaces is reached through the loopback one. */
function joinable(listening: string): string {
  return listening.replace(/^0\.0\.0\.0:/, '127.0.0.1:').replace(/^\[::\]:/, '[::1]:');
}

function servingArgs({ certs, config, logLevel, watchdog, drainTimeout }: UpFlags): string[] {
  return [
    ...['--certs', certs],
    ...(config === undefined ? [] : ['--config', config]),
    ...['--log-level', logLevel],
    ...['--watchdog', String(watchdog)],
    ...['--drain-timeout', String(drainTimeout)],
  ];
}

/** Time beyond the drain for a process to leave before it is killed. */
const STOP_GRACE_MS = 5_000;
