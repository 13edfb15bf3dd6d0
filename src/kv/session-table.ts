import { LIMITS } from '../base/index.js';
import type { SessionStamp } from './command.js';
import { Recent } from './recent.js';
import { Refusal } from './refusal.js';
import { bytesOf, REPLY_FORGOTTEN, type Remembered, ReplyWindow } from './reply-window.js';
import { compareNumbers, SortedMap } from './sorted-map.js';

/**
 * Which commands of which client session were executed, and with what reply: a command that is proposed again, because
 * its first proposal was thought lost, is answered and not executed (Raft dissertation, section 6.3).
 *
 * A session lives as long as the lease of its id. What a session makes the store remember is bounded in number
 * (`kvSessionCommandsMax`) and bytes (`kvSessionBytesMax`); beyond these bytes the oldest replies are forgotten, but not
 * that their commands were executed. What all sessions make it remember is bounded too (`kvSessionsBytesMax`): beyond that
 * a long reply is not remembered to begin with.
 */
export class SessionTable {
  private ordered = new SortedMap<number, ClientSession>(compareNumbers);
  /** The same by hash. */
  private readonly byId = new Map<number, ClientSession>();
  private readonly recent = new Recent<ClientSession>();
  /** Bytes of the replies that all sessions remember. */
  private bytes = 0;
  /** Raised by `copy`: sessions of earlier ones are shared with copies. */
  private epoch = 0;

  /**
   * What is remembered of a command that was executed before; `undefined` for one that is to be executed now.
   *
   * @throws Refusal `KV_REPLY_FORGOTTEN`, `KV_INVALID`
   */
  replyTo({ id, sequence, acknowledged }: SessionStamp): Remembered | undefined {
    const floor = this.acknowledge(id, Math.min(acknowledged, sequence - 1));
    const reply = this.get(id)?.replies.get(sequence);
    if (reply !== undefined && reply !== REPLY_FORGOTTEN) return reply;
    if (sequence <= floor || reply === REPLY_FORGOTTEN) {
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

  remember({ id, sequence }: SessionStamp, reply: Remembered): void {
    const session = this.own(id);
    const bytes = bytesOf(reply);
    if (bytes > SHORT_BYTES && this.bytes + bytes > LIMITS.kvSessionsBytesMax) {
      session.replies.set(sequence, REPLY_FORGOTTEN);
      return;
    }
    this.add(session, sequence, reply, bytes);
    if (session.bytes <= LIMITS.kvSessionBytesMax) return;
    const before = session.bytes;
    forgetOldest(session);
    this.bytes -= before - session.bytes;
  }

  end(id: number): void {
    this.bytes -= this.byId.get(id)?.bytes ?? 0;
    if (!this.byId.delete(id)) return;
    this.recent.forget(id);
    this.ordered.delete(id);
  }

  /** In order of their ids. */
  *sessions(): Generator<Readonly<ClientSession>> {
    for (const [, session] of this.ordered.entries()) yield session;
  }

  /** Adds a session as it is, from a snapshot. */
  load(id: number, floor: number): void {
    this.own(id).replies.floor = floor;
  }

  /** Adds a reply as it is, from a snapshot; false when its session is not there or has no place for it. */
  loadReply(id: number, sequence: number, reply: Remembered): boolean {
    const floor = this.get(id)?.replies.floor;
    if (floor === undefined || sequence <= floor || sequence > floor + LIMITS.kvSessionCommandsMax) return false;
    this.add(this.own(id), sequence, reply, bytesOf(reply));
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
    const floor = this.get(id)?.replies.floor ?? 0;
    if (acknowledged <= floor) return floor;
    const session = this.own(id);
    const bytes = session.replies.forgetTo(acknowledged);
    session.bytes -= bytes;
    this.bytes -= bytes;
    return acknowledged;
  }

  private get(id: number): ClientSession | undefined {
    const recent = this.recent.get(id);
    if (recent !== undefined) return recent;
    const found = this.byId.get(id);
    if (found !== undefined) this.recent.set(found);
    return found;
  }

  private add(session: ClientSession, sequence: number, reply: Remembered, bytes: number): void {
    session.replies.set(sequence, reply);
    session.bytes += bytes;
    this.bytes += bytes;
  }

  /** A session, made if need be, that no copy of the table shares. */
  private own(id: number): ClientSession {
    const found = this.get(id);
    if (found?.epoch === this.epoch) return found;
    const own: ClientSession =
      found === undefined
        ? { id, epoch: this.epoch, bytes: 0, replies: new ReplyWindow() }
        : { ...found, epoch: this.epoch, replies: found.replies.copy() };
    this.byId.set(id, own);
    this.recent.set(own);
    this.ordered.set(id, own);
    return own;
  }
}

export interface ClientSession {
  readonly id: number;
  /** The table that may change it: a copy shares those of an earlier one. */
  readonly epoch: number;
  /** Bytes of the replies that are remembered. */
  bytes: number;
  readonly replies: ReplyWindow;
}

function forgetOldest(session: ClientSession): void {
  const { replies } = session;
  for (const sequence of replies.sequences()) {
    if (session.bytes <= LIMITS.kvSessionBytesMax) return;
    session.bytes -= bytesOf(replies.get(sequence) ?? REPLY_FORGOTTEN);
    replies.set(sequence, REPLY_FORGOTTEN);
  }
}

/** More than the reply to a put that gave nothing back, which the limit of all sessions does not keep from being remembered. */
const SHORT_BYTES = 64;
