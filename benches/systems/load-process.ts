/** The process that loads one server under test. Arguments: the name of the system. */
import { serveRequests } from '../harness/child.js';
import { closedLoop, type LoadOptions, type LoadResult, MeasureWindow, openLoop } from '../harness/load.js';
import { systemOf } from './registry.js';
import { messageAgeMs } from './stream-message.js';
import type { BenchClient, TlsMaterial } from './types.js';

/** What to measure. */
export interface LoadJob extends Omit<LoadOptions, 'onMeasuring'> {
  readonly kind: 'unary' | 'stream';
  readonly payloadBytes: number;
  readonly ratePerSecond: number | undefined;
}

let client: BenchClient | undefined;

serveRequests({
  connect: async ({ port, tls }: { port: number; tls: TlsMaterial }) => {
    client = await (await systemOf(process.argv[2] ?? '').client()).connect(port, tls);
  },
  measure: (job: LoadJob, emit) => {
    if (client === undefined) throw new Error('measure before connect');
    return measure(client, job, () => emit('measuring'));
  },
});

function measure(connected: BenchClient, job: LoadJob, onMeasuring: () => void): Promise<LoadResult> {
  const options: LoadOptions = { ...job, onMeasuring };
  if (job.kind === 'stream') return receive(connected, job.payloadBytes, options);
  const payload = Buffer.alloc(job.payloadBytes, 0x61);
  const call = () => connected.echo(payload);
  return job.ratePerSecond === undefined ? closedLoop(call, options) : openLoop(call, options, job.ratePerSecond);
}

/** Counts the messages of one server stream; a latency is the time from the making of a message to its arrival. */
async function receive(connected: BenchClient, messageBytes: number, options: LoadOptions): Promise<LoadResult> {
  if (connected.openStream === undefined) throw new Error('the system has no streams');
  const window = new MeasureWindow();
  const stream = connected.openStream(messageBytes, (message) => {
    window.record(messageAgeMs(message));
    if (window.stopped) stream.stop();
  });
  return window.measure(stream.ended, options);
}
