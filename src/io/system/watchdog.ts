import { url as inspectorUrl } from 'node:inspector';
import { Worker } from 'node:worker_threads';

export interface WatchdogOptions {
  /** Time without a turn of the event loop after which the process is ended, in milliseconds; at least 500. */
  readonly stallMs: number;
  /** The watching thread could not be started or has ended: nothing watches any more. */
  readonly onFailure: (error: Error) => void;
}

/** What the watching thread is started with. */
export interface WatchdogThreadData {
  /** One 32-bit counter that grows while the event loop turns. */
  readonly heartbeat: SharedArrayBuffer;
  readonly intervalMs: number;
  readonly stallMs: number;
}

/**
 * Ends this process with SIGKILL, after one line on stderr, when its event loop has not turned for `stallMs`: the
 * answer to bugs in native code that loop without end, for which QUIC libraries have had advisories. A thread of its
 * own watches, so it works whatever the main thread does; it takes about 5 MB. A stopped process (SIGSTOP, a suspended
 * machine) and one that waits in a debugger are not ended.
 *
 * @returns stops watching
 */
export function startWatchdog({ stallMs, onFailure }: WatchdogOptions): () => void {
  const intervalMs = Math.min(1_000, stallMs / LOOKS_PER_STALL);
  const heartbeat = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT);
  const counter = new Int32Array(heartbeat);
  const workerData: WatchdogThreadData = { heartbeat, intervalMs, stallMs };
  const file = new URL(`./watchdog-thread${import.meta.url.slice(-3)}`, import.meta.url);
  const thread = new Worker(file, {
    workerData,
    resourceLimits: { maxOldGenerationSizeMb: 16, maxYoungGenerationSizeMb: 2 },
  });
  thread.on('error', onFailure);
  thread.unref();
  const stop = (): void => {
    clearInterval(timer);
    void thread.terminate();
  };
  const timer = setInterval(() => {
    Atomics.add(counter, 0, 1);
    // A debugger stops the event loop on purpose.
    if (inspectorUrl() !== undefined) stop();
  }, intervalMs);
  timer.unref();
  return stop;
}

const LOOKS_PER_STALL = 5;
