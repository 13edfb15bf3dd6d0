/**
 * Keeps a number of calls going for a while: `node dist/examples/cluster/loadtest.js [--director HOST:PORT]
 * [--filter FILTER] [--concurrency N] [--seconds N] [--certs DIR]`. Kill and restart workers meanwhile, and see that no
 * call fails. (`flotilla loadtest` can do more.)
 */
import { setTimeout as wait } from 'node:timers/promises';
import { ClusterClient, ensureNodeCertificate, RpcError } from 'flotilla-rpc';
import { build } from 'hdr-histogram-js';
import { Hello } from './service.js';
import { positive, settings } from './settings.js';

const { director, filter, concurrency, seconds, certs } = settings({
  director: ['127.0.0.1:7401', 'DIRECTOR_ADDR'],
  filter: ['role=worker'],
  concurrency: ['64'],
  seconds: ['10'],
  certs: ['certs'],
});
const callers = positive('concurrency', concurrency);
const durationMs = positive('seconds', seconds) * 1_000;

await using client = await ClusterClient.connect({
  directors: director,
  tls: await ensureNodeCertificate({ dir: certs, role: 'client', id: 'client' }),
});

const { greet } = client.service(Hello);
const latencies = build({ highestTrackableValue: 60_000_000, numberOfSignificantValueDigits: 3 });
const answers = new Map<string, number>();
const failures = new Map<string, number>();
const count = (counts: Map<string, number>, key: string): unknown => counts.set(key, (counts.get(key) ?? 0) + 1);

async function keepCalling(untilMs: number): Promise<void> {
  while (performance.now() < untilMs) {
    const startMs = performance.now();
    try {
      const { worker } = await greet({ name: 'load' }, { filter, timeoutMs: 20_000 });
      count(answers, worker);
      latencies.recordValue(Math.round((performance.now() - startMs) * 1_000));
    } catch (error) {
      count(failures, RpcError.from(error).message);
      await wait(10);
    }
  }
}

const startMs = performance.now();
let before = 0;
const progress = setInterval(() => {
  console.log(`${latencies.totalCount - before} calls/s`);
  before = latencies.totalCount;
}, 1_000);
await Promise.all(Array.from({ length: callers }, () => keepCalling(startMs + durationMs)));
clearInterval(progress);

const calls = latencies.totalCount;
const tookMs = performance.now() - startMs;
const ms = (percentile: number): string => (latencies.getValueAtPercentile(percentile) / 1_000).toFixed(2);
console.log(`${calls} calls in ${(tookMs / 1_000).toFixed(1)} s: ${Math.round((calls / tookMs) * 1_000)} calls/s`);
console.log(`latency in ms: p50 ${ms(50)}, p90 ${ms(90)}, p99 ${ms(99)}, p99.9 ${ms(99.9)}, max ${ms(100)}`);
for (const [worker, number] of [...answers].sort()) console.log(`  ${worker}: ${number} calls`);
for (const [message, number] of failures) console.log(`  ${number} failed: ${message}`);
if (failures.size > 0 || calls === 0) process.exitCode = 1;
