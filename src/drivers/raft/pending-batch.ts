import {
  BYTE_LIST_HEAD_BYTES,
  encodeByteList,
  LIST_LENGTH_BYTES,
  listItemEnd,
  partOfByteList,
  type RpcError,
} from '../../base/index.js';
import type { CommandSettle, LogIndex, Term } from '../../ports/index.js';
import { type EncodableCommand, encodeCommands } from './command-codec.js';

/** A command, or a list of some, that was taken on. */
export interface PendingCommand extends EncodableCommand {
  readonly deadlineMs: number;
  readonly sinceMs: number;
  /** `undefined` once it has been answered. */
  settle: CommandSettle | undefined;
}

/** The replies to the commands of an entry: an array, or a list (`encodeByteList`). */
export type Replies = readonly Uint8Array[] | Uint8Array;

/** The commands of one entry that this member proposed. */
export class PendingBatch {
  index = 0 as LogIndex;
  term = 0 as Term;
  readonly payload: Uint8Array;
  /** How many commands the entry holds. */
  readonly size: number;
  private readonly commands: readonly PendingCommand[];

  constructor(commands: readonly PendingCommand[]) {
    let size = 0;
    for (const { listed = 1 } of commands) size += listed;
    this.commands = commands;
    this.size = size;
    this.payload = encodeCommands(commands);
  }

  /** Without the commands that have been answered, for a batch that was not proposed; `undefined` when none is left. */
  rest(): PendingBatch | undefined {
    const left = this.commands.filter(({ settle }) => settle !== undefined);
    if (left.length === this.commands.length) return this;
    return left.length === 0 ? undefined : new PendingBatch(left);
  }

  /** One reply for each command; those whose time ran out have no use for theirs. */
  resolve(replies: Replies): void {
    if (replies instanceof Uint8Array) this.resolveFrom(replies);
    else this.resolveWith(replies);
  }

  private resolveFrom(list: Uint8Array): void {
    let at = BYTE_LIST_HEAD_BYTES;
    for (const command of this.commands) {
      const { settle, listed } = command;
      const start = at;
      for (let left = listed ?? 1; left > 0; left -= 1) at = listItemEnd(list, at);
      if (settle === undefined) continue;
      command.settle = undefined;
      settle.resolve(
        listed === undefined ? list.subarray(start + LIST_LENGTH_BYTES, at) : partOfByteList(list, listed, start, at),
      );
    }
  }

  private resolveWith(replies: readonly Uint8Array[]): void {
    let at = 0;
    for (const command of this.commands) {
      const { settle, listed } = command;
      const next = at + (listed ?? 1);
      command.settle = undefined;
      settle?.resolve(listed === undefined ? (replies[at] as Uint8Array) : encodeByteList(replies.slice(at, next)));
      at = next;
    }
  }

  /** Returns how many commands were still waiting. */
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
      count += command.listed ?? 1;
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
