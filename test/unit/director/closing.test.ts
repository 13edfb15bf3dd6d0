import { crc32 } from 'node:zlib';
import { expect } from 'chai';
import { FlotillaError, nodeId, Prng } from '../../../src/base/index.js';
import { channelOpener } from '../../../src/client/index.js';
import { parseOptions } from '../../../src/config/index.js';
import { DirectorNode } from '../../../src/director/index.js';
import type { DirectorStorage, GroupStores, UserGroup } from '../../../src/director/storage.js';
import type { RaftGroup } from '../../../src/drivers/raft/index.js';
import { MemoryLogStore, MemorySnapshotStore } from '../../../src/io/memory/index.js';
import { KvMachine } from '../../../src/kv/index.js';
import { type GroupId, type LogBatch, silentLogger } from '../../../src/ports/index.js';
import { createMemoryNetwork, SimulatedClock, testIdentity } from '../../../src/testing/index.js';

type Done = (error: FlotillaError | undefined) => void;

/** A log on a disk that can hang or break. */
class Disk extends MemoryLogStore {
  isOpen = false;
  hangs = false;
  breaks = false;
  private isWriting = false;
  private readonly held: (() => void)[] = [];
  private readonly waiting: (() => void)[] = [];

  override open() {
    this.isOpen = true;
    return super.open();
  }

  override write(batch: LogBatch, done: Done): void {
    if (this.breaks) queueMicrotask(() => done(new FlotillaError('DISK_FAILED', 'the disk broke')));
    else if (this.hangs) {
      this.isWriting = true;
      this.held.push(() => super.write(batch, done));
    } else super.write(batch, done);
  }

  override async compact(): Promise<void> {
    if (this.hangs) await new Promise<void>((resolve) => this.held.push(resolve));
  }

  /** As the real one: waits for what is being written. */
  override async close(): Promise<void> {
    if (this.isWriting) await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.isOpen = false;
  }

  answers(): void {
    this.hangs = false;
    for (const write of this.held.splice(0)) write();
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}

class World {
  readonly clock = new SimulatedClock();
  readonly disks = new Map<number, Disk>();
  /** Groups whose logs were open when others were let at the data directory; `undefined`: they were not. */
  openAtRelease: readonly number[] | undefined;
  readonly director: DirectorNode;

  constructor(userGroups: readonly UserGroup[] = []) {
    const { clock } = this;
    const random = new Prng('closing');
    const settings = parseOptions({});
    const identity = testIdentity('director', 'd1');
    const address = { host: '127.0.0.1', port: 7_401 };
    const endpoint = createMemoryNetwork({ clock, random }).createEndpoint({ identity, address });
    const runtime = { identity, endpoint, bulkEndpoint: undefined, clock, random, logger: silentLogger };
    const { raft, compression, gossip, lease } = settings;
    this.director = new DirectorNode({
      ...{ runtime, address, raft, compression, gossip, userGroups },
      storage: this.storage(),
      peers: undefined,
      join: [],
      node: nodeId('d1'),
      open: channelOpener(runtime, settings),
      checksum: crc32,
      machine: new KvMachine(crc32),
      leaseMs: lease.ttlMs,
      ticketRotationMs: 0,
      heartbeatMs: 500,
      version: 'test',
      operators: undefined,
      services: [],
      interceptors: [],
      limits: {},
      replyCompression: { algorithm: 'gzip', aboveBytes: Number.POSITIVE_INFINITY },
    });
  }

  async until(condition: () => boolean): Promise<void> {
    if (!(await this.clock.runUntil(condition, 60_000))) throw new Error('not within a minute of virtual time');
  }

  /** The code that `promise` fails with. */
  async codeOf(promise: Promise<unknown>): Promise<string> {
    let code: string | undefined;
    promise.then(
      () => {
        code = 'nothing';
      },
      (error: FlotillaError) => {
        code = error.code;
      },
    );
    await this.until(() => code !== undefined);
    return code as string;
  }

  private storage(): DirectorStorage {
    let record: unknown;
    const groups = new Map<GroupId, GroupStores>();
    return {
      isDurable: true,
      record: {
        read: async () => record,
        write: async (value) => {
          record = value;
        },
      },
      group: async (id) => {
        const store = new Disk();
        const stores = groups.get(id) ?? { store, snapshots: new MemorySnapshotStore() };
        if (!groups.has(id)) this.disks.set(id, store);
        groups.set(id, stores);
        return stores;
      },
      initialState: async () => undefined,
      close: async () => {
        this.openAtRelease ??= [...this.disks].filter(([, { isOpen }]) => isOpen).map(([id]) => id);
      },
    };
  }
}

function groupThatRestores(restore: () => Promise<void>): UserGroup {
  return {
    id: 1,
    machine: {
      apply: (_index, commands) => commands.map(() => Buffer.alloc(0)),
      snapshot: async function* () {
        yield Buffer.from('state');
      },
      restore,
    },
  };
}

describe('director: what it leaves behind when it closes', () => {
  it('keeps its data directory from others for as long as a write of its own hangs', async () => {
    const world = new World();
    expect(await world.codeOf(world.director.begin())).to.equal('nothing');
    const disk = world.disks.get(0) as Disk;
    disk.hangs = true;
    world.director.metadata.put('a', '1').catch(() => undefined);
    await world.clock.advance(100);
    expect(await world.codeOf(world.director.close())).to.equal('nothing');
    expect(world.openAtRelease).to.equal(undefined);
    disk.answers();
    await world.until(() => world.openAtRelease !== undefined);
    expect(world.openAtRelease).to.deep.equal([]);
  });

  it('keeps it until the files are removed that a snapshot has made superfluous', async () => {
    const world = new World();
    expect(await world.codeOf(world.director.begin())).to.equal('nothing');
    const disk = world.disks.get(0) as Disk;
    disk.hangs = true;
    const group = world.director.group(0) as RaftGroup;
    expect(await world.codeOf(group.snapshotNow())).to.equal('nothing');
    const closing = world.codeOf(world.director.close());
    await world.clock.advance(1_000);
    expect(world.openAtRelease).to.equal(undefined);
    disk.answers();
    expect(await closing).to.equal('nothing');
    expect(world.openAtRelease).to.deep.equal([]);
  });

  it('runs none of its groups when one of them does not start', async () => {
    const broken = new FlotillaError('SNAPSHOT_CORRUPT', 'it cannot be read');
    const world = new World([groupThatRestores(() => Promise.reject(broken))]);
    expect(await world.codeOf(world.director.begin())).to.equal('SNAPSHOT_CORRUPT');
    expect(await world.codeOf(world.director.close())).to.equal('nothing');
    expect(world.openAtRelease).to.deep.equal([]);
  });

  it('does not start when a disk fails while its groups are starting', async () => {
    let proceed = (): void => undefined;
    const slow = new Promise<void>((resolve) => {
      proceed = resolve;
    });
    const world = new World([
      groupThatRestores(() => {
        (world.disks.get(0) as Disk).breaks = true;
        return slow;
      }),
    ]);
    const starting = world.codeOf(world.director.begin());
    await world.clock.advance(10_000);
    proceed();
    expect(await starting).to.equal('DISK_FAILED');
    expect((await world.director.failed).code).to.equal('DISK_FAILED');
    expect(world.openAtRelease).to.deep.equal([]);
  });
});
