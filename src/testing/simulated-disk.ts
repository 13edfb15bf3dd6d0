import { assert } from '../base/index.js';
import type { DiskFile, Done, FileSystem } from '../io/disk/index.js';
import type { Clock, Random } from '../ports/index.js';
import { type Change, SimulatedDiskFile } from './simulated-disk-file.js';

export interface SimulatedDiskOptions {
  readonly clock: Clock;
  /** Decides what a crash keeps and tears. */
  readonly random: Random;
  /** How long one operation takes, in milliseconds; they are carried out one after the other. Default 0. */
  readonly latencyMs?: () => number;
  /** Room for all files together. Default: no end. */
  readonly capacityBytes?: number;
}

/**
 * A disk for simulations, with as many directories as are asked for. It honours exactly what the interface promises:
 * after a crash, writes that no sync covered are there, lost or torn by sector in any combination, and names that no
 * directory sync covered are as they were at some moment since the last one.
 *
 * Under `SimulatedClock` its operations end at simulated instants; nothing is real I/O.
 */
export class SimulatedDisk {
  /** Writes fail with EIO, syncs too, and what a failed sync should have written is lost with the next crash. */
  isFailing = false;
  /** Overwriting needs as much room as appending, as on file systems that copy on write. */
  isCopyOnWrite = false;
  /** Operations begin and never end, until it is false again; then they end in their order. */
  private stalled = false;
  capacityBytes: number;
  private readonly options: SimulatedDiskOptions;
  private readonly directories = new Map<string, Directory>();
  private readonly held: (() => void)[] = [];
  private busyUntilMs = 0;
  /** Counts crashes and kills. What was opened before one is dead, as its process is: it begins nothing and hears nothing. */
  life = 0;

  constructor(options: SimulatedDiskOptions) {
    this.options = options;
    this.capacityBytes = options.capacityBytes ?? Number.POSITIVE_INFINITY;
  }

  /** The files of one directory; the same content for the same name. Handles are dead after a crash. */
  directory(name: string): FileSystem {
    return new SimulatedFileSystem(this, name, this.names(name));
  }

  get usedBytes(): number {
    let bytes = 0;
    for (const directory of this.directories.values()) {
      for (const file of directory.current.values()) bytes += file.sizeBytes;
    }
    return bytes;
  }

  get isStalled(): boolean {
    return this.stalled;
  }

  set isStalled(value: boolean) {
    this.stalled = value;
    if (!value) for (const run of this.held.splice(0)) run();
  }

  /** Power fails. Operations under way never end; open the directories again. */
  crash(): void {
    this.life += 1;
    this.held.length = 0;
    this.busyUntilMs = 0;
    for (const directory of this.directories.values()) directory.crash(this.options.random);
  }

  /** The process ends, the machine does not: what was written stays in the kernel's memory, synced or not. */
  kill(): void {
    this.life += 1;
    this.held.length = 0;
    this.busyUntilMs = 0;
  }

  /** Flips one bit of a file. */
  corrupt(directory: string, name: string, offset: number, bit = 0): void {
    const file = this.names(directory).current.get(name);
    assert(file !== undefined && offset < file.sizeBytes, 'an existing byte to corrupt');
    file.flipBit(offset, bit);
  }

  /** Puts a file there as an earlier process left it, durably. */
  place(directory: string, name: string, bytes: Uint8Array): void {
    const file = new SimulatedDiskFile();
    file.makeDurable([file.write(bytes, 0)]);
    this.names(directory).place(name, file);
  }

  /** Leaves bytes in a file as a write does that nobody heard of again. No process may run; within the file. */
  overwrite(directory: string, name: string, offset: number, bytes: Uint8Array): void {
    const file = this.names(directory).current.get(name);
    assert(file !== undefined && offset + bytes.length <= file.sizeBytes, 'existing bytes to overwrite');
    file.overwrite(bytes, offset);
  }

  /** Ends an operation of the process that lived in `life` after its time. */
  schedule(life: number, run: () => void): void {
    if (life !== this.life) return;
    const { clock } = this.options;
    this.busyUntilMs = Math.max(this.busyUntilMs, clock.nowMs()) + (this.options.latencyMs?.() ?? 0);
    clock.setTimer(this.busyUntilMs - clock.nowMs(), () => {
      if (this.life !== life) return;
      if (this.stalled) this.held.push(run);
      else run();
    });
  }

  hasRoomFor(bytes: number): boolean {
    return bytes <= 0 || this.usedBytes + bytes <= this.capacityBytes;
  }

  private names(name: string): Directory {
    const known = this.directories.get(name) ?? new Directory();
    this.directories.set(name, known);
    return known;
  }
}

/** Names as they are, as they survive a crash, and what changed in between. */
class Directory {
  readonly current = new Map<string, SimulatedDiskFile>();
  private durable = new Map<string, SimulatedDiskFile>();
  private pending: ((names: Map<string, SimulatedDiskFile>) => void)[] = [];

  change(change: (names: Map<string, SimulatedDiskFile>) => void): void {
    change(this.current);
    this.pending.push(change);
  }

