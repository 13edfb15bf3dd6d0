import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { formatAddress, initCertificates, parseAddress } from '../../index.js';
import { EXIT_FAILED, EXIT_OK, EXIT_USAGE, errorLine, UsageError } from '../failure.js';
import { address, httpAddress, wholeNumber } from '../flags.js';
import { loadServices } from '../load-services.js';
import { print, printError, serveWithoutReader } from '../output.js';
import { type Ready, readyLine } from '../ready-line.js';
import { addServing, optionsOf, type ServingFlags } from '../shared-options.js';
import { StopRequest } from '../stop-request.js';
import { ClusterData } from '../supervise/cluster-data.js';
import { LocalCluster } from '../supervise/local-cluster.js';
import { EndedEarly, type ProcessSpec } from '../supervise/managed-process.js';
import type { Finish } from './finish.js';

interface UpFlags extends ServingFlags {
  readonly directors: number;
  readonly workers: number;
  readonly listen: string;
  readonly data?: string;
  readonly service?: string;
  readonly http?: string;
}

export function addUp(program: Command, finish: Finish): void {
  const command = program
    .command('up')
    .description('Run a local cluster of real processes until Ctrl-C; a process that ends is started again.')
    .option('--directors <N>', 'directors d1, d2, ...', wholeNumber(1, 9), 1)
    .option('--workers <N>', 'workers w1, w2, ... on free ports', wholeNumber(0, 256), 3)
    .option(
      '--listen <HOST:PORT>',
      'UDP address of d1; the others have the ports behind it, and with port 0 all have free ones',
      address,
      DEFAULT_LISTEN,
    )
    .option(
      '--data <DIR>',
      'where the directors keep their data for the next run (default: a temporary directory, removed at the end)',
    )
    .option('--service <FILE>', 'ES module that exports implementations (default: built-in echo.echo and text.count)')
    .option(
      '--http <HOST:PORT>',
      '/healthz, /metrics and /status of d1, of the others on the ports behind it; a port alone is on 127.0.0.1 (default: off)',
      httpAddress,
    );
  addServing(command, 'warn').action((flags: UpFlags) => finish(runUp(flags)));
}

async function runUp(flags: UpFlags): Promise<number> {
  checkPorts(flags);
  serveWithoutReader();
  // What every process would trip over is said once, here.
  optionsOf(flags);
  await loadServices(flags.service);
  await makeCertificates(flags);
  const { directors, listen, data: dir } = flags;
  const data = await ClusterData.open({ dir, directors, listen, isListenGiven: listen !== DEFAULT_LISTEN });
  try {
    return await runCluster(flags, data);
  } finally {
    data.remove();
  }
}

async function runCluster(flags: UpFlags, data: ClusterData): Promise<number> {
  const cluster = new LocalCluster({
    directors: [...data.addresses.keys()].map((id, index) => directorSpec(flags, data, id, index)),
    workers: (ready) => Array.from({ length: flags.workers }, (_, index) => workerSpec(flags, ready, index + 1)),
    stopTimeoutMs: flags.drainTimeout + STOP_GRACE_MS,
  });
  const onForce = (): void => {
    cluster.kill();
    data.remove();
  };
  const stop = new StopRequest({ withParent: flags.exitWithParent, onForce });
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

/** @throws UsageError when the ports behind the first one do not exist */
function checkPorts({ directors, listen, http }: UpFlags): void {
  for (const [option, at] of [
    ['listen', listen],
    ['http', http],
  ] as const) {
    if (at === undefined || parseAddress(at).port + directors - 1 <= PORT_MAX) continue;
    throw new UsageError(`option '--${option}' is '${at}'; there are no ${directors} ports from that one on`);
  }
}

async function makeCertificates({ certs, directors, workers }: UpFlags): Promise<void> {
  if (existsSync(join(certs, 'ca.crt'))) return;
  await initCertificates({ dir: certs, directors, workers, clients: 1 });
  printError(`flotilla: made development certificates in ${certs}`);
}

function announce({ directors, workers }: UpFlags, [director]: readonly Ready[]): void {
  if (director === undefined) return;
  const { id: _id, role: _role, address: directorAddress, ...more } = director;
  const fields = { directors: String(directors), workers: String(workers), ...more };
  print(readyLine({ role: 'cluster', id: 'local', address: directorAddress, ...fields }));
}

function directorSpec(flags: UpFlags, data: ClusterData, id: string, index: number): ProcessSpec {
  const listen = data.addresses.get(id) ?? flags.listen;
  const peers = [...data.addresses].map(([peer, at]) => `${peer}=${joinable(at)}`);
  return {
    name: `director ${id}`,
    args: (last) => [
      'director',
      ...['--id', id],
      ...['--listen', listen],
      ...['--data', data.of(id)],
      ...['--peers', peers.join(',')],
      ...(flags.http === undefined ? [] : ['--http', last?.http ?? portBehind(flags.http, index)]),
      ...servingArgs(flags),
    ],
  };
}

function workerSpec(flags: UpFlags, directors: readonly Ready[], number: number): ProcessSpec {
  const { host } = parseAddress(flags.listen);
  const anyPort = formatAddress({ host, port: 0 });
  return {
    name: `worker w${number}`,
    args: (last) => [
      'worker',
      ...['--id', `w${number}`],
      // Where it was before, so that clients find it at once; if that port is taken, the next start takes a free one.
      ...['--listen', last?.address ?? anyPort],
      ...['--join', directors.map((director) => joinable(director.address)).join(',')],
      ...(flags.service === undefined ? [] : ['--service', flags.service]),
      ...servingArgs(flags),
    ],
  };
}

/** The address `index` ports further on; with port 0 each takes a free one. */
function portBehind(first: string, index: number): string {
  const { host, port } = parseAddress(first);
  return formatAddress({ host, port: port === 0 ? 0 : port + index });
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
const PORT_MAX = 65_535;
const DEFAULT_LISTEN = '127.0.0.1:7401';
