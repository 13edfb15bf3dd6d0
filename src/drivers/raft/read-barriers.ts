import { RpcError } from '../../base/index.js';
import type { Consistency, LogIndex } from '../../ports/index.js';
import type { ReadId, ReadMode, ReadState } from '../../raft/index.js';
import type { GroupHost } from './host.js';

/** Who hears of a barrier's end. */
export interface BarrierSettle {
  resolve(): void;
  reject(error: RpcError): void;
}

/**
 * Reads that must be as new as what was acknowledged before them. Those of one moment share one confirmation by the
 * leader; while one is under way, later ones gather for the next (see {@link ReadOptions}). Messages may be lost and
 * leaders change, so an unanswered or refused confirmation is asked for again until the reads' time has run out.
 */
export class ReadBarriers {
  private readonly host: GroupHost;
  private readonly appliedIndex: () => LogIndex;
  private readonly queues: readonly ModeQueue[] = [new ModeQueue('linearizable'), new ModeQueue('lease')];
  private readonly asked = new Map<ReadId, Asked>();
  /** Confirmed; the state machine is not there yet. */
  private confirmed: { readonly index: LogIndex; readonly waiters: readonly Waiter[] }[] = [];
  private deadlineMs = Number.POSITIVE_INFINITY;
  private answerDueMs = Number.POSITIVE_INFINITY;
  /** Nobody could answer lately. */
  private retryMs = 0;
  private waiting = 0;

  constructor(host: GroupHost, appliedIndex: () => LogIndex) {
    this.host = host;
    this.appliedIndex = appliedIndex;
  }

  get count(): number {
    return this.waiting;
  }

  /** When `sweep` or `ask` has something to do by the clock. */
  get dueMs(): number {
    let due = Math.min(this.deadlineMs, this.answerDueMs);
    for (const { gathering, sinceMs } of this.queues) {
      if (gathering.length > 0)
        due = Math.min(due, Math.max(this.retryMs, sinceMs + this.host.options.read.timeThresholdMs));
    }
    return due;
  }

  add(
    mode: Exclude<Consistency, 'eventual'>,
    timeoutMs: number | undefined,
    settle: BarrierSettle,
    nowMs: number,
  ): void {
    const { options, counters } = this.host;
    if (this.waiting >= options.readsMax) {
      settle.reject(RpcError.of('OVERLOADED', `${this.waiting} reads are waiting already`));
      return;
    }
    counters.reads += 1;
    this.waiting += 1;
    const deadlineMs = nowMs + (timeoutMs ?? options.readTimeoutMs);
    if (deadlineMs < this.deadlineMs) this.deadlineMs = deadlineMs;
    const queue = this.queueOf(mode);
    if (queue.gathering.length === 0) queue.sinceMs = nowMs;
    queue.gathering.push({ deadlineMs, settle });
    this.host.wake();
  }

  /** Asks for the confirmations that are due. */
  ask(nowMs: number): void {
    if (this.waiting === 0 || nowMs < this.retryMs) return;
    const { sizeThreshold, timeThresholdMs } = this.host.options.read;
    for (const queue of this.queues) {
      const size = queue.gathering.length;
      if (size === 0) continue;
      const isDue = queue.asked === 0 || size >= sizeThreshold || nowMs >= queue.sinceMs + timeThresholdMs;
      if (isDue) this.askFor(queue, nowMs);
    }
  }

  /** The core's answer. */
  answered(state: ReadState, nowMs: number): void {
    const asked = this.asked.get(state.id);
    if (asked === undefined) return; // given up, and asked again under another id
    this.asked.delete(state.id);
    asked.queue.asked -= 1;
    if (state.index !== undefined) this.confirm(state.index, asked.waiters);
    else if (state.refused === 'READ_QUEUE_FULL') {
      this.reject(asked.waiters, RpcError.of('OVERLOADED', 'too many reads wait for the leader'));
    } else {
      this.retryMs = nowMs + this.host.raft.heartbeatIntervalMs;
      this.requeue(asked, nowMs);
    }
  }

  /** The state machine has applied `index`. */
  applied(index: LogIndex): void {
    if (this.confirmed.length === 0) return;
    const ready = this.confirmed.filter((read) => read.index <= index);
    if (ready.length === 0) return;
    this.confirmed = this.confirmed.filter((read) => read.index > index);
    for (const { waiters } of ready) this.resolve(waiters);
  }

  /** There is another leader: whoever waited for one asks it now. */
  leaderChanged(): void {
    this.retryMs = 0;
  }

