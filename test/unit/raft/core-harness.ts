import { nodeId, Prng } from '../../../src/base/index.js';
import type { LogEntry } from '../../../src/ports/index.js';
import {
  bootstrap,
  type Effects,
  logIndex,
  memberId,
  RaftCore,
  type RaftMessage,
  type RaftOptions,
  type Restored,
  term,
} from '../../../src/raft/index.js';

/** A message without the fields that every test would repeat. */
export type Sent = RaftMessage extends infer M ? (M extends RaftMessage ? Omit<M, 'to'> : never) : never;

/** One core of a group of `size` members (ids 1 to size), with a disk that finishes when told to. */
export class CoreHarness {
  readonly core: RaftCore;
  readonly id = memberId(1);
  nowMs = 0;
  private sequence = 0;

  constructor(o: { size?: number; restored?: Restored; options?: Partial<RaftOptions> } = {}) {
    const names = Array.from({ length: o.size ?? 3 }, (_, at) => nodeId(`n${at + 1}`));
    const options = { electionTimeoutMs: 100, heartbeatIntervalMs: 10, ...o.options };
    const parts = { id: this.id, random: new Prng('harness'), nowMs: 0, options };
    this.core = new RaftCore(parts, o.restored ?? bootstrap(names));
  }

  /** Steps a message of member `from`. */
  step(from: number, message: Sent): void {
    this.core.step(memberId(from), { ...message, to: this.id } as RaftMessage, this.nowMs);
  }

  /** Drains without finishing the write. */
  drain(): Effects {
    const effects = this.core.drain();
    this.sequence = effects.persist?.sequence ?? this.sequence;
    return effects;
  }

  /** The disk finishes everything handed out. */
  sync(): void {
    this.core.persisted(this.sequence, this.nowMs);
  }

  /** Drains and syncs until there is nothing more; everything that was sent. */
  settle(): RaftMessage[] {
    const sent: RaftMessage[] = [];
    for (;;) {
      const effects = this.drain();
      sent.push(...effects.sendNow, ...effects.sendAfterPersist.messages);
      const last = effects.apply.entries.at(-1);
      if (last !== undefined) this.core.applied(last.index);
      if (effects.persist === undefined) return sent;
      this.sync();
    }
  }

  /** Lets the election timer run out and wins the pre-vote and the election with member 2's vote. */
  lead(): void {
    this.campaign();
    this.step(2, { type: 'voteReply', term: this.core.status().term, isGranted: true });
    this.settle();
  }

  /** Lets the election timer run out and wins the pre-vote. */
  campaign(): RaftMessage[] {
    this.nowMs = Math.ceil(this.core.nextDeadlineMs());
    this.core.tick(this.nowMs);
    this.settle();
    this.step(2, { type: 'preVoteReply', term: term(this.core.status().term + 1), isGranted: true });
    return this.settle();
  }
}

export function position(
  index: number,
  at: number,
): { index: ReturnType<typeof logIndex>; term: ReturnType<typeof term> } {
  return { index: logIndex(index), term: term(at) };
}

export function entry(index: number, at: number, text = ''): LogEntry {
  return { ...position(index, at), type: 'commands', data: new TextEncoder().encode(text) };
}

/** Those messages that are of one type. */
export function ofType<T extends RaftMessage['type']>(
  messages: readonly RaftMessage[],
  type: T,
): Extract<RaftMessage, { type: T }>[] {
  return messages.filter((message): message is Extract<RaftMessage, { type: T }> => message.type === type);
}
