/** Directors as processes, and a client of them in the test's own process that writes all the time. */
import { join } from 'node:path';
import { freePorts } from '../../../src/cli/supervise/free-ports.js';
import {
  connectDirectors,
  type DirectorClient,
  ensureNodeCertificate,
  type GroupStatus,
  type Metadata,
} from '../../../src/index.js';
import { type Outcome, Sandbox, type Started } from './flotilla.js';

/** Directors of one cluster by id, each with an address and a data directory of its own. */
export class Directors {
  readonly sandbox: Sandbox;
  readonly running = new Map<string, Started>();
  private readonly addresses: ReadonlyMap<string, string>;
  private opened: DirectorClient | undefined;

  private constructor(sandbox: Sandbox, addresses: ReadonlyMap<string, string>) {
    this.sandbox = sandbox;
    this.addresses = addresses;
  }

  /** Picks addresses and makes certificates; nothing runs yet. */
  static async prepare(ids: readonly string[], sandbox = new Sandbox()): Promise<Directors> {
    const ports = await freePorts('127.0.0.1', ids.length);
    await sandbox.run(['certs', 'init', '--directors', String(ids.length), '--workers', '0']);
    return new Directors(sandbox, new Map(ids.map((id, at) => [id, `127.0.0.1:${ports[at]}`])));
  }

  address(id: string): string {
    return this.addresses.get(id) ?? '';
  }

  data(id: string): string {
    return join(this.sandbox.dir, 'data', id);
  }

  /** `--peers` with all of them, or those named. */
  peers(ids: Iterable<string> = this.addresses.keys()): string[] {
    return ['--peers', [...ids].map((id) => `${id}=${this.address(id)}`).join(',')];
  }

  /** The process; it may not be ready yet. */
  launch(id: string, ...flags: readonly string[]): Started {
    const common = ['director', '--id', id, '--listen', this.address(id), '--data', this.data(id)];
    const started = this.sandbox.start([...common, '--log-level', 'warn', '--http', '0', ...flags]);
    this.running.set(id, started);
    void started.ended.then(() => {
      if (this.running.get(id) === started) this.running.delete(id);
    });
    return started;
  }

  async start(id: string, ...flags: readonly string[]): Promise<Started> {
    const started = this.launch(id, ...flags);
    await started.sees(/^flotilla: ready role=director .*$/m);
    return started;
  }

  async kill(id: string): Promise<void> {
    await this.running.get(id)?.signal('SIGKILL');
  }

  /** Runs a command that asks one of the directors, or all of them. */
  async run(args: readonly string[], ids: Iterable<string> = this.addresses.keys(), input = ''): Promise<Outcome> {
    const connect = [...ids].map((id) => this.address(id)).join(',');
    return await this.sandbox.run(args, { env: { FLOTILLA_CONNECT: connect }, input });
  }

  /** The same for one that has to succeed: what it printed. */
  async output(args: readonly string[], ids?: Iterable<string>): Promise<string> {
    const { code, stdout, stderr } = await this.run(args, ids);
    if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}: ${stderr}`);
    return stdout;
  }

  async client(): Promise<DirectorClient> {
    const tls = await ensureNodeCertificate({ dir: join(this.sandbox.dir, 'certs'), role: 'client', id: 'client' });
    this.opened ??= await connectDirectors({ directors: [...this.addresses.values()], tls });
    return this.opened;
  }

  /** The metadata group as its leader sees it; `undefined` while there is none. */
  async led(): Promise<GroupStatus | undefined> {
    const client = await this.client();
    const asking = [...this.running.keys()].map(async (id) => {
      const status = await client.status(this.address(id), { timeoutMs: 3_000 }).catch(() => undefined);
      return status?.groups.find((group) => group.id === 0 && group.role === 'leader');
    });
    const leaders = (await Promise.all(asking)).filter((group) => group !== undefined);
    return leaders.sort((a, b) => b.term - a.term)[0];
  }

  async close(): Promise<void> {
    await this.opened?.close();
    // Nothing is learned from draining them.
    await Promise.all([...this.running.keys()].map((id) => this.kill(id)));
  }
}

/** Puts one key after the other, and remembers which were acknowledged. */
export class SteadyWriter {
  readonly acknowledged: string[] = [];
  readonly failures: unknown[] = [];
  private readonly metadata: Metadata;
  private isStopping = false;
  private readonly writing: Promise<void>;

  constructor(metadata: Metadata) {
    this.metadata = metadata;
    this.writing = this.write();
  }

  /** Waits until so many more writes are acknowledged. */
  async writes(count: number): Promise<void> {
    const goal = this.acknowledged.length + count;
    while (this.acknowledged.length < goal) await pause();
  }

  /** Which of the acknowledged writes are not there. */
  async missing(): Promise<string[]> {
    this.isStopping = true;
    await this.writing;
    const present = new Set<string>();
    for await (const { key } of this.metadata.entries({ prefix: PREFIX })) present.add(key);
    return this.acknowledged.filter((key) => !present.has(key));
  }

  private async write(): Promise<void> {
    for (let number = 0; !this.isStopping; number += 1) {
      const key = `${PREFIX}${String(number).padStart(6, '0')}`;
      try {
        await this.metadata.put(key, String(number), { timeoutMs: 60_000 });
        this.acknowledged.push(key);
      } catch (error) {
        this.failures.push(error);
      }
      await pause();
    }
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 10));
}

const PREFIX = 'written/';
