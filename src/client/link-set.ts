import { ClassLatency, type NodeId } from '../base/index.js';
import type { Clock, Logger, RemovalCause, Timer, WorkerRecord } from '../ports/index.js';
import type { NodeChannel } from './node-channel.js';
import type { OutlierDetector } from './outlier.js';
import { WorkerHealth } from './worker-health.js';
import { WorkerLink } from './worker-link.js';
import type { WorkerChange, WorkerTable } from './worker-table.js';

export interface LinkSetDependencies {
  readonly table: WorkerTable;
  readonly open: (record: WorkerRecord) => NodeChannel;
  readonly outliers: OutlierDetector;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Connect to a worker when it becomes known, as long as there are no more than this many; 0 connects on first use. */
  readonly warmMax: number;
  /** How long a new worker's share of the calls grows. */
  readonly slowStartMs: number;
  /** The set or a record has changed. */
  readonly onLinks: () => void;
  /** A worker has become more usable than it was. */
  readonly onUsable: () => void;
}

/**
 * One link per worker of the table, made and retired as the table changes, plus what has to be done from time to time:
 * slow start, re-admission after ejection, ageing of reported loads, health probes.
 */
export class LinkSet {
  private readonly deps: LinkSetDependencies;
  private readonly linksById = new Map<NodeId, WorkerLink>();
  /** Links of workers that are gone, until their last call has ended. */
  private readonly retired = new Set<WorkerLink>();
  /** Of `retired`: those that took their leave. */
  private readonly leaving = new WeakSet<WorkerLink>();
  /** What the channels of dropped links measured. */
  private readonly pastLatency = new ClassLatency();
  private readonly health = new Map<WorkerLink, WorkerHealth>();
  private readonly stopListening: (() => void)[];
  private timer: Timer | undefined;
  private closed = false;
  private started = false;

  constructor(deps: LinkSetDependencies) {
    this.deps = deps;
    const { table } = deps;
    this.stopListening = [
      table.onChange((change) => this.take(change)),
      table.onLiveness((id, liveness) => this.linksById.get(id)?.setLiveness(liveness)),
    ];
    for (const worker of deps.table.list()) this.add(worker);
    this.arm();
  }

  /** Workers that become known from now on are new ones, and start slowly. */
  start(): void {
    this.started = true;
  }

  links(): readonly WorkerLink[] {
    return [...this.linksById.values()];
  }

  /** Calls in progress, at workers that are gone too. */
  outstanding(): number {
    let sum = 0;
    for (const link of this.linksById.values()) sum += link.outstanding;
    for (const link of this.retired) sum += link.outstanding;
    return sum;
  }

  /** Of unary calls to all workers, those that are gone too. */
  latency(): ClassLatency {
    const sum = new ClassLatency();
    sum.merge(this.pastLatency);
    for (const link of this.linksById.values()) sum.merge(link.channel.latency);
    for (const link of this.retired) sum.merge(link.channel.latency);
    return sum;
  }

