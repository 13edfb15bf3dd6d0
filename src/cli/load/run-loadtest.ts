import type { ClusterClient, MethodRef } from '../../index.js';
import { RpcError } from '../../index.js';
import { connectClient, findMethod, withClient } from '../connect-client.js';
import { EXIT_FAILED, EXIT_OK } from '../failure.js';
import { print, printJson } from '../output.js';
import { readJson } from '../read-input.js';
import { StopRequest } from '../stop-request.js';
import { systemLoadClock } from './load-clock.js';
import type { LoadFlags } from './load-flags.js';
import { LoadRecord } from './load-record.js';
import { payloadFor } from './payload.js';
import { Progress } from './progress.js';
import { createReport, formatReport, type LoadReport } from './report.js';
import { type LoadOutcome, type LoadPlan, runLoad } from './run-load.js';
import { WorkerCalls } from './worker-calls.js';

/** `flotilla loadtest`: resolves to the exit code. */
export async function runLoadtest(method: string, flags: LoadFlags): Promise<number> {
  const given = flags.input === undefined ? undefined : { input: await readJson(flags.input) };
  const report = await withClient(connectClient(flags, { timeoutMs: flags.timeout }), async (client) => {
    const options = { filter: flags.filter, timeoutMs: flags.timeout };
    const input = given === undefined ? payloadFor(method, flags.payload) : given.input;
    // The first call shows whether the method is there and takes this input.
    await client.callWorker(method, input, flags.filter, options);
    const ref: MethodRef = { name: method, definition: definitionOf(client, method) };
    return await measure(client, method, flags, () => client.unary(ref, input, options));
  });
  if (flags.json) printJson(report);
  else print(formatReport(report));
  return report.failed === 0 ? EXIT_OK : EXIT_FAILED;
}

async function measure(
  client: ClusterClient,
  method: string,
  flags: LoadFlags,
  call: () => Promise<unknown>,
): Promise<LoadReport> {
  const plan = planOf(flags);
  const record = new LoadRecord();
  const workers = new WorkerCalls();
  const before = client.stats();
  workers.skip(before.workers);
  const outcome = await withProgress(plan, record, () => workers.update(client.stats().workers), call);
  const after = client.stats();
  workers.update(after.workers);
  const payloadBytes = flags.input === undefined ? flags.payload : undefined;
  return createReport({
    method,
    payloadBytes,
    plan,
    outcome,
    record,
    retries: after.retries - before.retries,
    rescues: after.rescues - before.rescues,
    workers,
  });
}

/** Runs the load; shows how it goes and lets Ctrl-C end it early. */
async function withProgress(
  plan: LoadPlan,
  record: LoadRecord,
  onTick: () => void,
  call: () => Promise<unknown>,
): Promise<LoadOutcome> {
  const abort = new AbortController();
  const stop = new StopRequest();
  void stop.requested.then(() => abort.abort());
  const progress = new Progress(process.stderr, record, plan.durationMs);
  const startMs = systemLoadClock.nowMs();
  const timer = setInterval(() => {
    onTick();
    progress.show(systemLoadClock.nowMs() - startMs);
  }, progress.intervalMs);
  try {
    return await runLoad(plan, { call, record, clock: systemLoadClock, signal: abort.signal });
  } finally {
    clearInterval(timer);
    progress.end();
    stop.release();
  }
}

function planOf({ concurrency, duration, rate }: LoadFlags): LoadPlan {
  return {
    concurrency: concurrency ?? (rate === undefined ? CLOSED_CONCURRENCY : OPEN_CONCURRENCY),
    durationMs: duration * 1_000,
    ratePerSecond: rate,
  };
}

function definitionOf(client: ClusterClient, method: string): MethodRef['definition'] {
  const found = findMethod(client.workers(), method);
  if (found === undefined) throw RpcError.of('NO_WORKER', `no worker serves ${method}`);
  return { kind: found.kind, idempotent: found.idempotent };
}

const CLOSED_CONCURRENCY = 64;
const OPEN_CONCURRENCY = 4_096;
