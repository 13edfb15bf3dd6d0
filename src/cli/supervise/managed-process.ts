import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { parseReadyLine, type Ready } from '../ready-line.js';
import { RestartBackoff } from './restart-backoff.js';

/** How a process ended: `exit code 1`, `SIGKILL`. */
export type Ending = string;

export interface ProcessSpec {
  /** How messages name it: `worker w1`. */
  readonly name: string;
  /** The arguments of `flotilla`; asked for at each start, with what it said when it was ready the last time. */
  readonly args: (last: Ready | undefined) => readonly string[];
}

export interface ProcessEvents {
  /** Each time it is ready. */
  readonly onReady: (ready: Ready) => void;
  /** It printed another line. */
  readonly onLine: (line: string) => void;
  /** It ended by itself; it is started again after `delayMs`. */
  readonly onEnd: (ending: Ending, delayMs: number) => void;
}

/** A `flotilla` process that is started again when it ends by itself, once it has been ready for the first time. */
export class ManagedProcess {
  readonly name: string;
  private readonly spec: ProcessSpec;
  private readonly events: ProcessEvents;
  private readonly backoff = new RestartBackoff();
  private child: ChildProcess | undefined;
  private ended: Promise<void> = Promise.resolve();
  private restart: NodeJS.Timeout | undefined;
  private last: Ready | undefined;
  private stopping = false;

  constructor(spec: ProcessSpec, events: ProcessEvents) {
    this.name = spec.name;
    this.spec = spec;
    this.events = events;
  }

  /** Starts it. Resolves when it is ready; rejects with an {@link EndedEarly} when it ends before. */
  start(): Promise<Ready> {
    return new Promise((resolve, reject) => {
      this.run(resolve, (ending, exitCode) => reject(new EndedEarly(this.name, ending, exitCode)));
    });
  }

  /** Asks it to drain; kills it when it has not ended after `timeoutMs`. */
  async stop(timeoutMs: number): Promise<void> {
    this.stopping = true;
    clearTimeout(this.restart);
    this.child?.kill('SIGTERM');
    const timer = setTimeout(() => this.kill(), timeoutMs);
    await this.ended;
    clearTimeout(timer);
  }

  /** Ends it at once, for good. */
  kill(): void {
    this.stopping = true;
    clearTimeout(this.restart);
    this.child?.kill('SIGKILL');
  }

  private run(onFirstReady?: (ready: Ready) => void, onEarlyEnd?: (ending: Ending, code: number | null) => void): void {
    const startedMs = performance.now();
    let ready = false;
    const { last } = this;
    this.last = undefined;
    const child = spawnFlotilla(this.spec.args(last));
    this.child = child;
    readLines(child.stdout, (line) => {
      const parsed = parseReadyLine(line);
      if (parsed === undefined) {
        this.events.onLine(line);
        return;
      }
      ready = true;
      this.last = parsed;
      this.events.onReady(parsed);
      onFirstReady?.(parsed);
    });
    this.ended = new Promise((resolve) => {
      const onEnd = (ending: Ending, exitCode: number | null): void => {
        if (this.child !== child) return;
        this.child = undefined;
        resolve();
        if (this.stopping) return;
        if (onEarlyEnd !== undefined && !ready) onEarlyEnd(ending, exitCode);
        else this.restartAfter(ending, ready ? performance.now() - startedMs : 0);
      };
      child.once('error', (error) => onEnd(error.message, null));
      // After `close` all its lines have been read.
      child.once('close', (code, signal) => onEnd(signal ?? `exit code ${code}`, code));
    });
  }

  private restartAfter(ending: Ending, readyForMs: number): void {
    const delayMs = this.backoff.next(readyForMs);
    this.events.onEnd(ending, delayMs);
    this.restart = setTimeout(() => this.run(), delayMs);
  }
}

/** A process ended before it was ready for the first time; it has said why on stderr. */
export class EndedEarly extends Error {
  override readonly name = 'EndedEarly';
  readonly exitCode: number | null;

  constructor(process: string, ending: Ending, exitCode: number | null) {
    super(`${process} ended before it was ready (${ending})`);
    this.exitCode = exitCode;
  }
}

function spawnFlotilla(args: readonly string[]): ChildProcess & { readonly stdout: Readable } {
  const main = fileURLToPath(new URL(`../main${import.meta.url.slice(-3)}`, import.meta.url));
  return spawn(process.execPath, [...process.execArgv, main, ...args, '--exit-with-parent'], {
    // The channel closes when this process ends, however it does: that is what --exit-with-parent waits for.
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    // A group of its own: Ctrl-C reaches only the parent, which stops its processes in order.
    detached: process.platform !== 'win32',
    windowsHide: true,
  }) as ChildProcess & { readonly stdout: Readable };
}

function readLines(stream: Readable, onLine: (line: string) => void): void {
  createInterface({ input: stream }).on('line', onLine);
}
