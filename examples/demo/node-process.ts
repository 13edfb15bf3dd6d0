import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** How a node is started: its name, and the arguments of the `flotilla` command. */
export interface NodeCommand {
  readonly id: string;
  readonly args: readonly string[];
}

/** One `flotilla` process that the demo has started. */
export class NodeProcess {
  readonly id: string;
  /** Where it listens. */
  address = '';
  private readonly child: ChildProcess;
  private readonly errors: string[] = [];
  /** How it ended: `code 0`, `SIGKILL`. */
  private readonly exit: Promise<string>;
  private asked = false;

  private constructor(id: string, child: ChildProcess) {
    this.id = id;
    this.child = child;
    living.add(child);
    this.exit = new Promise((resolve) => {
      const ended = (how: string): void => {
        living.delete(child);
        resolve(how);
      };
      child.once('error', (error) => ended(error.message));
      child.once('exit', (code, signal) => ended(signal ?? `code ${code}`));
    });
    this.eachLine(child.stderr, (line) => {
      if (this.errors.push(line) > ERROR_LINES) this.errors.shift();
    });
  }

  /**
   * Starts a node and resolves when it is ready.
   *
   * @throws Error when it ends before that
   */
  static async start(cli: string, { id, args }: NodeCommand): Promise<NodeProcess> {
    // The channel to this process is how the node notices, whatever happens here, that nobody needs it any more.
    const child = spawn(process.execPath, [cli, ...args, '--exit-with-parent', '--log-level', 'warn'], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const node = new NodeProcess(id, child);
    const address = await Promise.race([node.readyAddress(), node.exit.then(() => undefined)]);
    if (address === undefined) throw new Error(await node.obituary());
    node.address = address;
    return node;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Rejects when the process ends before anybody asked it to. */
  async unexpectedEnd(): Promise<never> {
    await this.exit;
    if (!this.asked) throw new Error(await this.obituary());
    return await new Promise<never>(() => undefined);
  }

  /** Sends a signal and resolves to how the process ended. */
  async end(signal: NodeJS.Signals): Promise<string> {
    this.asked = true;
    this.child.kill(signal);
    return await this.exit;
  }

  /** How it ended, and the last thing it complained about. */
  private async obituary(): Promise<string> {
    const how = await this.exit;
    const words = this.errors.at(-1);
    return `${this.id} ended with ${how}${words === undefined ? '' : `: ${words}`}`;
  }

  private async readyAddress(): Promise<string> {
    return await new Promise((resolve) => {
      this.eachLine(this.child.stdout, (line) => {
        const address = READY.exec(line)?.[1];
        if (address !== undefined) resolve(address);
      });
    });
  }

  private eachLine(input: NodeJS.ReadableStream | null, take: (line: string) => void): void {
    if (input !== null) createInterface({ input }).on('line', take);
  }
}

/** Ends every process that still runs, at once and without a word. */
export function killAll(): void {
  for (const child of living) child.kill('SIGKILL');
}

const READY = /^flotilla: ready .*\baddress=(\S+)/;
const ERROR_LINES = 20;
const living = new Set<ChildProcess>();
