import type { RpcError } from '../../base/index.js';
import type { CommandSettle, LogIndex, Term } from '../../ports/index.js';
import { encodeCommands } from './command-codec.js';

/** A command that was taken on. */
export interface PendingCommand {
  readonly bytes: Uint8Array;
  readonly deadlineMs: number;
  readonly sinceMs: number;
  /** `undefined` once it has been answered. */
  settle: CommandSettle | undefined;
}

/** The commands of one entry that this member proposed. */
export class PendingBatch {
  index = 0 as LogIndex;
  term = 0 as Term;
  readonly payload: Uint8Array;
  private readonly commands: readonly PendingCommand[];

  constructor(commands: readonly PendingCommand[]) {
    let bytes = 0;
    for (const command of commands) bytes += command.bytes.length;
    this.commands = commands;
    this.payload = encodeCommands(commands, bytes);
  }

  /** Without the commands that have been answered, for a batch that was not proposed; `undefined` when none is left. */
  rest(): PendingBatch | undefined {
    const left = this.commands.filter(({ settle }) => settle !== undefined);
    if (left.length === this.commands.length) return this;
    return left.length === 0 ? undefined : new PendingBatch(left);
  }

  get size(): number {
    return this.commands.length;
  }

  /** One reply for each command; those whose time ran out have no use for theirs. */
  resolve(replies: readonly Uint8Array[]): void {
    for (let at = 0; at < this.commands.length; at += 1) {
      const command = this.commands[at];
      const reply = replies[at];
      if (command === undefined || reply === undefined) continue;
      const { settle } = command;
      command.settle = undefined;
      settle?.resolve(reply);
    }
  }

  /** Returns how many were still waiting. */
  reject(error: RpcError): number {
    return this.rejectDue(Number.POSITIVE_INFINITY, error);
  }

  /** Rejects those whose deadline has come; returns how many there were. */
  rejectDue(nowMs: number, error: RpcError): number {
    let count = 0;
    for (const command of this.commands) {
      const { settle } = command;
      if (settle === undefined || command.deadlineMs > nowMs) continue;
      command.settle = undefined;
      settle.reject(error);
      count += 1;
    }
    return count;
  }

  /** The earliest deadline of those who wait; `Infinity` when nobody does. */
  nextDeadlineMs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { settle, deadlineMs } of this.commands) {
      if (settle !== undefined && deadlineMs < next) next = deadlineMs;
    }
    return next;
  }
}
