import { FixedQueue, RpcError } from '../../base/index.js';
import type { CommandSettle, LogEntry, LogIndex, ProposeOptions } from '../../ports/index.js';
import type { ProposalRefusal } from '../../raft/index.js';
import { CommandQueue, costOf } from './command-queue.js';
import type { GroupHost } from './host.js';
import type { PendingBatch, Replies } from './pending-batch.js';

/**
 * Turns commands into entries of many commands each, and answers each command when its entry has been applied here.
 *
 * While nothing is in flight, whatever waits becomes an entry at once. While something is, commands gather up to the
 * thresholds, so that entries grow with the load by themselves.
 *
 * A command's end is known when an entry of its index is applied: of the same term, it is the command's; of another, the
 * command is lost. A member that no longer leads keeps waiting for that until the commands' deadlines.
 */
export class BatchProposer {
  private readonly host: GroupHost;
  private readonly isDiskFull: () => boolean;
  private readonly queue = new CommandQueue();
  /** Taken out of the queue, but the core's uncommitted tail is full. */
  private held: PendingBatch | undefined;
  /** Of the term that this member leads, by ascending index. */
  private readonly inFlight = new FixedQueue<PendingBatch>();
  /** Of terms that it led before. */
  private orphans: PendingBatch[] = [];
  private pending = 0;
  private deadlineMs = Number.POSITIVE_INFINITY;

  constructor(host: GroupHost, isDiskFull: () => boolean) {
    this.host = host;
    this.isDiskFull = isDiskFull;
  }

  get queuedCount(): number {
    return this.queue.length + (this.held?.size ?? 0);
  }

  /** Commands whose entries are not applied yet. */
  get pendingCount(): number {
    return this.pending;
  }

  /** When `sweep` or `fill` has something to do by the clock. */
  get dueMs(): number {
    return Math.min(
      this.deadlineMs,
      this.held === undefined ? this.queue.dueMs(this.host.options.batch) : this.deadlineMs,
    );
  }

  /** Takes a command on, or a list of `listed` commands, or rejects it at once. */
  submit(
    bytes: Uint8Array,
    listed: number | undefined,
    options: ProposeOptions | undefined,
    settle: CommandSettle,
    nowMs: number,
  ): void {
    const refusal = this.refusalOf(bytes);
    if (refusal !== undefined) {
      this.host.counters.refused += listed ?? 1;
      settle.reject(refusal);
      return;
    }
    const deadlineMs = nowMs + (options?.timeoutMs ?? this.host.options.proposeTimeoutMs);
    if (deadlineMs < this.deadlineMs) this.deadlineMs = deadlineMs;
    this.queue.add({ bytes, listed, deadlineMs, sinceMs: nowMs, settle }, options?.priority === 'urgent');
    this.host.wake();
  }

  /** Proposes what is due. */
  fill(nowMs: number): void {
    const { batch } = this.host.options;
    for (;;) {
      if (this.held === undefined && this.inFlight.length > 0 && !this.queue.isDue(batch, nowMs)) return;
      const next = this.held ?? this.queue.take(batch);
      if (next === undefined || !this.propose(next, nowMs)) return;
    }
  }

  /**
   * An entry is about to be applied. Returns the commands that wait for it; those whose place it took are rejected.
   */
  take({ index, term }: LogEntry): PendingBatch | undefined {
    let found: PendingBatch | undefined;
    for (let next = this.inFlight.peek(); next !== undefined && next.index <= index; next = this.inFlight.peek()) {
      this.inFlight.shift();
      found = this.settleAt(next, index, term) ?? found;
    }
    if (this.orphans.length === 0) return found;
    const due = this.orphans.filter((batch) => batch.index <= index);
    this.orphans = this.orphans.filter((batch) => batch.index > index);
    for (const batch of due) found = this.settleAt(batch, index, term) ?? found;
    return found;
  }

  /** The batch's commands have been applied. */
  resolve(batch: PendingBatch, replies: Replies): void {
    this.pending -= batch.size;
    batch.resolve(replies);
  }

  /** The batch was taken, and the state machine broke over it. */
  abandon(batch: PendingBatch): void {
    this.drop(batch, RpcError.of('PROPOSAL_UNKNOWN', 'this director stopped while it executed the command'));
  }

  /** A snapshot took the place of all entries up to `index`: whether the commands were among them is not known. */
  jumped(index: LogIndex): void {
    const error = RpcError.of('PROPOSAL_UNKNOWN', 'a snapshot took the place of the entry before it was applied here');
    for (let next = this.inFlight.peek(); next !== undefined && next.index <= index; next = this.inFlight.peek()) {
      this.inFlight.shift();
      this.drop(next, error);
    }
    for (const batch of this.orphans) if (batch.index <= index) this.drop(batch, error);
    this.orphans = this.orphans.filter((batch) => batch.index > index);
  }

