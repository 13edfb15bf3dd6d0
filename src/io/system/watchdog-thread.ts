/** The thread that watches the main thread's heartbeat; see `watchdog.ts`. */
import { writeSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
import { StallJudge } from './stall-judge.js';
import type { WatchdogThreadData } from './watchdog.js';

const { heartbeat, intervalMs, stallMs } = workerData as WatchdogThreadData;
const counter = new Int32Array(heartbeat);
const judge = new StallJudge(intervalMs, stallMs, performance.now());

setInterval(() => {
  if (judge.look(Atomics.load(counter, 0), performance.now())) end();
}, intervalMs);

function end(): void {
  try {
    writeSync(2, `flotilla: the event loop has not turned for ${stallMs / 1_000} s; the watchdog ends the process\n`);
  } catch {
    // Nobody reads stderr: the process is ended all the same.
  }
  process.kill(process.pid, 'SIGKILL');
}
