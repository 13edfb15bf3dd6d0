import type { Prng } from '../../../src/base/index.js';
import { DiskLogStore, DiskSnapshotStore, type FileSystem, systemCrc32 } from '../../../src/io/disk/index.js';
import { type StateMachine, type StoredLog, type StoredSnapshot, silentLogger } from '../../../src/ports/index.js';
import type { Restored } from '../../../src/raft/index.js';
import { SimulatedDisk } from '../../../src/testing/index.js';
import {
  decodeSegmentHeader,
  RECORD,
  RECORD_HEAD_BYTES,
  scanSegment,
  segmentSequence,
} from '../../../src/wal/index.js';
import { recordBytes, sealRecord } from '../../../src/wal/record.js';
import type { SimCounts } from './sim-counts.js';
import { earlierSegment } from './sim-leftovers.js';
import type { SimProcess } from './sim-process.js';

/**
 * What happens to a disk while its process is down.
 *
 * - `tail`: there is an unfinished write, whose bits turn: the log is cut there and goes on
 * - `log`: a bit turns that had been durable, and that a later record proves to have been: the log is refused
 * - `snapshot`: a bit of the newest snapshot turns: an older one is taken, or the member is refused
 */
export type Damage = 'none' | 'tail' | 'log' | 'snapshot';

/** Found at a start. */
export interface Found {
  readonly log: StoredLog;
  readonly snapshot: StoredSnapshot | undefined;
}

/** The disk of one member with the stores that production has, over files that crashes tear. */
export class SimStorage {
  readonly disk: SimulatedDisk;
  log!: DiskLogStore;
  snapshots!: DiskSnapshotStore;
  /** To be done to the disk before the next start. */
  damage: Damage = 'none';
  /** Makes every operation take longer. */
  slowness = 1;
  /** Durable bits have turned: it may be refused from now on. */
  wasHarmed = false;
  /** The log was damaged before its tail: the start that is under way must fail. */
  mustRefuse = false;
  /** Complete snapshots there are, oldest first: the older one is kept until the newer one is proven. */
  private kept: number[] = [];
  private isFounded = false;
  private readonly process: SimProcess;
  private readonly random: Prng;
  private readonly counts: SimCounts;

  constructor(process: SimProcess, random: Prng, counts: SimCounts, latencyMs: () => number) {
    this.process = process;
    this.random = random;
    this.counts = counts;
    this.disk = new SimulatedDisk({ clock: process, random, latencyMs: () => this.slowness * latencyMs() });
    // Few logs here get as far as to use a segment again: they all begin in used files.
    for (let used = 1; used <= 2; used += 1) {
      const bytes = earlierSegment(SEGMENT_BYTES, random.int(2 ** 32));
      this.disk.place('log', `recycled-000000000000000${used}.tmp`, bytes);
    }
  }

  /** Does to the disk what was meant for it. Before anything is opened. */
  async suffer(): Promise<void> {
    const { damage } = this;
    this.damage = 'none';
    this.mustRefuse = await this.harm(damage, this.disk.directory('log'), this.disk.directory('snapshots'));
  }

  /** Makes the stores of a new life, not opened yet. */
  make(): void {
    const { process: clock, random } = this;
    this.counts.recycledSegments += (this.log as DiskLogStore | undefined)?.counters.recycled ?? 0;
    const files = this.disk.directory('log');
    const logger = { ...silentLogger, warn: () => this.countCut() };
    this.log = new DiskLogStore({ files, group: 0, clock, random, logger, segmentBytes: SEGMENT_BYTES, retryMs: 50 });
    this.snapshots = new DiskSnapshotStore({ files: this.disk.directory('snapshots'), group: 0, logger: silentLogger });
  }

  /** Makes the founding state durable, unless that was done before. The log is as new afterwards, not opened. */
  async found(founding: Restored | undefined, empty: StateMachine): Promise<void> {
    if (founding === undefined || this.isFounded) return;
    const { hardState } = await this.log.open();
    if (hardState === undefined && founding.snapshot !== undefined) {
      await this.snapshots.save(founding.snapshot, empty.snapshot());
      await this.log.append(founding);
    }
    await this.log.close();
    this.isFounded = true;
    this.make();
  }