  /** Rejects what has waited too long, and asks again for what was not answered. */
  sweep(nowMs: number): void {
    if (nowMs >= this.answerDueMs) this.askAgain(nowMs);
    if (nowMs >= this.deadlineMs) this.expire(nowMs);
  }

  /** The group ends. */
  stop(error: RpcError): void {
    const groups = [
      ...this.queues.map((queue) => queue.gathering),
      ...this.unanswered(),
      ...this.confirmed.map(waitersOf),
    ];
    for (const queue of this.queues) {
      queue.gathering = [];
      queue.asked = 0;
    }
    this.asked.clear();
    this.confirmed = [];
    for (const waiters of groups) this.reject(waiters, error);
  }

  private askFor(queue: ModeQueue, nowMs: number): void {
    const waiters = queue.gathering;
    queue.gathering = [];
    queue.asked += 1;
    this.host.counters.readBatches += 1;
    const id = this.host.core.readIndex(queue.mode, nowMs);
    this.asked.set(id, { queue, waiters, askedMs: nowMs });
    const dueMs = nowMs + this.host.raft.electionTimeoutMs;
    if (dueMs < this.answerDueMs) this.answerDueMs = dueMs;
  }

  private confirm(index: LogIndex, waiters: readonly Waiter[]): void {
    if (index <= this.appliedIndex()) this.resolve(waiters);
    else this.confirmed.push({ index, waiters });
  }

  private requeue({ queue, waiters }: Asked, nowMs: number): void {
    if (queue.gathering.length === 0) queue.sinceMs = nowMs;
    for (const waiter of waiters) queue.gathering.push(waiter);
  }

  private askAgain(nowMs: number): void {
    const { electionTimeoutMs } = this.host.raft;
    this.answerDueMs = Number.POSITIVE_INFINITY;
    for (const [id, asked] of [...this.asked]) {
      const dueMs = asked.askedMs + electionTimeoutMs;
      if (dueMs > nowMs) {
        this.answerDueMs = Math.min(this.answerDueMs, dueMs);
        continue;
      }
      this.asked.delete(id);
      asked.queue.asked -= 1;
      this.requeue(asked, nowMs);
    }
  }

  private expire(nowMs: number): void {
    const error = RpcError.of('NO_LEADER', 'no leader confirmed the read in time');
    this.deadlineMs = Number.POSITIVE_INFINITY;
    for (const queue of this.queues) queue.gathering = this.stillWaiting(queue.gathering, nowMs, error);
    for (const asked of this.asked.values()) asked.waiters = this.stillWaiting(asked.waiters, nowMs, error);
    this.confirmed = this.confirmed.map(({ index, waiters }) => ({
      index,
      waiters: this.stillWaiting(waiters, nowMs, error),
    }));
  }

  private stillWaiting(waiters: readonly Waiter[], nowMs: number, error: RpcError): Waiter[] {
    const isLate = ({ deadlineMs }: Waiter) => deadlineMs <= nowMs;
    const left = waiters.filter((waiter) => !isLate(waiter));
    for (const { deadlineMs } of left) this.deadlineMs = Math.min(this.deadlineMs, deadlineMs);
    if (left.length < waiters.length) this.reject(waiters.filter(isLate), error);
    return left;
  }

  private resolve(waiters: readonly Waiter[]): void {
    this.waiting -= waiters.length;
    for (const { settle } of waiters) settle.resolve();
  }

  private reject(waiters: readonly Waiter[], error: RpcError): void {
    this.waiting -= waiters.length;
    for (const { settle } of waiters) settle.reject(error);
  }

  private unanswered(): (readonly Waiter[])[] {
    return [...this.asked.values()].map(waitersOf);
  }

  private queueOf(mode: ReadMode): ModeQueue {
    const found = this.queues.find((queue) => queue.mode === mode);
    return found as ModeQueue;
  }
}

interface Waiter {
  readonly deadlineMs: number;
  readonly settle: BarrierSettle;
}

interface Asked {
  readonly queue: ModeQueue;
  waiters: readonly Waiter[];
  readonly askedMs: number;
}

class ModeQueue {
  readonly mode: ReadMode;
  gathering: Waiter[] = [];
  /** When the first of those came. */
  sinceMs = 0;
  /** Confirmations under way. */
  asked = 0;

  constructor(mode: ReadMode) {
    this.mode = mode;
  }
}

function waitersOf({ waiters }: { readonly waiters: readonly Waiter[] }): readonly Waiter[] {
  return waiters;
}
