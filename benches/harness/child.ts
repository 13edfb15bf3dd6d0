import { type ChildProcess, fork } from 'node:child_process';

/**
 * A process of the bench, talked to over its IPC channel: `request` runs a named handler there.
 * When the child ends unasked, every pending and later request rejects with a line that names it.
 */
export class Child {
  private readonly name: string;
  private readonly process: ChildProcess;
  private readonly pending = new Map<number, Pending>();
  private nextId = 1;
  private ended: string | undefined;
  private stopping = false;

  /** `entry` is the module to run, resolved against `base` (an `import.meta.url`), written with `.js`. */
  constructor(name: string, entry: string, base: string, args: readonly string[] = []) {
    this.name = name;
    const file = new URL(base.endsWith('.ts') ? entry.replace(/\.js$/, '.ts') : entry, base);
    this.process = fork(file, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.process.on('message', (message) => this.onMessage(message as ChildMessage));
    this.process.on('error', (error) => this.onEnd(error.message));
    this.process.on('exit', (code, signal) => this.onEnd(signal ?? `exit code ${code}`));
  }

  get pid(): number | undefined {
    return this.process.pid;
  }

  /** Runs the handler `method` in the child; `onEvent` hears of the events it emits meanwhile. */
  request<T>(method: string, args?: unknown, onEvent?: (event: string) => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.ended !== undefined) {
        reject(new Error(`${this.name} has ended: ${this.ended}`));
        return;
      }
      const id = this.nextId++;
      this.pending.set(id, { resolve: resolve as (value: unknown) => void, reject, onEvent });
      this.process.send({ id, method, args } satisfies Request);
    });
  }

  /** Ends the child without asking it. */
  kill(): void {
    this.process.kill('SIGKILL');
  }

  /** Ends the child: it is asked first, and killed when it does not go. */
  async stop(): Promise<void> {
    if (this.stopping || this.ended !== undefined) return;
    this.stopping = true;
    const gone = new Promise<void>((resolve) => this.process.once('exit', () => resolve()));
    const kill = setTimeout(() => this.process.kill('SIGKILL'), STOP_TIMEOUT_MS);
    this.process.disconnect();
    await gone;
    clearTimeout(kill);
  }

  private onMessage(message: ChildMessage): void {
    const pending = this.pending.get(message.id);
    if (pending === undefined) return;
    if (message.event !== undefined) {
      pending.onEvent?.(message.event);
      return;
    }
    this.pending.delete(message.id);
    if (message.error !== undefined) pending.reject(new Error(`${this.name}: ${message.error}`));
    else pending.resolve(message.value);
  }

  private onEnd(how: string): void {
    if (this.ended !== undefined) return;
    this.ended = how;
    for (const pending of this.pending.values()) pending.reject(new Error(`${this.name} ended: ${how}`));
    this.pending.clear();
  }
}

/** A handler of a child's requests; `emit` sends an event to the requester before the answer. */
export type RequestHandler = (args: never, emit: (event: string) => void) => unknown;

/** The child's side: answers requests by name until the parent goes away, then exits. */
export function serveRequests(handlers: Readonly<Record<string, RequestHandler>>): void {
  process.on('message', (request: Request) => {
    const { id, method, args } = request;
    const handler = handlers[method];
    const emit = (event: string) => reply({ id, event });
    Promise.resolve()
      .then(() => {
        if (handler === undefined) throw new Error(`no handler for ${method}`);
        return handler(args as never, emit);
      })
      .then(
        (value) => reply({ id, value }),
        (error: unknown) => reply({ id, error: error instanceof Error ? error.message : String(error) }),
      );
  });
  process.on('disconnect', () => process.exit(0));
}

/** CPU time of this process so far, user and system, in microseconds. */
export function cpuUs(): number {
  const usage = process.cpuUsage();
  return usage.user + usage.system;
}

function reply(message: ChildMessage): void {
  if (process.connected) process.send?.(message);
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Error) => void;
  readonly onEvent: ((event: string) => void) | undefined;
}

interface Request {
  readonly id: number;
  readonly method: string;
  readonly args: unknown;
}

interface ChildMessage {
  readonly id: number;
  readonly event?: string;
  readonly value?: unknown;
  readonly error?: string;
}

const STOP_TIMEOUT_MS = 5_000;
