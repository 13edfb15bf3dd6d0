import { Prng } from '../../../src/base/index.js';
import { DiskLogStore } from '../../../src/io/disk/index.js';
import {
  type LogBatch,
  type LogEntry,
  type LogIndex,
  type StoredLog,
  silentLogger,
  type Term,
} from '../../../src/ports/index.js';
import { SimulatedClock, SimulatedDisk } from '../../../src/testing/index.js';
import { segmentSequence } from '../../../src/wal/index.js';

export const SEGMENT_BYTES = 64 * 1024;

/** A log store on a simulated disk that can be crashed and opened again. */
export class LogHarness {
  readonly clock = new SimulatedClock();
  readonly random: Prng;
  readonly disk: SimulatedDisk;
  store: DiskLogStore;

  constructor(seed: string | number = 1, latencyMs = 0.2) {
    this.random = new Prng(seed);
    const random = this.random.fork('disk');
    this.disk = new SimulatedDisk({ clock: this.clock, random, latencyMs: () => latencyMs });
    this.store = this.makeStore();
  }

  async open(): Promise<StoredLog> {
    this.store = this.makeStore();
    return this.run(this.store.open());
  }

  /** Names of files in the log's directory. */
  async names(): Promise<readonly string[]> {
    return this.run(this.disk.directory('log').list());
  }

  async segments(): Promise<readonly string[]> {
    return (await this.names()).filter((name) => segmentSequence(name) !== undefined);
  }

  async recycled(): Promise<readonly string[]> {
    return (await this.names()).filter((name) => name.startsWith('recycled-'));
  }

  /** Lets simulated time pass until the promise settles. */
  async run<T>(promise: Promise<T>): Promise<T> {
    let isSettled = false;
    const settle = () => {
      isSettled = true;
    };
    promise.then(settle, settle);
    await this.clock.runUntil(() => isSettled, 60_000);
    if (!isSettled) throw new Error('expected: a promise that settles within a simulated minute');
    return promise;
  }

  private makeStore(): DiskLogStore {
    return new DiskLogStore({
      files: this.disk.directory('log'),
      group: 1,
      clock: this.clock,
      random: this.random,
      logger: silentLogger,
      segmentBytes: SEGMENT_BYTES,
    });
  }
}

export function entryOf(index: number, term = 1, bytes = 100): LogEntry {
  return { index: index as LogIndex, term: term as Term, type: 'commands', data: Buffer.alloc(bytes, index) };
}

export function batchOf(...entries: LogEntry[]): LogBatch {
  return { snapshot: undefined, entries, hardState: undefined };
}

export function indices(stored: StoredLog): number[] {
  return stored.entries.map(({ index }) => index);
}