  place(name: string, file: SimulatedDiskFile): void {
    this.current.set(name, file);
    this.durable.set(name, file);
  }

  get changeCount(): number {
    return this.pending.length;
  }

  makeDurable(count: number): void {
    for (const change of this.pending.splice(0, count)) change(this.durable);
  }

  crash(random: Random): void {
    this.makeDurable(random.int(this.pending.length + 1));
    this.pending = [];
    this.current.clear();
    for (const [name, file] of this.durable) {
      file.crash(random);
      this.current.set(name, file);
    }
  }
}

class SimulatedFileSystem implements FileSystem {
  readonly path: string;
  private readonly disk: SimulatedDisk;
  private readonly life: number;
  private readonly names: Directory;

  constructor(disk: SimulatedDisk, path: string, names: Directory) {
    this.disk = disk;
    this.life = disk.life;
    this.path = path;
    this.names = names;
  }

  list(): Promise<readonly string[]> {
    return this.after(() => [...this.names.current.keys()].sort());
  }

  read(name: string): Promise<Buffer> {
    return this.after(() => Buffer.from(this.find(name).current));
  }

  open(name: string): Promise<DiskFile> {
    return this.after(() => new SimulatedHandle(this.disk, this.find(name)));
  }

  create(name: string): Promise<DiskFile> {
    return this.after(() => {
      const file = new SimulatedDiskFile();
      this.names.change((names) => names.set(name, file));
      return new SimulatedHandle(this.disk, file);
    });
  }

  rename(from: string, to: string): Promise<void> {
    return this.after(() => {
      const file = this.find(from);
      this.names.change((names) => {
        names.delete(from);
        names.set(to, file);
      });
    });
  }

  remove(name: string): Promise<void> {
    return this.after(() => this.names.change((names) => names.delete(name)));
  }

  syncDirectory(): Promise<void> {
    const count = this.names.changeCount;
    return this.after(() => {
      if (this.disk.isFailing) throw diskFault('EIO', 'the directory cannot be synced');
      this.names.makeDurable(count);
    });
  }

  private find(name: string): SimulatedDiskFile {
    const file = this.names.current.get(name);
    if (file === undefined) throw diskFault('ENOENT', `${name} does not exist`);
    return file;
  }

  private after<T>(run: () => T): Promise<T> {
    return after(this.disk, this.life, run);
  }
}

class SimulatedHandle implements DiskFile {
  private readonly disk: SimulatedDisk;
  private readonly life: number;
  private readonly file: SimulatedDiskFile;

  constructor(disk: SimulatedDisk, file: SimulatedDiskFile) {
    this.disk = disk;
    this.life = disk.life;
    this.file = file;
  }

  write(bytes: Uint8Array, position: number, done: Done): void {
    const change = this.begin(bytes, position);
    this.disk.schedule(this.life, () => done(change instanceof Error ? change : undefined));
  }

  writeDurably(bytes: Uint8Array, position: number, done: Done): void {
    const change = this.begin(bytes, position);
    if (change instanceof Error) this.disk.schedule(this.life, () => done(change));
    else this.syncOf([change], done);
  }

  sync(done: Done): void {
    this.syncOf(this.file.changes(), done);
  }

  read(position: number, size: number): Promise<Buffer> {
    return after(this.disk, this.life, () => Buffer.from(this.file.current.subarray(position, position + size)));
  }

  async readInto(bytes: Uint8Array, position: number): Promise<number> {
    const found = await this.read(position, bytes.length);
    bytes.set(found);
    return found.length;
  }

  sizeBytes(): Promise<number> {
    return after(this.disk, this.life, () => this.file.sizeBytes);
  }

  truncate(sizeBytes: number): Promise<void> {
    return after(this.disk, this.life, () => void this.file.truncate(sizeBytes));
  }

  close(): Promise<void> {
    return after(this.disk, this.life, () => undefined);
  }

  /** A write takes effect for readers at once; a crash before its end may find all, some or nothing of it. */
  private begin(bytes: Uint8Array, position: number): Change | Error {
    if (this.life !== this.disk.life) return diskFault('EIO', 'the process is dead');
    if (this.disk.isFailing) return diskFault('EIO', 'the write failed');
    const growth = position + bytes.length - this.file.sizeBytes;
    if (!this.disk.hasRoomFor(this.disk.isCopyOnWrite ? bytes.length : growth))
      return diskFault('ENOSPC', 'no space left on device');
    return this.file.write(bytes, position);
  }

  private syncOf(changes: readonly Change[], done: Done): void {
    this.disk.schedule(this.life, () => {
      if (this.disk.isFailing) {
        this.file.forget(changes);
        done(diskFault('EIO', 'the sync failed'));
      } else {
        this.file.makeDurable(changes);
        done(undefined);
      }
    });
  }
}

function after<T>(disk: SimulatedDisk, life: number, run: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    disk.schedule(life, () => {
      try {
        resolve(run());
      } catch (error) {
        reject(error);
      }
    });
  });
}

function diskFault(code: string, message: string): Error {
  return Object.assign(new Error(`${code}: ${message}`), { code });
}