  /**
   * Opens the stores, after the founding state was stored.
   *
   * @throws FlotillaError when the disk is damaged or fails
   */
  async open(founding: Restored | undefined, empty: StateMachine): Promise<Found> {
    this.make();
    await this.found(founding, empty);
    const log = await this.log.open();
    const snapshot = await this.snapshots.latest();
    this.kept = snapshot === undefined ? [] : [snapshot.meta.index];
    return { log, snapshot };
  }

  get newestSnapshot(): number {
    return this.kept.at(-1) ?? 0;
  }

  /** A snapshot at `index` is complete: returns up to where the log may go, which the older one still needs. */
  noteSnapshot(index: number): number {
    if (index > (this.kept.at(-1) ?? -1)) this.kept.push(index);
    while (this.kept.length > 2) this.kept.shift();
    return this.kept.length === 2 ? (this.kept[0] as number) : 0;
  }

  private countCut(): void {
    this.counts.tornTails += 1;
  }

  private async harm(damage: Damage, log: FileSystem, snapshots: FileSystem): Promise<boolean> {
    if (damage === 'none') return false;
    if (damage === 'snapshot') {
      await this.harmSnapshot(snapshots);
      return false;
    }
    const names = (await log.list()).filter((name) => segmentSequence(name) !== undefined);
    const places: { readonly name: string; readonly from: number; readonly to: number }[] = [];
    for (const name of names) {
      const isLast = name === names.at(-1);
      if (isLast && damage === 'tail') this.leaveUnfinished(name, await log.read(name));
      const bounds = boundsOf(await log.read(name));
      if (bounds === undefined) continue;
      if (damage === 'log') places.push({ name, from: 0, to: isLast ? bounds.provenTo : bounds.end });
      else if (isLast)
        places.push({
          name,
          from: bounds.end,
          to: Math.min(bounds.sizeBytes, Math.max(bounds.usedTo, bounds.end + GARBAGE_BYTES)),
        });
    }
    const open = places.filter(({ from, to }) => to > from);
    const place = open[open.length - 1 - this.random.int(Math.min(2, open.length) || 1)];
    if (place === undefined) return false;
    for (let flips = damage === 'tail' ? 3 : 1; flips > 0; flips -= 1) this.flip('log', place);
    this.counts[damage === 'tail' ? 'damagedTails' : 'damagedLogs'] += 1;
    this.wasHarmed ||= damage === 'log';
    return damage === 'log';
  }

  /** Part of a record behind the last one. */
  private leaveUnfinished(name: string, segment: Buffer): void {
    const header = decodeSegmentHeader(segment, systemCrc32);
    if (typeof header === 'string') return;
    const { end, chain } = scanSegment(segment, header, systemCrc32, () => undefined);
    const bytes = Buffer.alloc(recordBytes(GARBAGE_BYTES));
    if (end + bytes.length > segment.length) return;
    const fields = { type: RECORD.entries, bodyBytes: GARBAGE_BYTES, chain, synced: end, offset: end };
    sealRecord(bytes, 0, { ...fields, incarnation: header.incarnation }, systemCrc32);
    this.disk.overwrite('log', name, end, bytes.fill(1 + this.random.int(255), RECORD_HEAD_BYTES));
  }

  private async harmSnapshot(files: FileSystem): Promise<void> {
    const name = (await files.list()).filter((one) => one.endsWith('.snap')).at(-1);
    if (name === undefined) return;
    const { length } = await files.read(name);
    this.flip('snapshots', { name, from: 0, to: length });
    this.counts.damagedSnapshots += 1;
    this.wasHarmed = true;
  }

  private flip(directory: string, { name, from, to }: { name: string; from: number; to: number }): void {
    this.disk.corrupt(directory, name, from + this.random.int(to - from), this.random.int(8));
  }
}

/** Where the records end, up to where they are proven to have been durable, and where heads of an unfinished write end. */
function boundsOf(segment: Buffer): { end: number; provenTo: number; usedTo: number; sizeBytes: number } | undefined {
  const header = decodeSegmentHeader(segment, systemCrc32);
  if (typeof header === 'string') return undefined;
  const { end, provenTo, tornTo } = scanSegment(segment, header, systemCrc32, () => undefined);
  return { end, provenTo, usedTo: tornTo, sizeBytes: segment.length };
}

/** As small as can be, so that logs have several. */
const SEGMENT_BYTES = 64 * 1024;
/** What an unfinished write may have left. */
const GARBAGE_BYTES = 100;
