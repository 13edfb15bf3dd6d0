import { FlotillaError } from '../../base/index.js';
import type { HardState } from '../../ports/index.js';
import {
  type Crc32,
  decodeSegmentHeader,
  inspectSegment,
  LogDamage,
  LogRecovery,
  otherVersion,
  type SegmentReport,
} from '../../wal/index.js';
import type { ReadableDirectory } from './file-system.js';
import { inspectSnapshots, type SnapshotInspection } from './inspect-snapshots.js';
import { segmentsAmong, sparesAmong } from './spare-segment.js';

/** One segment file of a log. */
export interface SegmentInspection {
  readonly file: string;
  readonly sequence: number;
  readonly sizeBytes: number;
  /** Bytes up to the end of the records that verify. */
  readonly usedBytes: number;
  readonly records: number;
  readonly entries: number;
  /** Lowest and highest index and term of its entries, those dropped later included; 0 when it has none. */
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly firstTerm: number;
  readonly lastTerm: number;
  /** Indices of the snapshots that replaced the log here. */
  readonly snapshots: readonly number[];
  /** First indices that a newer leader had dropped here. */
  readonly truncations: readonly number[];
  /** `torn`: an unfinished write follows the records. `damaged`: bytes that had been durable do not verify. */
  readonly state: 'clean' | 'torn' | 'damaged';
}

/** Something that is not as it should be. */
export interface LogProblem {
  /** What a start of the node does about it: cuts it (`torn`), goes around it (`bypassed`), or refuses (`damaged`). */
  readonly kind: 'torn' | 'bypassed' | 'damaged';
  readonly file: string;
  readonly offset: number;
  /** `torn`: where the unfinished write ends. */
  readonly endOffset?: number;
  readonly what: string;
  /** What to do. */
  readonly advice: string;
}

/** What the log and the snapshots of one Raft group hold. */
export interface GroupInspection {
  readonly group: number;
  readonly directory: string;
  readonly segments: readonly SegmentInspection[];
  /** Files that are kept to become segments. What they hold is of no account. */
  readonly spare: { readonly files: number; readonly sizeBytes: number };
  /** Oldest first, unfinished ones last. */
  readonly snapshots: readonly SnapshotInspection[];
  /** Term, vote and commit index in force; `undefined` when there is none or the log is damaged. */
  readonly hardState: HardState | undefined;
  /** The entries that a start would find; `undefined` when there are none or the log is damaged. */
  readonly entries: EntryRange | undefined;
  readonly problems: readonly LogProblem[];
}

export interface EntryRange {
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly firstTerm: number;
  readonly lastTerm: number;
}

export interface GroupDirectories {
  /** For messages: where the group is. */
  readonly path: string;
  readonly log: ReadableDirectory;
  readonly snapshots: ReadableDirectory;
  /** The number of the group; `undefined`: as the log says. */
  readonly group: number | undefined;
}

/**
 * Reads one group as a start would, and goes on where a start would refuse. Nothing is changed. A group whose node runs
 * may change between two reads, which can look like damage: what was damaged is read again, and believed when it
 * stays.
 *
 * @throws FlotillaError `DATA_DIR_FOREIGN` when a segment was written by another version
 */
export async function inspectGroup(directories: GroupDirectories, crc32: Crc32): Promise<GroupInspection> {
  let before: string | undefined;
  for (let attempt = 1; ; attempt += 1) {
    try {
      const found = await inspectOnce(directories, crc32);
      const damage = JSON.stringify(found.problems.filter(({ kind }) => kind === 'damaged'));
      if (damage === '[]' || damage === before || attempt === ATTEMPTS_MAX) return found;
      before = damage;
    } catch (error) {
      // Compacted meanwhile.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || attempt === ATTEMPTS_MAX) throw error;
    }
  }
}

async function inspectOnce({ path, log, snapshots, group }: GroupDirectories, crc32: Crc32): Promise<GroupInspection> {
  const walk = new SegmentWalk(log.path, group, crc32);
  const names = await log.list();
  for (const { name, sequence } of segmentsAmong(names)) walk.add(name, sequence, await log.read(name));
  const { recovered } = walk.finish();
  const found = await inspectSnapshots(snapshots, walk.group, crc32);
  const base = recovered?.start.shape.base ?? 0;
  const newest = found.findLast(({ state }) => state === 'good')?.index;
  const problems = [...walk.problems, ...found.flatMap((snapshot) => problemOf(snapshot, newest, base))];
  if (recovered !== undefined && (newest ?? 0) < base) {
    const what = `the log begins behind entry ${base}, and no snapshot that verifies holds what was before`;
    problems.push({ kind: 'damaged', file: snapshots.path, offset: 0, what, advice: REBUILD });
  }
  const entries = recovered?.stored.entries ?? [];
  const [first, last] = [entries[0], entries.at(-1)];
  return {
    group: walk.group,
    directory: path,
    segments: walk.segments,
    spare: await inspectSpare(log, names),
    snapshots: found,
    hardState: recovered?.stored.hardState,
    entries:
      first === undefined || last === undefined
        ? undefined
        : { firstIndex: first.index, lastIndex: last.index, firstTerm: first.term, lastTerm: last.term },
    problems,
  };
}