  /** This member leads no more. What was not proposed is free to go elsewhere; the rest waits for its end. */
  steppedDown(): void {
    for (let next = this.inFlight.shift(); next !== undefined; next = this.inFlight.shift()) this.orphans.push(next);
    this.rejectQueued(RpcError.of('NOT_LEADER', 'this director does not lead the group any more'));
  }

  /** Rejects the commands whose time has run out. A pass over all of them, so only when the earliest is due. */
  sweep(nowMs: number): void {
    if (nowMs < this.deadlineMs) return;
    const unknown = RpcError.of('PROPOSAL_UNKNOWN', 'the command was not decided in time; it may yet be executed');
    const batches = this.batchesInFlight();
    for (const batch of batches) this.host.counters.unknown += batch.rejectDue(nowMs, unknown);
    const full = RpcError.of('PROPOSALS_FULL', 'the command waited too long for those before it; it was not proposed');
    this.host.counters.refused += this.queue.rejectDue(nowMs, full) + (this.held?.rejectDue(nowMs, full) ?? 0);
    this.held = this.held?.rest();
    this.orphans = this.orphans.filter((batch) => this.isAwaited(batch));
    let next = Math.min(this.queue.nextDeadlineMs(), this.held?.nextDeadlineMs() ?? Number.POSITIVE_INFINITY);
    for (const batch of batches) next = Math.min(next, batch.nextDeadlineMs());
    this.deadlineMs = next;
  }

  /** The group ends. What was not proposed is free to go elsewhere. */
  stop(): void {
    const unknown = RpcError.of('PROPOSAL_UNKNOWN', 'the director stopped before the command was decided');
    this.rejectQueued(RpcError.of('NOT_LEADER', 'this director stopped before the command was proposed'));
    for (const batch of this.batchesInFlight()) this.drop(batch, unknown);
    this.inFlight.clear();
    this.orphans = [];
  }

  private refusalOf(bytes: Uint8Array): RpcError | undefined {
    const { commandBytesMax, queueBytesMax } = this.host.options;
    if (bytes.length > commandBytesMax) {
      return RpcError.of(
        'KV_TOO_LARGE',
        `the command has ${bytes.length} bytes; at most ${commandBytesMax} are allowed`,
      );
    }
    if (this.isDiskFull()) return RpcError.of('DISK_FULL', 'the disk of the leading director is full');
    const queued = this.queue.bytes + (this.held?.payload.length ?? 0);
    if (queued + costOf({ bytes }) > queueBytesMax) {
      return RpcError.of('PROPOSALS_FULL', `${queued} bytes of commands are waiting already`);
    }
    return undefined;
  }

  /** False when there is no use in trying another one now. */
  private propose(batch: PendingBatch, nowMs: number): boolean {
    const { core, counters } = this.host;
    this.held = undefined;
    const result = core.propose([batch.payload], nowMs);
    if (!result.isAccepted) {
      if (result.reason === 'PROPOSAL_TAIL_FULL') this.held = batch;
      else this.refuse(batch, refusalError(result.reason));
      return false;
    }
    batch.index = result.index;
    batch.term = result.term;
    this.inFlight.push(batch);
    this.pending += batch.size;
    counters.batches += 1;
    counters.commands += batch.size;
    counters.bytes += batch.payload.length;
    return true;
  }

  private refuse(batch: PendingBatch, error: RpcError): void {
    this.host.counters.refused += batch.reject(error);
    this.rejectQueued(error);
  }

  private rejectQueued(error: RpcError): void {
    this.host.counters.refused +=
      (this.held?.reject(error) ?? 0) + this.queue.rejectDue(Number.POSITIVE_INFINITY, error);
    this.held = undefined;
  }

  private settleAt(batch: PendingBatch, index: LogIndex, term: number): PendingBatch | undefined {
    if (batch.index === index && batch.term === term) return batch;
    this.drop(
      batch,
      RpcError.of('PROPOSAL_LOST', 'the leader changed and another entry took the place of the command'),
    );
    return undefined;
  }

  private drop(batch: PendingBatch, error: RpcError): void {
    this.pending -= batch.size;
    const count = batch.reject(error);
    if (error.maybeExecuted) this.host.counters.unknown += count;
  }

  private isAwaited(batch: PendingBatch): boolean {
    if (batch.nextDeadlineMs() < Number.POSITIVE_INFINITY) return true;
    this.pending -= batch.size;
    return false;
  }

  private batchesInFlight(): PendingBatch[] {
    const batches = [...this.orphans];
    for (let left = this.inFlight.length; left > 0; left -= 1) {
      const batch = this.inFlight.shift();
      if (batch === undefined) break;
      batches.push(batch);
      this.inFlight.push(batch);
    }
    return batches;
  }
}

function refusalError(reason: ProposalRefusal): RpcError {
  if (reason === 'PROPOSAL_TRANSFERRING') {
    return RpcError.of('NO_LEADER', 'leadership is being handed over; the command was not proposed');
  }
  return RpcError.of('NOT_LEADER', 'this director does not lead the group');
}
