import { FixedQueue, type RpcError } from '../../base/index.js';
import type { BatchOptions } from './options.js';
import { PendingBatch, type PendingCommand } from './pending-batch.js';

/** Commands that wait to become an entry: urgent ones first, else in order. */
export class CommandQueue {
  /** Bytes that wait, bookkeeping included. */
  bytes = 0;
  private readonly urgent = new FixedQueue<PendingCommand>();
  private readonly normal = new FixedQueue<PendingCommand>();

  get length(): number {
    return this.urgent.length + this.normal.length;
  }

  add(command: PendingCommand, isUrgent: boolean): void {
    this.bytes += costOf(command);
    (isUrgent ? this.urgent : this.normal).push(command);
  }

  /** Whether what waits should become an entry although others are in flight. */
  isDue(batch: BatchOptions, nowMs: number): boolean {
    if (this.urgent.length > 0 || this.length >= batch.commandsMax || this.bytes >= batch.bytesMax) return true;
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
    while (commands.length < commandsMax) {
      const queue = this.urgent.length > 0 ? this.urgent : this.normal;
      const next = queue.peek();
      if (next === undefined || (commands.length > 0 && bytes + next.bytes.length > bytesMax)) break;
      queue.shift();
      this.bytes -= costOf(next);
      commands.push(next);
      bytes += next.bytes.length;
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
    for (const command of due) {
      this.bytes -= costOf(command);
      command.settle?.reject(error);
      command.settle = undefined;
    }
    return due.length;
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
