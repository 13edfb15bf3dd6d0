import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** Another program of this folder in a process of its own. */
export class ChildProgram {
  private readonly child: ChildProcess;
  private readonly ended: Promise<unknown>;

  private constructor(child: ChildProcess) {
    this.child = child;
    this.ended = once(child, 'exit');
  }

  /** Starts `./NAME.js` and resolves, with the match, once it prints a line that matches `ready`. */
  static async start(name: string, args: readonly string[], ready: RegExp): Promise<[ChildProgram, RegExpExecArray]> {
    const file = fileURLToPath(new URL(`./${name}.js`, import.meta.url));
    const child = spawn(process.execPath, [file, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    const program = new ChildProgram(child);
    running.add(program);
    void program.ended.then(() => running.delete(program));
    return await new Promise((resolve, reject) => {
      createInterface({ input: child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
        const match = ready.exec(line);
        if (match !== null) resolve([program, match]);
      });
      void program.ended.then(() => reject(new Error(`${name} ended before it was ready`)));
    });
  }

  signal(name: NodeJS.Signals): void {
    this.child.kill(name);
  }

  /** Sends a signal and waits until the process is gone. */
  async end(name: NodeJS.Signals): Promise<void> {
    this.child.kill(name);
    await this.ended;
  }

  /** Ends whatever runs, stopped processes too. */
  static async endAll(): Promise<void> {
    await Promise.all([...running].map((program) => program.end('SIGKILL')));
  }
}

const running = new Set<ChildProgram>();
