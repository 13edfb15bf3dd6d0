import { LIMITS } from '../base/index.js';
import type { SessionStamp } from './command.js';
import { Refusal } from './refusal.js';
import { compareNumbers, SortedMap } from './sorted-map.js';

/**
 * Which commands of which client session were executed, and with what reply: a command that is proposed again, because
 * its first proposal was thought lost, is answered and not executed (Raft dissertation, section 6.3).
 *
 * A session lives as long as the lease of its id. What a session makes the store remember is bounded in number
 * (`kvSessionCommandsMax`) and bytes (`kvSessionBytesMax`); beyond these bytes the oldest replies are forgotten, but not
 * that their commands were executed.
 */
export class SessionTable {
  private ordered = new SortedMap<number, ClientSession>(compareNumbers);
  /** The same by hash. */
  private readonly byId = new Map<number, ClientSession>();
  /** Raised by `copy`: sessions of earlier ones are shared with copies. */
  private epoch = 0;

  /**
   * The remembered reply of a command that was executed before; `undefined` for one that is to be executed now.
   *
   * @throws Refusal `KV_REPLY_FORGOTTEN`, `KV_INVALID`
   */
  replyTo({ id, sequence, acknowledged }: SessionStamp): Uint8Array | undefined {
    const floor = this.acknowledge(id, Math.min(acknowledged, sequence - 1));
    const replies = this.byId.get(id)?.replies;
    const reply = replies?.get(sequence);
    if (reply !== undefined) return reply;
    if (sequence <= floor || replies?.has(sequence) === true) {
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
    const session = this.own(id);
    session.replies.set(sequence, reply);
    session.bytes += reply.length;
    if (session.bytes > LIMITS.kvSessionBytesMax) forgetOldest(session);
  }

  end(id: number): void {
    if (!this.byId.delete(id)) return;
    this.ordered.delete(id);
  }

  /** In order of their ids. */
  *sessions(): Generator<Readonly<ClientSession>> {
    for (const [, session] of this.ordered.entries()) yield session;
  }

  /** Adds a session as it is, from a snapshot. */
  load(id: number, floor: number): void {
    this.own(id).floor = floor;
  }

  /** Adds a reply as it is, from a snapshot; false when its session is not there. */
  loadReply(id: number, sequence: number, reply: Uint8Array | undefined): boolean {
    if (!this.byId.has(id)) return false;
    const session = this.own(id);
    session.replies.set(sequence, reply);
    session.bytes += reply?.length ?? 0;
    return true;
  }

  /** A frozen copy, for {@link sessions} only: what a snapshot is written from. */
  copy(): SessionTable {
    const copy = new SessionTable();
    copy.ordered = this.ordered.copy();
    this.epoch += 1;
    return copy;
  }

  /** Forgets the replies that the client has; returns the floor. */
  private acknowledge(id: number, acknowledged: number): number {
    const floor = this.byId.get(id)?.floor ?? 0;
    if (acknowledged <= floor) return floor;
    const session = this.own(id);
    const { replies } = session;
    // Usually the next few; after a gap it is less work to look at those that are there.
    if (acknowledged - floor <= replies.size) {
      for (let sequence = floor + 1; sequence <= acknowledged; sequence += 1) forget(session, sequence);
    } else for (const sequence of [...replies.keys()]) if (sequence <= acknowledged) forget(session, sequence);
    session.floor = acknowledged;
    return acknowledged;
  }

  /** A session, made if need be, that no copy of the table shares. */
  private own(id: number): ClientSession {
    const found = this.byId.get(id);
    if (found?.epoch === this.epoch) return found;
    const own: ClientSession =
      found === undefined
        ? { id, epoch: this.epoch, floor: 0, bytes: 0, replies: new Map() }
        : { ...found, epoch: this.epoch, replies: new Map(found.replies) };
    this.byId.set(id, own);
    this.ordered.set(id, own);
    return own;
  }
}

export interface ClientSession {
  readonly id: number;
  /** The table that may change it: a copy shares those of an earlier one. */
  readonly epoch: number;
  /** All commands up to this one are answered and forgotten. */
  floor: number;
  /** Bytes of the replies that are remembered. */
  bytes: number;
  /** Of executed commands above the floor, by sequence; `undefined`: executed, reply forgotten. */
  readonly replies: Map<number, Uint8Array | undefined>;
}

/** Sequences of a session in order. */
export function sequencesOf({ replies }: Readonly<ClientSession>): number[] {
  return [...replies.keys()].sort(compareNumbers);
}

function forget(session: ClientSession, sequence: number): void {
  session.bytes -= session.replies.get(sequence)?.length ?? 0;
  session.replies.delete(sequence);
}

function forgetOldest(session: ClientSession): void {
  for (const sequence of sequencesOf(session)) {
    if (session.bytes <= LIMITS.kvSessionBytesMax) return;
    session.bytes -= session.replies.get(sequence)?.length ?? 0;
    session.replies.set(sequence, undefined);
  }
}
