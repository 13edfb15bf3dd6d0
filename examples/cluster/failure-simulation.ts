/**
 * Workers that fail and recover on a schedule, while a stream and many calls go on:
 * `node dist/examples/cluster/failure-simulation.js [--pause MS] [--certs DIR]`. Starts a director and three workers as
 * processes of their own, ends by itself, and exits with 0 when nothing was lost: every tick arrived once and in order,
 * and no call failed. Needs signals, so not for Windows.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { ClusterClient, ensureNodeCertificate, RpcError } from 'flotilla-rpc';
import { ChildProgram } from './child-program.js';
import { ticks } from './resuming-reader.js';
import { positive, settings } from './settings.js';
import { Ticks } from './tick-service.js';

const { pause, certs } = settings({ pause: ['1000'], certs: ['certs'] });
const pauseMs = positive('pause', pause);
const SILENCE_MS = 1_500;

const [, address = ''] = (
  await ChildProgram.start('director', ['--listen', '127.0.0.1:0', '--certs', certs], /listens at (\S+)/)
)[1];
const workers = new Map<string, ChildProgram>();
const say = (text: string): void => console.log(`${(performance.now() / 1_000).toFixed(1).padStart(5)} s  ${text}`);

/** Each failure hits the worker that serves the stream at that moment. */
const SCHEDULE = [
  {
    what: 'is killed',
    fail: (worker: ChildProgram) => worker.end('SIGKILL'),
    recover: startWorker,
  },
  {
    what: 'stands still',
    fail: async (worker: ChildProgram) => worker.signal('SIGSTOP'),
    recover: async (label: string) => workers.get(label)?.signal('SIGCONT'),
  },
  {
    what: 'leaves in peace',
    fail: (worker: ChildProgram) => worker.end('SIGTERM'),
    recover: startWorker,
  },
];

try {
  await Promise.all(['w1', 'w2', 'w3'].map(startWorker));
  await simulate();
} finally {
  await ChildProgram.endAll();
}

async function startWorker(label: string): Promise<void> {
  const args = ['--director', address, '--label', label, '--certs', certs];
  const [worker] = await ChildProgram.start('tick-worker', args, /is registered/);
  workers.set(label, worker);
}

async function simulate(): Promise<void> {
  const tls = await ensureNodeCertificate({ dir: certs, role: 'client', id: 'client' });
  await using client = await ClusterClient.connect({ directors: address, tls });
  const end = new AbortController();
  const stream = { last: 0, worker: '', moves: 0, faults: [] as string[] };
  const calls = { answered: 0, failures: [] as string[] };

  const reading = (async () => {
    for await (const { number, worker } of ticks(client, SILENCE_MS, end.signal)) {
      if (number !== stream.last + 1) stream.faults.push(`tick ${number} after tick ${stream.last}`);
      if (worker !== stream.worker) {
        say(stream.worker === '' ? `${worker} begins the stream` : `${worker} goes on with tick ${number}`);
        if (stream.worker !== '') stream.moves++;
      }
      stream.last = number;
      stream.worker = worker;
    }
  })();
  const calling = Array.from({ length: 8 }, async () => {
    while (!end.signal.aborted) {
      try {
        await client.service(Ticks).ask({}, { timeoutMs: 20_000 });
        calls.answered++;
      } catch (error) {
        calls.failures.push(RpcError.from(error).message);
      }
      await wait(5);
    }
  });
  const work = Promise.all([reading, ...calling]);
  /** Looks until `condition` holds; what goes wrong with the stream ends the wait. */
  const until = async (condition: () => boolean): Promise<void> => {
    while (!condition()) await Promise.race([wait(20), work]);
  };
  const isKnown = (label: string) => client.workers().some(({ id, state }) => id === label && state === 'active');

  try {
    await until(() => stream.last > 0);
    for (const { what, fail, recover } of SCHEDULE) {
      await Promise.race([wait(pauseMs), work]);
      const victim = stream.worker;
      const { moves } = stream;
      say(`${victim} ${what} at tick ${stream.last}`);
      await fail(workers.get(victim) as ChildProgram);
      await until(() => stream.moves > moves && stream.worker !== victim);
      await Promise.race([wait(pauseMs), work]);
      await recover(victim);
      await until(() => isKnown(victim));
      say(`${victim} is back`);
    }
  } finally {
    end.abort();
  }
  await work;

  say(`${stream.last} ticks, gone on elsewhere ${stream.moves} times; ${calls.answered} calls answered`);
  const faults = [...stream.faults, ...calls.failures];
  for (const fault of faults.slice(0, 10)) say(`wrong: ${fault}`);
  console.log(faults.length === 0 ? 'verdict: nothing was lost' : `verdict: ${faults.length} things went wrong`);
  if (faults.length > 0) process.exitCode = 1;
}
