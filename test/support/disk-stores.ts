import { type NodeId, Prng } from '../../src/base/index.js';
import type { GroupLogStore } from '../../src/drivers/raft/index.js';
import { DiskLogStore, DiskSnapshotStore } from '../../src/io/disk/index.js';
import { type SnapshotStore, silentLogger } from '../../src/ports/index.js';
import { type SimulatedClock, SimulatedDisk } from '../../src/testing/index.js';
import { TEST_GROUP } from './group-network.js';

/** A simulated disk for each node, and the stores on it. */
export class DiskStores {
  readonly disks = new Map<NodeId, SimulatedDisk>();
  private readonly latencyMs: number;

  constructor(latencyMs = 0.2) {
    this.latencyMs = latencyMs;
  }

  diskOf(node: NodeId): SimulatedDisk {
    const disk = this.disks.get(node);
    if (disk === undefined) throw new Error(`expected a disk of ${node}`);
    return disk;
  }

  readonly stores = (clock: SimulatedClock, node: NodeId) => {
    const random = new Prng(`disk of ${node}`);
    const disk = new SimulatedDisk({ clock, random, latencyMs: () => this.latencyMs });
    this.disks.set(node, disk);
    return (): { log: GroupLogStore; snapshots: SnapshotStore } => ({
      log: new DiskLogStore({
        ...{ files: disk.directory('log'), group: TEST_GROUP, clock, random, logger: silentLogger },
        segmentBytes: 64 * 1024,
      }),
      snapshots: new DiskSnapshotStore({ files: disk.directory('snapshots'), group: TEST_GROUP, logger: silentLogger }),
    });
  };
}
