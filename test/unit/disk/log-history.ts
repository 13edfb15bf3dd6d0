import { expect } from 'chai';
import type { Prng } from '../../../src/base/index.js';
import { systemCrc32 } from '../../../src/io/disk/index.js';
import type { HardState, LogBatch, LogEntry, LogIndex, StoredLog, Term } from '../../../src/ports/index.js';
import { decodeSegmentHeader, scanSegment } from '../../../src/wal/index.js';
import { entryOf, LogHarness } from './log-harness.js';

/** What happened in histories, so that a test can see that it happened at all. */
export interface HistoryCounts {
  lives: number;
  reused: number;
  refused: number;
  flippedTails: number;
  flippedLeftovers: number;
  torn: number;
}

/** A log as it must be: the place before its first entry, its entries, term and vote. */
interface LogState {
  readonly base: number;
  readonly entries: readonly string[];
  readonly hardState: string;
}

/**
 * One log under a random history of appends, truncations, votes, snapshots and compactions, of crashes and kills at any
 * moment, and of bits that turn. After each life it must hold what was acknowledged, and of what was not any first part;
 * or refuse when a bit turned that had been durable.
 */
export class LogHistory {
  private readonly log: LogHarness;
  private readonly random: Prng;
  private readonly counts: HistoryCounts;
  /** After each record that was given to the log, since the last start; those before `certain` are past. */
  private states: LogState[] = [{ base: 0, entries: [], hardState: 'none' }];
  private certain = 0;
  private term = 1;
  private compacted = 0;

  constructor(seed: number, counts: HistoryCounts) {
    this.log = new LogHarness(seed);
    this.random = this.log.random.fork('history');
    this.counts = counts;
  }

  async run(lives: number): Promise<void> {
    for (let life = 0; life < lives; life += 1) {
      this.check(await this.log.open());
      this.counts.lives += 1;
      const steps = 10 + this.random.int(40);
      for (let step = 0; step < steps; step += 1) await this.step();
      // Most ends come in the middle of a write.
      for (let burst = this.random.int(4); burst > 0; burst -= 1) this.append(0);
      if (this.random.chance(0.5)) await this.log.clock.advance(this.random.float() * 0.3);
      if (this.random.chance(0.2)) await this.log.run(this.log.store.close());
      else if (this.random.chance(0.3)) this.log.disk.kill();
      else this.log.disk.crash();
      await this.suffer();
    }
    this.check(await this.log.open());
  }

  private get now(): LogState {
    return this.states.at(-1) as LogState;
  }

  private async step(): Promise<void> {
    const kind = this.random.int(20);
    if (kind < 13) this.append(kind < 2 ? this.random.int(4) : 0);
    else if (kind < 14) this.vote();
    else if (kind < 15) this.replaceBySnapshot();
    else if (kind < 17) this.compact();
    if (this.random.chance(0.7)) await this.log.clock.advance(this.random.float() * 1.5);
  }

  private append(back: number): void {
    const { base, entries } = this.now;
    if (back > 0) this.term += 1;
    const last = Math.max(base, this.compacted, base + entries.length - back);
    const count = 1 + this.random.int(3);
    const added = Array.from({ length: count }, (_, i) => entryOf(last + 1 + i, this.term, this.random.int(9_000)));
    this.write({ snapshot: undefined, entries: added, hardState: this.random.chance(0.3) ? this.state() : undefined });
  }

  private vote(): void {
    this.term += 1;
    this.write({ snapshot: undefined, entries: [], hardState: this.state() });
  }

  private replaceBySnapshot(): void {
    const { base, entries } = this.now;
    const index = (base + entries.length + this.random.int(20)) as LogIndex;
    const snapshot = { index, term: this.term as Term, config: Buffer.from('config') };
    this.write({ snapshot, entries: [entryOf(index + 1, this.term)], hardState: this.state() });
  }

  /** Up to a place that is certain. */
  private compact(): void {
    const { base, entries } = this.states[this.certain] as LogState;
    const index = base + entries.length - this.random.int(4);
    const isCertain = this.states.slice(this.certain).every((state) => index <= state.base + state.entries.length);
    if (index <= this.compacted || index < this.now.base || !isCertain) return;
    this.compacted = index;
    this.log.store.compact(index as LogIndex).catch(() => undefined);
  }

  private state(): HardState {
    return { term: this.term as Term, vote: undefined, commit: this.compacted as LogIndex };
  }

  private write(batch: LogBatch): void {
    this.states.push(...statesAfter(this.now, batch));
    const end = this.states.length - 1;
    this.log.store.write(batch, (error) => {
      if (error === undefined) this.certain = end;
    });
  }

