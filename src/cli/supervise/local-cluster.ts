import { CommandFailure } from '../failure.js';
import { print, printError } from '../output.js';
import { type Ready, readyLine } from '../ready-line.js';
import { ManagedProcess, type ProcessSpec } from './managed-process.js';

export interface LocalClusterSpec {
  readonly director: ProcessSpec;
  /** Given where the director listens. */
  readonly workers: (director: Ready) => readonly ProcessSpec[];
  /** Time for each process to end by itself, in milliseconds. */
  readonly stopTimeoutMs: number;
}

/** A director and its workers as processes of their own, each started again when it ends by itself. */
export class LocalCluster {
  private readonly spec: LocalClusterSpec;
  private director: ManagedProcess | undefined;
  private workers: ManagedProcess[] = [];
  private stopping = false;

  constructor(spec: LocalClusterSpec) {
    this.spec = spec;
  }

  /**
   * Resolves, with the director's ready line, when all are ready.
   *
   * @throws EndedEarly when a process ends before it is ready; the others go on until `stop` or `kill`
   */
  async start(): Promise<Ready> {
    this.director = this.manage(this.spec.director);
    const director = await this.director.start();
    if (this.stopping) throw new CommandFailure('stopped while starting');
    this.workers = this.spec.workers(director).map((worker) => this.manage(worker));
    await Promise.all(this.workers.map((worker) => worker.start()));
    return director;
  }

  /** Drains the workers, which tell the director that they leave, and then the director. */
  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.workers.map((worker) => worker.stop(this.spec.stopTimeoutMs)));
    await this.director?.stop(this.spec.stopTimeoutMs);
  }

  kill(): void {
    this.stopping = true;
    for (const process of [...this.workers, this.director]) process?.kill();
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
