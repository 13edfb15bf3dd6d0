/** Runs the compiled `flotilla` in processes of its own, as users do. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { temporaryDirectory } from '../../support/certs.js';

const fromBuild = import.meta.url.endsWith('.js');
const DIST = new URL(fromBuild ? '../../../' : '../../../dist/', import.meta.url);
const MAIN = fileURLToPath(new URL('src/cli/main.js', DIST));
/** What a module given to `--service` imports. */
export const PUBLIC_API = new URL('src/index.js', DIST).href;

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface RunOptions {
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** One directory with certificates, and the processes started in it. */
export class Sandbox {
  readonly dir = temporaryDirectory();
  private readonly running = new Set<Started>();

  /** Runs a command to its end. */
  async run(args: readonly string[], { input = '', env = {} }: RunOptions = {}): Promise<Outcome> {
    const started = this.start(args, env);
    started.child.stdin.end(input);
    return await started.ended;
  }

  /** Starts a command that goes on. */
  start(args: readonly string[], env: Readonly<Record<string, string>> = {}): Started {
    const { FLOTILLA_CONNECT: _unused, ...inherited } = process.env;
    const child = spawn(process.execPath, [MAIN, ...args], {
      cwd: this.dir,
      // What a killed process leaves behind goes with the sandbox.
      env: { ...inherited, TMPDIR: this.dir, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const started = new Started(child);
    this.running.add(started);
    void started.ended.then(() => this.running.delete(started));
    return started;
  }

  /** Writes a file into the directory; returns its path. */
  file(name: string, text: string): string {
    const path = join(this.dir, name);
    writeFileSync(path, text);
    return path;
  }

  /** Ends whatever a test left running, gently first so that `up` takes its processes along. */
  async clean(): Promise<void> {
    const left = [...this.running];
    for (const started of left) started.child.kill('SIGTERM');
    const timer = setTimeout(() => {
      for (const started of left) started.child.kill('SIGKILL');
    }, 20_000);
    await Promise.all(left.map((started) => started.ended));
    clearTimeout(timer);
  }
}

/** A running `flotilla`. */
export class Started {
  readonly child: ChildProcessByStdio<Writable, Readable, Readable>;
  stdout = '';
  stderr = '';
  readonly ended: Promise<Outcome>;
  private over = false;
  private listeners: (() => void)[] = [];

  constructor(child: ChildProcessByStdio<Writable, Readable, Readable>) {
    this.child = child;
    // Whether the command reads its input is its own affair.
    child.stdin.on('error', () => undefined);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.notify();
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.notify();
    });
    this.ended = once(child, 'close').then(([code]) => {
      this.over = true;
      this.notify();
      return { code: code as number | null, stdout: this.stdout, stderr: this.stderr };
    });
  }

  /** The first match in what it has printed or will print; fails when it ends without. */
  async sees(pattern: RegExp, stream: 'stdout' | 'stderr' = 'stdout'): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this[stream]);
      if (match !== null) return match;
      if (this.over) throw new Error(`ended without ${pattern}; it printed:\n${this.stdout}\n${this.stderr}`);
      await new Promise<void>((resolve) => this.listeners.push(resolve));
    }
  }

  /** Sends a signal and waits for the end. */
  async signal(name: NodeJS.Signals): Promise<Outcome> {
    this.child.kill(name);
    return await this.ended;
  }

  private notify(): void {
    const { listeners } = this;
    this.listeners = [];
    for (const listener of listeners) listener();
  }
}

/** Waits until `condition` holds; the test's own timeout bounds it. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 50));
}

export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
