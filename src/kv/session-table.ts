import { LIMITS } from '../base/index.js';
import type { SessionStamp } from './command.js';
import { Refusal } from './refusal.js';
import { compareNumbers, SortedMap } from './sorted-map.js';

/** Never changed. */
export interface Session {
  readonly id: number;
  /** All commands up to this one are answered and forgotten. */
  readonly floor: number;
  /** Bytes of the replies that are remembered. */
  readonly bytes: number;
}

export interface CommandId {
  readonly session: number;
  readonly sequence: number;
}

/**
 * Which commands of which client session were executed, and with what reply: a command that is proposed again, because
 * its first proposal was thought lost, is answered and not executed (Raft dissertation, section 6.3).
 *
 * A session lives as long as the lease of its id. What a session makes the store remember is bounded in number
 * (`kvSessionCommandsMax`) and bytes (`kvSessionBytesMax`); beyond these bytes the oldest replies are forgotten, but not
 * that their commands were executed.
 */
export class SessionTable {
  sessions = new SortedMap<number, Session>(compareNumbers);
  /** `undefined`: executed, reply forgotten. */
  replies = new SortedMap<CommandId, Uint8Array | undefined>(compareCommands);

  /**
   * The remembered reply of a command that was executed before; `undefined` for one that is to be executed now.
   *
   * @throws Refusal `KV_REPLY_FORGOTTEN`, `KV_INVALID`
   */
  replyTo({ id, sequence, acknowledged }: SessionStamp): Uint8Array | undefined {
    const floor = this.acknowledge(id, Math.min(acknowledged, sequence - 1));
    const command = { session: id, sequence };
    const reply = this.replies.get(command);
    if (reply !== undefined) return reply;
    if (sequence <= floor || this.replies.has(command)) {
      throw new Refusal(
        'KV_REPLY_FORGOTTEN',
        `command ${sequence} of session ${id} was executed, its reply is forgotten`,
      );
    }
    if (sequence > floor + LIMITS.kvSessionCommandsMax) {
      const ahead = `${LIMITS.kvSessionCommandsMax} beyond what it acknowledged (${floor})`;
      throw new Refusal('KV_INVALID', `command ${sequence} of session ${id} is more than ${ahead}`);
    }
    return undefined;
  }

  remember({ id, sequence }: SessionStamp, reply: Uint8Array): void {
    const session = this.sessions.get(id) ?? { id, floor: 0, bytes: 0 };
    this.replies.set({ session: id, sequence }, reply);
    let bytes = session.bytes + reply.length;
    if (bytes > LIMITS.kvSessionBytesMax) bytes = this.forgetOldest(id, bytes);
    this.sessions.set(id, { ...session, bytes });
  }

  end(id: number): void {
    if (!this.sessions.delete(id)) return;
    for (const command of this.commandsOf(id, Number.MAX_SAFE_INTEGER)) this.replies.delete(command);
  }

  copy(): SessionTable {
    const copy = new SessionTable();
    copy.sessions = this.sessions.copy();
    copy.replies = this.replies.copy();
    return copy;
  }

  /** Forgets the replies that the client has; returns the floor. */
  private acknowledge(id: number, acknowledged: number): number {
    const session = this.sessions.get(id);
    const floor = session?.floor ?? 0;
    if (acknowledged <= floor) return floor;
    let bytes = session?.bytes ?? 0;
    for (const command of this.commandsOf(id, acknowledged)) {
      bytes -= this.replies.get(command)?.length ?? 0;
      this.replies.delete(command);
    }
    this.sessions.set(id, { id, floor: acknowledged, bytes });
    return acknowledged;
  }

  private forgetOldest(id: number, held: number): number {
    let bytes = held;
    for (const command of this.commandsOf(id, Number.MAX_SAFE_INTEGER)) {
      if (bytes <= LIMITS.kvSessionBytesMax) break;
      bytes -= this.replies.get(command)?.length ?? 0;
      this.replies.set(command, undefined);
    }
    return bytes;
  }

  private commandsOf(id: number, last: number): CommandId[] {
    const commands: CommandId[] = [];
    for (const [command] of this.replies.entries({ session: id, sequence: 0 })) {
      if (command.session !== id || command.sequence > last) break;
      commands.push(command);
    }
    return commands;
  }
}

function compareCommands(a: CommandId, b: CommandId): number {
  return a.session - b.session || a.sequence - b.sequence;
}
