import { FixedQueue, type FlotillaError } from '../../base/index.js';
import type { HardState, LogIndex } from '../../ports/index.js';
import type { AfterPersist, MessageAfterPersist, Persist } from '../../raft/index.js';
import type { GroupHost } from './host.js';
import type { GroupLogStore } from './log-store.js';

/**
 * Gives writes to the log store, tells the core when they count as durable, and holds back the messages that have to
 * wait for that.
 *
 * With `memFirst` a write counts at once when it carries nothing but entries and a commit index. One with a term, a
 * vote or a snapshot counts when it is on the disk, and with it everything that came after: writes count in order.
 */
export class LogWrites {
  /** The last entry on this node's disk. */
  durableIndex: LogIndex;
  private readonly host: GroupHost;
  private readonly store: GroupLogStore;
  private readonly release: (message: MessageAfterPersist) => void;
  private readonly waiting = new FixedQueue<AfterPersist>();
  /** Writes that the store has not got yet (`memFirst` with a flush policy). */
  private behind: Persist[] = [];
  private behindEntries = 0;
  private flushDueMs = Number.POSITIVE_INFINITY;
  /** The last write that the core was given, that is on the disk, and that the core was told of. */
  private issued = 0;
  private finished = 0;
  private acknowledged = 0;
  /** The last write that must be on the disk before it counts. */
  private strict = 0;
  private state: HardState | undefined;
  private readonly isMemFirst: boolean;

  constructor(
    host: GroupHost,
    store: GroupLogStore,
    durable: { readonly index: LogIndex; readonly hardState: HardState | undefined },
    release: (message: MessageAfterPersist) => void,
  ) {
    this.host = host;
    this.store = store;
    this.release = release;
    this.durableIndex = durable.index;
    this.state = durable.hardState;
    this.isMemFirst = host.options.persistence === 'memFirst';
  }

  /** When `flush` has something to do. */
  get dueMs(): number {
    return this.flushDueMs;
  }

  persist(write: Persist): void {
    this.issued = write.sequence;
    const isStrict = !this.isMemFirst || this.promises(write);
    if (isStrict) this.strict = write.sequence;
    if (write.hardState !== undefined) this.state = write.hardState;
    this.behind.push(write);
    this.behindEntries += write.entries.length;
    const { flush } = this.host.options;
    if (isStrict || flush.type === 'immediate' || this.behindEntries >= flush.threshold) this.flush();
    else if (this.flushDueMs === Number.POSITIVE_INFINITY) this.flushDueMs = this.host.nowMs() + flush.intervalMs;
  }

  /** Hands what waits to the store. */
  flush(): void {
    this.flushDueMs = Number.POSITIVE_INFINITY;
    this.behindEntries = 0;
    for (const write of this.behind) this.write(write);
    this.behind.length = 0;
  }

  /** Keeps the messages until the writes before them count. */
  hold(messages: AfterPersist): void {
    if (messages.messages.length === 0) return;
    if (messages.sequence > this.acknowledged || this.waiting.length > 0) this.waiting.push(messages);
    else this.releaseAll(messages);
  }

  /** Tells the core what has come to count since the last call, and lets go of messages; false when nothing has. */
  settle(nowMs: number): boolean {
    const counted = this.finished >= this.strict ? Math.max(this.finished, this.lenient) : this.finished;
    if (counted <= this.acknowledged) return false;
    this.acknowledged = counted;
    this.host.core.persisted(counted, nowMs);
    for (let next = this.waiting.peek(); next !== undefined && next.sequence <= counted; next = this.waiting.peek()) {
      this.waiting.shift();
      this.releaseAll(next);
    }
    return true;
  }

  private get lenient(): number {
    return this.isMemFirst ? this.issued : 0;
  }

  private promises({ snapshot, hardState }: Persist): boolean {
    if (snapshot !== undefined) return true;
    return hardState !== undefined && (hardState.term !== this.state?.term || hardState.vote !== this.state?.vote);
  }

  private write(write: Persist): void {
    const done = (error: FlotillaError | undefined) => this.written(write, error);
    if (this.store.write !== undefined) this.store.write(write, done);
    else this.store.append(write).then(() => done(undefined), done);
  }

  private written({ sequence, entries, snapshot }: Persist, error: FlotillaError | undefined): void {
    if (error !== undefined) {
      this.host.fail(error);
      return;
    }
    this.finished = sequence;
    this.durableIndex = entries.at(-1)?.index ?? snapshot?.index ?? this.durableIndex;
    this.host.wake();
  }

  private releaseAll({ messages }: AfterPersist): void {
    for (const message of messages) this.release(message);
  }
}
