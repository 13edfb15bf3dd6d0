import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import type {
  HardState,
  LogBatch,
  LogEntry,
  LogIndex,
  MemberId,
  SnapshotMeta,
  Term,
} from '../../../src/ports/index.js';
import { LogRecovery, LogShape, LogWriter, type RecoveredLog, segmentName } from '../../../src/wal/index.js';

export const GROUP = 7;

export function entry(index: number, term: number, data: string | number = `e${index}`): LogEntry {
  const bytes = typeof data === 'number' ? Buffer.alloc(data, index) : Buffer.from(data);
  return { index: index as LogIndex, term: term as Term, type: 'commands', data: bytes };
}

export function hardState(term: number, vote: number | undefined, commit: number): HardState {
  return { term: term as Term, vote: vote as MemberId | undefined, commit: commit as LogIndex };
}

export function snapshotMeta(index: number, term: number): SnapshotMeta {
  return { index: index as LogIndex, term: term as Term, config: Buffer.from('config') };
}

export function batch(parts: Partial<LogBatch>): LogBatch {
  return { snapshot: undefined, entries: [], hardState: undefined, ...parts };
}

/** A log whose segments are buffers: every `write` is one durable write. */
export class BufferLog {
  readonly segments: Buffer[] = [];
  /** Segment (from 0) and offset where each write began. */
  readonly writes: { readonly segment: number; readonly at: number }[] = [];
  readonly writer: LogWriter;
  private readonly segmentBytes: number;
  private readonly leftBehind: readonly Buffer[];

  /** @param leftBehind segments of an earlier log: what the files of this one hold before they are used */
  constructor(segmentBytes = 4096, leftBehind: readonly Buffer[] = []) {
    this.segmentBytes = segmentBytes;
    this.leftBehind = leftBehind;
    const shape = new LogShape(0 as LogIndex, 0 as Term);
    this.writer = new LogWriter({ shape, hardState: undefined, segment: undefined }, crc32);
  }

  write(...batches: LogBatch[]): void {
    for (const one of batches) {
      if (!this.writer.fits(one)) this.roll(one);
      this.writer.add(one);
    }
    this.flush();
  }

  seal(): void {
    this.writer.addSeal();
    this.flush();
  }

  private flush(): void {
    if (this.writer.gatheredBytes === 0) return;
    const { bytes, position } = this.writer.take();
    this.segments.at(-1)!.set(bytes, position);
    this.writes.push({ segment: this.segments.length - 1, at: position });
    this.writer.written();
  }

  private roll(next: LogBatch): void {
    this.flush();
    const sizeBytes = this.writer.segmentBytesFor(next, this.segmentBytes);
    const incarnation = 0x1234_5678 + this.leftBehind.length;
    const segment = Buffer.alloc(sizeBytes);
    this.leftBehind[this.segments.length % this.leftBehind.length]?.copy(segment);
    segment.set(this.writer.roll({ group: GROUP, incarnation, sizeBytes }));
    this.segments.push(segment);
  }
}

export function recover(segments: readonly Buffer[], group = GROUP): RecoveredLog {
  const recovery = new LogRecovery(group, crc32);
  for (const [at, bytes] of segments.entries()) recovery.segment(segmentName(at + 1), at + 1, bytes);
  return recovery.finish();
}

/** Files of zeros, and files that held the same records in an earlier life: the worst that can stand behind a tail. */
export const beginnings: fc.Arbitrary<'new' | 'used'> = fc.constantFrom('new', 'used');

export function logOn(files: 'new' | 'used', segmentBytes: number, written: readonly LogBatch[]): BufferLog {
  if (files === 'new') return new BufferLog(segmentBytes);
  const earlier = new BufferLog(segmentBytes);
  for (const one of [...written, ...written.slice(-1)]) earlier.write(one);
  return new BufferLog(segmentBytes, earlier.segments);
}

/** What a log should hold after some batches, the plain way. */
export class ModelLog {
  entries: LogEntry[] = [];
  hardState: HardState | undefined;

  apply({ snapshot, entries, hardState }: LogBatch): void {
    if (snapshot !== undefined) this.entries = [];
    const first = entries[0];
    if (first !== undefined) this.entries = [...this.entries.filter((kept) => kept.index < first.index), ...entries];
    this.hardState = hardState ?? this.hardState;
  }
}

/** Any sequence of batches that a Raft core may hand out: appends, conflicting suffixes, votes, snapshots. */
export const batches: fc.Arbitrary<LogBatch[]> = fc
  .array(
    fc.record({
      kind: fc.constantFrom('append', 'append', 'append', 'overwrite', 'vote', 'snapshot'),
      count: fc.integer({ min: 1, max: 4 }),
      bytes: fc.integer({ min: 0, max: 300 }),
      back: fc.integer({ min: 0, max: 5 }),
      withState: fc.boolean(),
    }),
    { minLength: 1, maxLength: 25 },
  )
  .map((steps) => {
    let [last, term, floor] = [0, 1, 0];
    return steps.map(({ kind, count, bytes, back, withState }) => {
      if (kind === 'vote') {
        term += 1;
        return batch({ hardState: hardState(term, 3, floor) });
      }
      let snapshot: SnapshotMeta | undefined;
      if (kind === 'snapshot') {
        last += back;
        floor = last;
        snapshot = snapshotMeta(last, term);
      }
      if (kind === 'overwrite') {
        last = Math.max(floor, last - back);
        term += 1;
      }
      const entries = Array.from({ length: count }, (_, at) => entry(last + 1 + at, term, bytes));
      last += count;
      return batch({ snapshot, entries, hardState: withState ? hardState(term, undefined, floor) : undefined });
    });
  });
