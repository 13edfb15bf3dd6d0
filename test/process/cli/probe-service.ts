import { PUBLIC_API, type Sandbox } from './flotilla.js';

/** Writes a module for `--service` that lets a test look into a worker and make it misbehave; returns its path. */
export function writeProbeService(sandbox: Sandbox): string {
  return sandbox.file(
    'probe.mjs',
    `import { bidiStream, clientStream, defineService, implement, serverStream, unary } from '${PUBLIC_API}';

const Probe = defineService('probe', {
  pid: unary({ idempotent: true }),
  values: unary(),
  slow: unary(),
  block: unary(),
  reject: unary(),
  range: serverStream(),
  sum: clientStream(),
  double: bidiStream(),
});

export const probe = implement(Probe, {
  pid: () => process.pid,
  values: () => ({ big: 2n ** 60n, bytes: Buffer.from('hi'), text: 'ä', nothing: null }),
  slow: async ({ ms }) => {
    console.log('slow call begun');
    await new Promise((resolve) => setTimeout(resolve, ms));
    return 'done';
  },
  block: () => {
    for (;;);
  },
  reject: () => {
    void Promise.reject(new Error('nobody\\ncaught this'));
    return null;
  },
  range: function* ({ to }) {
    for (let n = 1; n <= to; n += 1) yield { n };
  },
  sum: async (inputs) => {
    let sum = 0;
    for await (const input of inputs) sum += input;
    return sum;
  },
  double: async function* (inputs) {
    for await (const input of inputs) yield 2 * input;
  },
});

const Echo = defineService('echo', { echo: unary({ idempotent: true }) });
export const more = [implement(Echo, { echo: (input) => input })];
`,
  );
}
