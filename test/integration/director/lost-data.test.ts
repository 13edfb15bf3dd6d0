import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  ClusterClient,
  DevelopmentCa,
  Director,
  type DirectorOptions,
  type FlotillaError,
  formatAddress,
  type NodeRole,
} from '../../../src/index.js';
import { temporaryDirectory } from '../../support/certs.js';

/** Directors in this process, on real sockets and files. */
class Directors {
  readonly running: Director[] = [];
  private readonly dir = temporaryDirectory();
  private readonly ca = DevelopmentCa.ephemeral();

  async start(id: string, options: Partial<DirectorOptions>): Promise<Director> {
    const tls = await this.tls('director', id);
    const dataDir = this.dataDir(id);
    const director = await Director.start({ id, listen: '127.0.0.1:0', dataDir, tls, raft: RAFT, ...options });
    this.running.push(director);
    return director;
  }

  /** Adds `id` to the cluster of `director`. */
  async add(director: Director, id: string): Promise<void> {
    const tls = await this.tls('client', 'operator');
    const client = await ClusterClient.connect({ directors: [formatAddress(director.address)], tls });
    await client.admin.addDirector(id);
    await client.close();
  }

  dataDir(id: string): string {
    return join(this.dir, id);
  }

  async close(): Promise<void> {
    await Promise.all(this.running.map((director) => director.close()));
  }

  private async tls(role: NodeRole, id: string) {
    const ca = await this.ca;
    const { certPem, keyPem } = await ca.issue({ role, id });
    return { ca: ca.certPem, cert: certPem, key: keyPem };
  }
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return await promise.then(
    () => 'nothing',
    (error: FlotillaError) => error.code,
  );
}

describe('a director that lost a part of its data directory', function () {
  this.timeout(60_000);
  let directors: Directors;
  beforeEach(() => {
    directors = new Directors();
  });
  afterEach(() => directors.close());

  it('does not go on as a founder that has forgotten its votes', async () => {
    const director = await directors.start('d1', {});
    await director.close();
    const log = join(directors.dataDir('d1'), 'groups', '0', 'log');
    await rm(log, { recursive: true });
    expect(await codeOf(directors.start('d1', {}))).to.equal('MEMBER_DATA_LOST');
    // Refused is not repaired: the next start says the same.
    expect(await codeOf(directors.start('d1', {}))).to.equal('MEMBER_DATA_LOST');
  });

  it('does not go on as a member that was added and has forgotten its votes', async () => {
    const first = await directors.start('d1', {});
    const seed = formatAddress(first.address);
    await first.metadata.put('a', '1');
    await directors.add(first, 'd2');
    const second = await directors.start('d2', { join: seed });
    await second.close();
    await rm(join(directors.dataDir('d2'), 'groups'), { recursive: true });
    expect(await codeOf(directors.start('d2', { join: seed }))).to.equal('MEMBER_DATA_LOST');
  });

  it('does not found a cluster on the logs of another one', async () => {
    const director = await directors.start('d1', {});
    await director.metadata.put('a', 'of the cluster before');
    await director.close();
    await rm(join(directors.dataDir('d1'), 'node.json'));
    expect(await codeOf(directors.start('d1', {}))).to.equal('DATA_DIR_FOREIGN');
  });

  it('does not join a cluster with the logs of another one', async () => {
    const old = await directors.start('d2', {});
    await old.metadata.put('a', 'of the cluster before');
    await old.close();
    const first = await directors.start('d1', {});
    await directors.add(first, 'd2');
    await rm(join(directors.dataDir('d2'), 'node.json'));
    const seed = formatAddress(first.address);
    expect(await codeOf(directors.start('d2', { join: seed }))).to.equal('DATA_DIR_FOREIGN');
    // As the message says: with the old logs out of the way it joins, under the id that nobody has taken yet.
    await mkdir(join(directors.dataDir('d2'), 'aside'));
    await rename(join(directors.dataDir('d2'), 'groups'), join(directors.dataDir('d2'), 'aside', 'groups'));
    const second = await directors.start('d2', { join: seed });
    expect(second.clusterId).to.equal(first.clusterId);
  });
});

const RAFT = { electionTimeoutMs: 500, heartbeatIntervalMs: 50 } as const;
