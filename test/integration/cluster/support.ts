import {
  bidiStream,
  Cluster,
  clientStream,
  defineService,
  implement,
  type LocalClusterOptions,
  RpcError,
  serverStream,
  unary,
} from '../../../src/index.js';

export const Text = defineService('text', {
  count: unary<{ text: string }, { counts: Record<string, number>; total: number }>({ idempotent: true }),
  words: serverStream<{ text: string }, string>(),
  join: clientStream<string, string>(),
  upper: bidiStream<string, string>(),
});

export const Probe = defineService('probe', {
  /** The id of the worker that served the call. */
  whoami: unary<Record<string, never>, string>({ idempotent: true }),
  /** Answers after `ms`. */
  sleep: unary<{ ms: number }, string>({ idempotent: true }),
  /** As `sleep`, but executing it twice would do harm. */
  once: unary<{ ms: number }, string>(),
});

export const textService = implement(Text, {
  count: ({ text }) => {
    const counts: Record<string, number> = {};
    const words = text.split(/\s+/).filter((word) => word !== '');
    for (const word of words) counts[word] = (counts[word] ?? 0) + 1;
    return { counts, total: words.length };
  },
  words: ({ text }) => text.split(' '),
  join: async (words) => {
    const all: string[] = [];
    for await (const word of words) all.push(word);
    return all.join(' ');
  },
  upper: async function* (words) {
    for await (const word of words) yield word.toUpperCase();
  },
});

/** What a worker of the given name serves in tests; `executed` counts the calls of `probe.once`. */
export function probeService(name: string, executed = { once: 0 }) {
  return implement(Probe, {
    whoami: () => name,
    sleep: ({ ms }) => new Promise((resolve) => setTimeout(() => resolve(name), ms)),
    once: ({ ms }) => {
      executed.once += 1;
      return new Promise((resolve) => setTimeout(() => resolve(name), ms));
    },
  });
}

/** A local cluster whose workers know their own names. */
export async function startCluster(
  workers: number,
  options: Partial<LocalClusterOptions> & { tagsOf?: (id: string) => Record<string, string> } = {},
): Promise<Cluster> {
  const { tagsOf, ...rest } = options;
  const cluster = await Cluster.local({ workers: 0, services: [], ...rest });
  for (let index = 1; index <= workers; index += 1) {
    const id = `w${index}`;
    await cluster.addWorker({
      id,
      services: [textService, probeService(id)],
      tags: tagsOf?.(id) ?? { role: 'worker', name: id },
    });
  }
  return cluster;
}

/** Resolves when `condition` holds; the test's own timeout ends it otherwise. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
}

export async function errorOf(promise: Promise<unknown>): Promise<RpcError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof RpcError) return error;
    throw error;
  }
  throw new Error('expected a rejection');
}
