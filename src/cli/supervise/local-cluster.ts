import { CommandFailure } from '../failure.js';
import { print, printError } from '../output.js';
import { type Ready, readyLine } from '../ready-line.js';
import { ManagedProcess, type ProcessSpec } from './managed-process.js';

export interface LocalClusterSpec {
  /** At least one. They start together: directors that found a cluster wait for one another. */
  readonly directors: readonly ProcessSpec[];
  /** Given where the directors listen. */
  readonly workers: (directors: readonly Ready[]) => readonly ProcessSpec[];
  /** Time for each process to end by itself, in milliseconds. */
  readonly stopTimeoutMs: number;
}

/** Directors and their workers as processes of their own, each started again when it ends by itself. */
export class LocalCluster {
  private readonly spec: LocalClusterSpec;
  private directors: ManagedProcess[] = [];
  private workers: ManagedProcess[] = [];
  private stopping = false;

  constructor(spec: LocalClusterSpec) {
    this.spec = spec;
  }

  /**
   * Resolves, with the directors' ready lines, when all are ready.
   *
   * @throws EndedEarly when a process ends before it is ready; the others go on until `stop` or `kill`
   */
  async start(): Promise<readonly Ready[]> {
    this.directors = this.spec.directors.map((director) => this.manage(director));
    const ready = await Promise.all(this.directors.map((director) => director.start()));
    if (this.stopping) throw new CommandFailure('stopped while starting');
    this.workers = this.spec.workers(ready).map((worker) => this.manage(worker));
    await Promise.all(this.workers.map((worker) => worker.start()));
    return ready;
  }

  /** Drains the workers, which tell the directors that they leave, and then the directors. */
  async stop(): Promise<void> {
    this.stopping = true;
    const { stopTimeoutMs } = this.spec;
    await Promise.all(this.workers.map((worker) => worker.stop(stopTimeoutMs)));
    await Promise.all(this.directors.map((director) => director.stop(stopTimeoutMs)));
  }

  kill(): void {
    this.stopping = true;
    for (const process of [...this.workers, ...this.directors]) process.kill();
  }

  private manage(spec: ProcessSpec): ManagedProcess {
    return new ManagedProcess(spec, {
      onReady: (ready) => print(readyLine(ready)),
      onLine: (line) => print(`[${spec.name}] ${line}`),
      onEnd: (ending, delayMs) =>
        printError(`flotilla: ${spec.name} ended (${ending}); starting it again in ${delayMs / 1_000} s`),
    });
  }
}
