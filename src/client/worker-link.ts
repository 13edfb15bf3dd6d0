import type { WorkerRecord } from '../ports/index.js';
import { type Candidate, hash32, type Usability, workerWeight } from './balance/index.js';
import type { NodeChannel } from './node-channel.js';
import { newOutlierRecord, type OutlierRecord } from './outlier.js';
import type { Liveness } from './worker-table.js';

/** A unary call at a link, known there so that it can be rescued when the worker falls silent. */
export interface RescuableCall {
  /** Its index among the calls of its link; the link's business. */
  placeAtLink: number;
  rescue(): void;
}

/**
 * A client's view of one instance of a worker: its record, the channel to it and what the balancing strategies ask.
 * `calls` and the fields of `Candidate` change with every call, so they are plain numbers.
 */
export class WorkerLink implements Candidate {
  record: WorkerRecord;
  readonly channel: NodeChannel;
  readonly outlier: OutlierRecord = newOutlierRecord();
  readonly hash: number;
  zone: string | undefined;
  outstanding = 0;
  othersLoad = 0;
  weight = 1;
  capacity: number;
  usability: Usability = 0;
  /** Calls that were given to it, for `calls per worker`. */
  calls = 0;
  /** Calls that ended with an answer, of whatever kind: the worker lives. */
  answers = 0;
  /** It is gone or replaced: it finishes what it has. */
  retired = false;
  /** It did not answer a health probe of ours. */
  suspected = false;
  /** What the cluster thinks of it. */
  liveness: Liveness = 'alive';
  /** When it became known, for the slow start; `-Infinity` for those that were there before us. */
  readonly knownSinceMs: number;
  /** Unary calls in progress, in no order. */
  private readonly unaryCalls: RescuableCall[] = [];
  private readonly onUsable: () => void;

  /** @param onUsable called when calls that wait for a worker may try again */
  constructor(record: WorkerRecord, channel: NodeChannel, knownSinceMs: number, onUsable: () => void) {
    this.record = record;
    this.channel = channel;
    this.knownSinceMs = knownSinceMs;
    this.onUsable = onUsable;
    this.hash = hash32(record.id);
    this.zone = zoneOf(record);
    this.capacity = workerWeight(record.tags);
    channel.onState(() => this.refresh());
    this.refresh();
  }

  get latencyMs(): number {
    return this.channel.latencyEwmaMs;
  }

  update(record: WorkerRecord): void {
    this.record = record;
    this.zone = zoneOf(record);
    this.capacity = workerWeight(record.tags);
    this.refresh();
  }

  /** Call when anything that `usability` depends on has changed. */
  refresh(): void {
    const before = this.usability;
    this.usability = this.currentUsability();
    if (this.usability > before) this.onUsable();
  }

  /** A call begins. */
  began(): void {
    this.outstanding += 1;
    this.calls += 1;
  }

  add(call: RescuableCall): void {
    call.placeAtLink = this.unaryCalls.length;
    this.unaryCalls.push(call);
  }

  remove(call: RescuableCall): void {
    const last = this.unaryCalls.pop();
    if (last === undefined || last === call) return;
    this.unaryCalls[call.placeAtLink] = last;
    last.placeAtLink = call.placeAtLink;
  }

  /** The worker does not answer pings (any more), or does again. */
  suspect(suspected: boolean): void {
    if (this.suspected === suspected) return;
    this.suspected = suspected;
    this.refresh();
    if (suspected) this.rescueCalls();
  }

  /** The cluster thinks otherwise of the worker than before. Calls that a suspected one has are left to our own probes. */
  setLiveness(liveness: Liveness): void {
    if (this.liveness === liveness) return;
    this.liveness = liveness;
    this.refresh();
    if (liveness === 'failed') this.rescueCalls();
  }

  /** A call got its answer, a result or an error that the worker sent. */
  answered(): void {
    this.outstanding -= 1;
    this.answers += 1;
    const others = this.channel.peerLoad - this.outstanding;
    this.othersLoad = Math.max(others, 0);
  }

  /** A call ended otherwise: cancelled, timed out, lost, never sent. */
  ended(): void {
    this.outstanding -= 1;
  }

  private rescueCalls(): void {
    for (const call of [...this.unaryCalls]) call.rescue();
  }

  private currentUsability(): Usability {
    const { state, peerDraining } = this.channel;
    if (this.retired || this.record.state === 'draining' || peerDraining || state === 'closed') return 0;
    if (this.outlier.ejectedUntilMs !== 0 || this.liveness === 'failed') return 0;
    const isSuspected = this.suspected || this.liveness === 'suspected';
    // `idle` is as good as ready: it connects with the first call, and would never get one otherwise.
    return isSuspected || state === 'connecting' || state === 'unavailable' ? 1 : 2;
  }
}

function zoneOf(record: WorkerRecord): string | undefined {
  return Object.hasOwn(record.tags, 'zone') ? record.tags.zone : undefined;
}