  /** Counts a failure that speaks against the worker, and ejects it when there were too many. */
  failed(link: WorkerLink): void {
    const { outliers, clock, logger } = this.deps;
    if (link.retired || !outliers.failed(link.outlier, this.linksById.size, clock.nowMs())) return;
    link.refresh();
    logger.warn({ worker: link.record.id, failures: link.outlier.failures }, 'worker ejected: its calls keep failing');
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const stop of this.stopListening) stop();
    this.timer?.cancel();
    const links = [...this.linksById.values(), ...this.retired];
    this.linksById.clear();
    this.retired.clear();
    for (const link of links) {
      link.retired = true;
      this.pastLatency.merge(link.channel.latency);
    }
    await Promise.all(links.map((link) => link.channel.close()));
  }

  private take(change: WorkerChange): void {
    const { worker } = change;
    if (change.type === 'added') this.add(worker);
    else if (change.type === 'removed') this.remove(worker.id, change.cause);
    else if (sameProcess(worker, change.previous)) this.update(worker);
    else {
      this.retire(worker.id, true);
      this.add(worker);
    }
    this.deps.onLinks();
  }

  private update(record: WorkerRecord): void {
    const link = this.linksById.get(record.id);
    if (link === undefined) return;
    link.update(record);
    this.setWeight(link, this.deps.clock.nowMs());
  }

  private add(record: WorkerRecord): void {
    const { clock, open, onUsable, table, warmMax } = this.deps;
    for (const link of this.retired) if (isSuccessor(record, link.record)) this.drop(link);
    const knownSinceMs = this.started ? clock.nowMs() : Number.NEGATIVE_INFINITY;
    const link = new WorkerLink(record, open(record), knownSinceMs, onUsable);
    link.setLiveness(table.livenessOf(record.id));
    this.linksById.set(record.id, link);
    this.health.set(link, new WorkerHealth(link, clock.nowMs()));
    this.setWeight(link, clock.nowMs());
    if (this.linksById.size <= warmMax) link.channel.connect();
  }

  private remove(id: NodeId, cause: RemovalCause): void {
    const link = this.linksById.get(id);
    // It said itself that it goes, after its last call: what is still under way is on a slow path.
    if (link !== undefined && cause === 'deregistered') this.leaving.add(link);
    this.retire(id, cause === 'replaced');
  }

  /** @param dead its process is known to be gone: calls in progress there fail now, and are repeated elsewhere */
  private retire(id: NodeId, dead: boolean): void {
    const link = this.linksById.get(id);
    if (link === undefined) return;
    this.linksById.delete(id);
    link.retired = true;
    link.refresh();
    this.deps.outliers.forget(link.outlier);
    if (dead || link.outstanding === 0) this.drop(link);
    else this.retired.add(link);
  }

  private drop(link: WorkerLink): void {
    this.retired.delete(link);
    this.health.delete(link);
    this.pastLatency.merge(link.channel.latency);
    void link.channel.close();
  }

  private arm(): void {
    this.timer = this.deps.clock.setTimer(TICK_MS, () => this.tick(), { unref: true });
  }

  private tick(): void {
    if (this.closed) return;
    const nowMs = this.deps.clock.nowMs();
    this.deps.table.settle(nowMs);
    for (const link of this.linksById.values()) this.review(link, nowMs);
    for (const link of this.retired) this.reviewRetired(link, nowMs);
    this.arm();
  }

  private review(link: WorkerLink, nowMs: number): void {
    this.setWeight(link, nowMs);
    if (this.deps.outliers.review(link.outlier, nowMs)) link.refresh();
    if (this.health.get(link)?.review(nowMs) !== 'dead') return;
    this.deps.logger.warn({ worker: link.record.id }, 'worker does not answer: reconnecting');
    this.replaceChannel(link);
  }

  private reviewRetired(link: WorkerLink, nowMs: number): void {
    const verdict = this.health.get(link)?.review(nowMs);
    // The director and we agree: neither of us hears of it any more.
    const isGivenUp = link.suspected && !this.leaving.has(link);
    if (link.outstanding === 0 || isGivenUp || verdict === 'dead') this.drop(link);
  }

  /** Ends the calls of a worker that is silent, and starts over with a new connection. */
  private replaceChannel(link: WorkerLink): void {
    const { record } = link;
    this.retire(record.id, true);
    this.add(record);
    this.deps.onLinks();
  }

  private setWeight(link: WorkerLink, nowMs: number): void {
    const { slowStartMs } = this.deps;
    const age = nowMs - link.knownSinceMs;
    const grown = age >= slowStartMs ? 1 : Math.max(WEIGHT_MIN, age / slowStartMs);
    link.weight = link.capacity * grown;
  }
}

/** The process behind `old` cannot be there any more. */
function isSuccessor(record: WorkerRecord, old: WorkerRecord): boolean {
  return record.id === old.id && record.instance !== old.instance;
}

function sameProcess(a: WorkerRecord, b: WorkerRecord): boolean {
  return a.instance === b.instance && a.address.host === b.address.host && a.address.port === b.address.port;
}

const TICK_MS = 100;
/** Share of its capacity that a worker gets when it has just appeared. */
const WEIGHT_MIN = 0.1;
