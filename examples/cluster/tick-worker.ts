/**
 * A worker of the failure simulation: `node dist/examples/cluster/tick-worker.js [--director HOST:PORT] [--label NAME]
 * [--certs DIR]`. It keeps nothing between calls: where a stream stands is in its resume token.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { ensureNodeCertificate, implement, RpcError, Worker } from 'flotilla-rpc';
import { settings } from './settings.js';
import { Ticks } from './tick-service.js';
import { untilStopped } from './until-stopped.js';

const { director, label, certs } = settings({
  director: ['127.0.0.1:7401', 'DIRECTOR_ADDR'],
  label: ['w1', 'WORKER_LABEL'],
  certs: ['certs'],
});

const TICK_MS = 20;
const leaving = new AbortController();

await using worker = await Worker.start({
  id: label,
  listen: '127.0.0.1:0',
  join: director,
  tls: await ensureNodeCertificate({ dir: certs, role: 'worker', id: label }),
  services: [
    implement(Ticks, {
      async *follow({ resumeToken }, context) {
        for (let number = numberAfter(resumeToken); ; number++) {
          yield { number, worker: label, resumeToken: `tick-${number}` };
          try {
            await wait(TICK_MS, undefined, { signal: AbortSignal.any([context.signal, leaving.signal]) });
          } catch {
            return; // between two ticks: whoever reads goes on elsewhere
          }
        }
      },
      ask: () => label,
    }),
  ],
});

console.log(`worker ${label} is registered`);
await untilStopped();
// A stream without end would hold up the drain until its timeout.
const drained = worker.drain({ timeoutMs: 5_000 });
leaving.abort();
await drained;

function numberAfter(resumeToken: string | undefined): number {
  if (resumeToken === undefined) return 1;
  const [, digits] = /^tick-(\d{1,15})$/.exec(resumeToken) ?? [];
  if (digits === undefined) throw RpcError.of('INPUT_INVALID', 'the resume token is none of ours');
  return Number(digits) + 1;
}
