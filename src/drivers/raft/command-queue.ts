import { FixedQueue, type RpcError } from '../../base/index.js';
import type { BatchOptions } from './options.js';
import { PendingBatch, type PendingCommand } from './pending-batch.js';

/** Commands that wait to become an entry: urgent ones first, else in order. */
export class CommandQueue {
  /** Bytes that wait, bookkeeping included. */
  bytes = 0;
  /** Commands that wait; those of a list each for itself. */
  length = 0;
  private readonly urgent = new FixedQueue<PendingCommand>();
  private readonly normal = new FixedQueue<PendingCommand>();

  add(command: PendingCommand, isUrgent: boolean): void {
    this.bytes += costOf(command);
    this.length += command.listed ?? 1;
    (isUrgent ? this.urgent : this.normal).push(command);
  }

  /** Whether what waits should become an entry although others are in flight. */
  isDue(batch: BatchOptions, nowMs: number): boolean {
    const { sizeThreshold, commandsMax, bytesMax } = batch;
    const isEnough = this.length >= Math.min(sizeThreshold, commandsMax) || this.bytes >= bytesMax;
    if (isEnough || this.urgent.length > 0) return true;
    return nowMs >= this.dueMs(batch);
  }

  /** When the oldest has waited for `timeThresholdMs`. */
  dueMs({ timeThresholdMs }: BatchOptions): number {
    return (this.normal.peek()?.sinceMs ?? Number.POSITIVE_INFINITY) + timeThresholdMs;
  }

  /** The next entry; `undefined` when nothing waits. */
  take({ commandsMax, bytesMax }: BatchOptions): PendingBatch | undefined {
    const commands: PendingCommand[] = [];
    let bytes = 0;
    let count = 0;
    for (;;) {
      const queue = this.urgent.length > 0 ? this.urgent : this.normal;
      const next = queue.peek();
      if (next === undefined) break;
      const { listed = 1 } = next;
      // A list is never parted: alone it may be larger than an entry should be.
      if (count > 0 && (count + listed > commandsMax || bytes + next.bytes.length > bytesMax)) break;
      queue.shift();
      this.removed(next);
      commands.push(next);
      bytes += next.bytes.length;
      count += listed;
    }
    return commands.length === 0 ? undefined : new PendingBatch(commands);
  }

  /** Rejects those whose deadline has come and returns how many there were; a pass over all. */
  rejectDue(nowMs: number, error: RpcError): number {
    return this.sweep(this.urgent, nowMs, error) + this.sweep(this.normal, nowMs, error);
  }

  /** A pass over all. */
  nextDeadlineMs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const queue of [this.urgent, this.normal]) {
      rotate(queue, (command) => {
        next = Math.min(next, command.deadlineMs);
        return true;
      });
    }
    return next;
  }

  private sweep(queue: FixedQueue<PendingCommand>, nowMs: number, error: RpcError): number {
    const due: PendingCommand[] = [];
    rotate(queue, (command) => {
      const isDue = command.deadlineMs <= nowMs;
      if (isDue) due.push(command);
      return !isDue;
    });
    let count = 0;
    for (const command of due) {
      this.removed(command);
      command.settle?.reject(error);
      command.settle = undefined;
      count += command.listed ?? 1;
    }
    return count;
  }

  private removed(command: PendingCommand): void {
    this.bytes -= costOf(command);
    this.length -= command.listed ?? 1;
  }
}

/** Shows each item to `keeps` and takes out those that it does not keep; the order stays. */
function rotate<T>(queue: FixedQueue<T>, keeps: (item: T) => boolean): void {
  for (let left = queue.length; left > 0; left -= 1) {
    const item = queue.shift();
    if (item !== undefined && keeps(item)) queue.push(item);
  }
}

export function costOf(command: Pick<PendingCommand, 'bytes'>): number {
  return command.bytes.length + COMMAND_OVERHEAD_BYTES;
}

const COMMAND_OVERHEAD_BYTES = 128;
