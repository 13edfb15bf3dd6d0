import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The repository's top folder. */
export const ROOT = findRoot(dirname(fileURLToPath(import.meta.url)));

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A compiled program of the repository that a test runs. */
export class Program {
  /** Everything it has written so far, to both outputs and to each. */
  output = '';
  stdout = '';
  stderr = '';
  readonly ended: Promise<Ended>;
  private readonly child: ChildProcess;
  private readonly waiting = new Set<() => void>();

  /**
   * @param path below `dist`, without the extension: `examples/demo/main`. Always the compiled program, because it starts
   * other compiled ones
   */
  constructor(path: string, args: readonly string[], options: { cwd?: string; env?: NodeJS.ProcessEnv } = {}) {
    const file = join(ROOT, 'dist', `${path}.js`);
    if (!existsSync(file)) throw new Error(`${file} is missing: build first`);
    this.child = spawn(process.execPath, [file, ...args], {
      cwd: options.cwd ?? ROOT,
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    running.add(this);
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => this.take('stdout', text));
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => this.take('stderr', text));
    this.ended = new Promise((resolve) => {
      this.child.on('close', (code, signal) => {
        running.delete(this);
        resolve({ code, signal });
        for (const wake of this.waiting) wake();
      });
    });
  }

  kill(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Resolves to the first match in what it writes; rejects with all of that when it ends without one. */
  async until(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this.output);
      if (match !== null) return match;
      if (!running.has(this)) throw new Error(`no ${pattern} in what it wrote:\n${this.output}`);
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.waiting.delete(wake);
          resolve();
        };
        this.waiting.add(wake);
      });
    }
  }

  private take(stream: 'stdout' | 'stderr', text: string): void {
    this[stream] += text;
    this.output += text;
    for (const wake of this.waiting) wake();
  }
}

/** For `afterEach`: whatever a failed test left running. */
export function endPrograms(): void {
  for (const program of running) program.kill('SIGKILL');
}

const running = new Set<Program>();

function findRoot(start: string): string {
  let folder = start;
  while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder);
  return folder;
}