async function inspectSpare(log: ReadableDirectory, names: readonly string[]): Promise<GroupInspection['spare']> {
  const spare = { files: 0, sizeBytes: 0 };
  for (const name of sparesAmong(names)) {
    const file = await log.open(name);
    spare.files += 1;
    spare.sizeBytes += await file.sizeBytes().finally(() => file.close());
  }
  return spare;
}

/** Recovers segment by segment, and describes those behind the first damage all the same. */
class SegmentWalk {
  readonly segments: SegmentInspection[] = [];
  readonly problems: LogProblem[] = [];
  private readonly path: string;
  private readonly crc32: Crc32;
  private expectedGroup: number | undefined;
  private recovery: LogRecovery | undefined;
  private isDamaged = false;

  constructor(path: string, group: number | undefined, crc32: Crc32) {
    this.path = path;
    this.expectedGroup = group;
    this.crc32 = crc32;
  }

  get group(): number {
    return this.expectedGroup ?? 0;
  }

  add(name: string, sequence: number, bytes: Buffer): void {
    const file = `${this.path}/${name}`;
    const header = decodeSegmentHeader(bytes, this.crc32);
    // Nothing can be said of it, least of all that it is damaged: `repair` would move healthy data aside.
    if (header === 'otherVersion') throw otherVersion(file);
    if (typeof header !== 'string') this.expectedGroup ??= header.group;
    const report = inspectSegment(bytes, this.crc32);
    this.segments.push(describe(file, sequence, bytes.length, report));
    if (!this.isDamaged) this.guard(file, () => this.recover(file, sequence, bytes));
    else this.noteOwnDamage(file, report);
  }

  /** What a start would find; nothing when it would refuse. */
  finish() {
    if (this.isDamaged) return { recovered: undefined };
    const recovered = this.recovery?.finish();
    const last = this.segments.at(-1);
    if (recovered?.cut !== undefined && last !== undefined) {
      const { from, to } = recovered.cut;
      const what = `an unfinished write of at least ${to - from} bytes, of which nothing was acknowledged`;
      const problem = { kind: 'torn', file: last.file, offset: from, endOffset: to, what, advice: CUT } as const;
      this.problems.push(problem);
    }
    return { recovered };
  }

  private recover(file: string, sequence: number, bytes: Buffer): void {
    this.recovery ??= new LogRecovery(this.group, this.crc32);
    this.recovery.segment(file, sequence, bytes);
  }

  private guard(file: string, work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof FlotillaError)) throw error;
      this.isDamaged = true;
      if (error instanceof LogDamage) this.note(error.file, error.offset, error.what, REBUILD);
      else this.note(file, 0, error.message, 'check that the file belongs here');
    }
  }

  /** Behind the first damage: what the segment shows by itself. */
  private noteOwnDamage(file: string, { header, scan }: SegmentReport): void {
    if (typeof header === 'string') this.note(file, 0, 'the header does not verify', REBUILD);
    else if (scan !== undefined && scan.tail !== 'clean')
      this.note(file, scan.end, 'a record does not verify', REBUILD);
  }

  private note(file: string, offset: number, what: string, advice: string): void {
    this.problems.push({ kind: 'damaged', file, offset, what, advice });
  }
}

function describe(file: string, sequence: number, sizeBytes: number, report: SegmentReport): SegmentInspection {
  const { records, entries, firstIndex, lastIndex, firstTerm, lastTerm, snapshots, truncations, scan } = report;
  const counts = { records, entries, firstIndex, lastIndex, firstTerm, lastTerm, snapshots, truncations };
  return { file, sequence, sizeBytes, usedBytes: scan?.end ?? 0, ...counts, state: scan?.tail ?? 'damaged' };
}

/** A damaged snapshot matters as long as the log does not reach back to a good one. */
function problemOf({ file, state, what }: SnapshotInspection, newest: number | undefined, base: number): LogProblem[] {
  if (state !== 'damaged') return [];
  const place = { file, offset: 0, what: what ?? 'it does not verify' };
  if (newest === undefined || newest < base) return [{ kind: 'damaged', ...place, advice: REBUILD }];
  const advice = `the node starts from the snapshot of entry ${newest} instead; the file can be removed`;
  return [{ kind: 'bypassed', ...place, advice }];
}

const REBUILD =
  'stop the node, move its data aside with `flotilla wal repair DIR --discard-damaged`, then remove this director ' +
  'from the cluster and add it again: it is rebuilt from its peers';
const CUT = 'nothing: the node cuts it when it starts, or `flotilla wal repair DIR` does';
const ATTEMPTS_MAX = 4;
