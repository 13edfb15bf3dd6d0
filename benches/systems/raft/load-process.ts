/** A client process of the raft suite. Arguments: the name of the system, and the number of the process. */
import { performance } from 'node:perf_hooks';
import { serveRequests } from '../../harness/child.js';
import { closedLoop } from '../../harness/load.js';
import { connectRaftClient } from './clients.js';
import { KEY_COUNT, keySequence, VALUE } from './keys.js';
import type { RaftClient, RaftJob } from './types.js';

const [system = '', number = '0'] = process.argv.slice(2);
let client: RaftClient | undefined;

serveRequests({
  connect: async (target: unknown) => {
    client = await connectRaftClient(system, target, Number(number));
  },
  refresh: () => connected().refresh(),
  /** Writes every key once, so that reads find them. */
  fill: async () => {
    let next = 0;
    const writer = async () => {
      while (next < KEY_COUNT) await connected().write(next++, VALUE);
    };
    await Promise.all(Array.from({ length: FILL_CONCURRENCY }, writer));
  },
  measure: (job: RaftJob, emit) =>
    closedLoop(operationOf(connected(), job), { ...job, onMeasuring: () => emit('measuring') }),
  /** Kills a member and resolves to the milliseconds until the first write after that has succeeded. */
  killAndWrite: (pid: number) => killAndWrite(connected(), pid),
});

function connected(): RaftClient {
  if (client === undefined) throw new Error('connect comes first');
  return client;
}

function operationOf(raft: RaftClient, { operation }: RaftJob): () => Promise<unknown> {
  const key = keySequence(Number(number));
  if (operation === 'write') return () => raft.write(key(), VALUE);
  return () => raft.read(key(), operation);
}

/**
 * A new write every few milliseconds, whatever becomes of the earlier ones, so that no client's own waiting or pausing
 * adds to what is measured.
 */
async function killAndWrite(raft: RaftClient, pid: number): Promise<number> {
  const key = keySequence(Number(number));
  const startMs = performance.now();
  process.kill(pid, 'SIGKILL');
  let attempt = 0;
  return await new Promise<number>((resolve, reject) => {
    const timer = setInterval(() => {
      if (performance.now() - startMs > GIVE_UP_MS) {
        clearInterval(timer);
        reject(new Error('no write succeeded within half a minute after a member was killed'));
        return;
      }
      raft.attemptWrite(key(), VALUE, attempt++).then(
        () => {
          clearInterval(timer);
          resolve(performance.now() - startMs);
        },
        () => undefined, // the next attempt is on its way
      );
    }, ATTEMPT_EVERY_MS);
  });
}

const FILL_CONCURRENCY = 64;
const ATTEMPT_EVERY_MS = 5;
const GIVE_UP_MS = 30_000;
