import type { Random } from '../ports/index.js';

/**
 * The content of one simulated file: what those who read it see, and what a crash leaves of it. Knows nothing of time,
 * names or faults.
 */
export class SimulatedDiskFile {
  /** What reads see. */
  current: Buffer = Buffer.alloc(0);
  /** What is on the platter. */
  private durable: Buffer = Buffer.alloc(0);
  /** Changes since, oldest first. */
  private pending: Change[] = [];

  get sizeBytes(): number {
    return this.current.length;
  }

  /** The bytes are copied. Returns a handle for {@link makeDurable}. */
  write(bytes: Uint8Array, position: number): Change {
    const change: Change = { position, bytes: Buffer.from(bytes) };
    this.current = applied(this.current, change);
    this.pending.push(change);
    return change;
  }

  truncate(sizeBytes: number): Change {
    const change: Change = { position: sizeBytes, bytes: undefined };
    this.current = applied(this.current, change);
    this.pending.push(change);
    return change;
  }

  /** The changes so far, to be made durable when a sync that begins now ends. */
  changes(): readonly Change[] {
    return [...this.pending];
  }

  /** These changes survive a crash from now on. */
  makeDurable(changes: readonly Change[]): void {
    const synced = new Set(changes);
    const older: Change[] = [];
    for (const change of this.pending) {
      if (synced.has(change)) {
        this.durable = applied(this.durable, change);
        for (const one of older) supersede(one, change);
      } else older.push(change);
    }
    this.pending = this.pending.filter((change) => !synced.has(change));
  }

  /**
   * A sync of these changes failed: the kernel forgets that they are not on disk. Reads still see them, a later sync
   * does not write them (Rebello et al., USENIX ATC 2020).
   */
  forget(changes: readonly Change[]): void {
    const lost = new Set(changes);
    this.pending = this.pending.filter((change) => !lost.has(change));
  }

  /** Power fails: every change that is not durable is kept, lost, or kept in some of its sectors, in any order. */
  crash(random: Random): void {
    for (const change of this.pending) {
      const fate = random.int(3);
      if (fate === 0) this.durable = applied(this.durable, change);
      else if (fate === 1 && change.bytes !== undefined) this.tear(change.position, change.bytes, random);
    }
    this.pending = [];
    this.current = Buffer.from(this.durable);
  }

  /** A bit of the medium goes bad, for readers too. */
  flipBit(offset: number, bit: number): void {
    for (const content of [this.current, this.durable]) {
      if (offset < content.length) content[offset] = (content[offset] as number) ^ (1 << bit);
    }
  }

  /** The medium holds other bytes from now on, for readers too. Only where nothing waits to be synced. */
  overwrite(bytes: Uint8Array, offset: number): void {
    for (const content of [this.current, this.durable]) content.set(bytes, offset);
  }

  private tear(position: number, bytes: Buffer, random: Random): void {
    let at = 0;
    while (at < bytes.length) {
      const sectorEnd = SECTOR_BYTES - ((position + at) % SECTOR_BYTES);
      const part = bytes.subarray(at, at + sectorEnd);
      if (random.int(2) === 0) this.durable = applied(this.durable, { position: position + at, bytes: part });
      at += part.length;
    }
  }
}

/** A write, or, without bytes, a truncation to `position`. */
export interface Change {
  readonly position: number;
  readonly bytes: Buffer | undefined;
}

/**
 * A kernel has one copy of a page: an older write that reaches the disk after a newer one of the same bytes, because
 * nobody synced it, brings the newer bytes.
 */
function supersede(older: Change, newer: Change): void {
  if (older.bytes === undefined || newer.bytes === undefined) return;
  const from = Math.max(older.position, newer.position);
  const to = Math.min(older.position + older.bytes.length, newer.position + newer.bytes.length);
  if (from < to)
    older.bytes.set(newer.bytes.subarray(from - newer.position, to - newer.position), from - older.position);
}

/** In place where there is room. */
function applied(content: Buffer, { position, bytes }: Change): Buffer {
  if (bytes === undefined) {
    const shorter = Buffer.alloc(position);
    content.copy(shorter, 0, 0, position);
    return shorter;
  }
  const end = position + bytes.length;
  if (end <= content.length) {
    content.set(bytes, position);
    return content;
  }
  const longer = Buffer.alloc(end);
  longer.set(content);
  longer.set(bytes, position);
  return longer;
}

/** What a disk writes whole or not at all. */
const SECTOR_BYTES = 512;