  private check({ base, entries, hardState }: StoredLog): void {
    const found = { base: base as number, entries: entries.map(keyOf), hardState: hardStateOf(hardState) };
    expect(entries.map(({ index }) => index)).to.deep.equal(entries.map((_, i) => base + 1 + i));
    const isIt = (state: LogState) =>
      found.base >= state.base &&
      found.base <= Math.max(state.base, this.compacted) &&
      found.hardState === state.hardState &&
      String(found.entries) === String(state.entries.slice(found.base - state.base));
    const possible = this.states.slice(this.certain);
    if (!possible.some(isIt)) {
      expect(found, `after ${this.compacted} was compacted`).to.deep.equal(possible[0]);
    }
    this.states = [found];
    this.certain = 0;
  }

  /** Turns bits while nothing runs. */
  private async suffer(): Promise<void> {
    const kind = this.random.int(4);
    const places = await this.places();
    this.counts.reused += places.filter(({ isUsedAgain }) => isUsedAgain).length;
    const last = places.at(-1);
    if (last === undefined) return;
    if (last.tornTo > last.end) this.counts.torn += 1;
    if (kind === 0) await this.damage(places);
    else if (kind === 1 && last.tornTo > last.end) {
      this.flip(last.name, last.end, last.tornTo);
      this.counts.flippedTails += 1;
    } else if (kind === 2) {
      const place = places[this.random.int(places.length)] as Place;
      if (place.tornTo === place.sizeBytes) return;
      this.flip(place.name, place.tornTo, place.sizeBytes);
      this.counts.flippedLeftovers += 1;
    }
  }

  /** A bit that was durable turns: the log is refused, until it turns back. */
  private async damage(places: readonly Place[]): Promise<void> {
    const { name, provenTo, end } = places[this.random.int(places.length)] as Place;
    const turnBack = this.flip(name, 0, name === places.at(-1)?.name ? provenTo : end);
    const code = await this.log.open().then(
      () => 'opened',
      (error: { code: string }) => error.code,
    );
    expect(code).to.equal('LOG_CORRUPT');
    this.counts.refused += 1;
    turnBack();
  }

  private flip(name: string, from: number, to: number): () => void {
    const offset = from + this.random.int(to - from);
    const bit = this.random.int(8);
    this.log.disk.corrupt('log', name, offset, bit);
    return () => this.log.disk.corrupt('log', name, offset, bit);
  }

  private async places(): Promise<Place[]> {
    const files = this.log.disk.directory('log');
    const places: Place[] = [];
    for (const name of await this.log.segments()) {
      const bounds = boundsOf(await this.log.run(files.read(name)));
      if (bounds !== undefined) places.push({ name, ...bounds });
    }
    return places;
  }
}

interface Place extends Bounds {
  readonly name: string;
}

interface Bounds {
  readonly end: number;
  readonly provenTo: number;
  readonly tornTo: number;
  readonly sizeBytes: number;
  /** Stands in a file that was a segment before. */
  readonly isUsedAgain: boolean;
}

function boundsOf(segment: Buffer): Bounds | undefined {
  const header = decodeSegmentHeader(segment, systemCrc32);
  if (typeof header === 'string') return undefined;
  const { end, provenTo, tornTo } = scanSegment(segment, header, systemCrc32, () => undefined);
  const isUsedAgain = segment.subarray(tornTo).some((byte) => byte !== 0);
  return { end, provenTo, tornTo, sizeBytes: segment.length, isUsedAgain };
}

/** After each of the records that a batch is written as. */
function statesAfter(before: LogState, { snapshot, entries, hardState }: LogBatch): LogState[] {
  const states: LogState[] = [];
  let state = before;
  const then = (change: Partial<LogState>) => {
    state = { ...state, ...change };
    states.push(state);
  };
  if (snapshot !== undefined) then({ base: snapshot.index, entries: [] });
  const first = entries[0];
  if (first !== undefined && first.index <= state.base + state.entries.length) {
    then({ entries: state.entries.slice(0, first.index - 1 - state.base) });
  }
  if (first !== undefined) then({ entries: [...state.entries, ...entries.map(keyOf)] });
  if (hardState !== undefined) then({ hardState: hardStateOf(hardState) });
  return states;
}

function keyOf({ index, term, data }: LogEntry): string {
  return `${index}/${term}/${data.length}`;
}

function hardStateOf(state: HardState | undefined): string {
  return state === undefined ? 'none' : `${state.term}/${state.vote}/${state.commit}`;
}
