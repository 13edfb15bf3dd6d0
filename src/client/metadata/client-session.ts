import { assert, FixedQueue, LIMITS, RpcError } from '../../base/index.js';
import type { SessionStamp } from '../../kv/index.js';
import type { Clock, Logger, Timer } from '../../ports/index.js';
import type { RunCommand } from './command-reply.js';

/** A command that waits for its place in a session. */
export interface SessionUser {
  /** It no longer waits. */
  readonly ended: boolean;
  admitted(session: ClientSession, sequence: number): void;
  refused(error: RpcError): void;
}

export interface SessionKeeperDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly run: RunCommand;
}

/**
 * The session under which a client's writes count once however often they are sent (Raft dissertation, section 6.3).
 * Granted with the first write, kept alive while there are writes, given up after long idleness.
 */
export class SessionKeeper {
  private readonly deps: SessionKeeperDependencies;
  private readonly waiting = new FixedQueue<SessionUser>();
  private current: ClientSession | undefined;
  private granting = false;
  private closed = false;
  private usedAtMs = 0;
  private timer: Timer | undefined;

  constructor(deps: SessionKeeperDependencies) {
    this.deps = deps;
  }

  /** Admits `user`, at once if there is a session with room for it. */
  enter(user: SessionUser): void {
    const { current } = this;
    if (this.closed) user.refused(RpcError.of('CLOSED', 'the metadata client was closed'));
    else if (current === undefined || current.isFull || this.waiting.length > 0) {
      this.waiting.push(user);
      if (current === undefined) void this.grant();
    } else user.admitted(current, current.take());
  }

  /** The command has its answer, or nobody waits for it any more. */
  leave(session: ClientSession, sequence: number): void {
    session.finish(sequence);
    if (this.waiting.length > 0) this.admit();
  }

  /** The cluster does not know the session any more: later writes get another one. */
  expired(session: ClientSession): void {
    if (this.current !== session) return;
    this.current = undefined;
    this.timer?.cancel();
    this.deps.logger.warn({ session: session.id }, 'the metadata session has expired');
    if (this.waiting.length > 0) void this.grant();
  }

  /** Refuses what waits, and tells the cluster that the session is over, unless it takes longer than `timeoutMs`. */
  async close(timeoutMs: number): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.timer?.cancel();
    this.refuseAll(RpcError.of('CLOSED', 'the metadata client was closed'));
    await this.giveUp(timeoutMs);
  }

  private async grant(): Promise<void> {
    if (this.granting) return;
    this.granting = true;
    try {
      while (this.current === undefined && this.waiting.length > 0 && !this.closed) await this.grantOnce();
    } finally {
      this.granting = false;
    }
  }

  private async grantOnce(): Promise<void> {
    try {
      const { answer } = await this.deps.run({ type: 'grantLease', ttlMs: TTL_MS, nowMs: 0 }, GRANT_TIMEOUT_MS);
      this.current = new ClientSession(answer.lease);
      if (this.closed) return;
      this.usedAtMs = this.deps.clock.nowMs();
      this.arm();
      this.admit();
    } catch (thrown) {
      const error = RpcError.from(thrown);
      this.dropEnded();
      // Whoever has more time waits on; the others have given up by themselves.
      if (!error.retryable) this.refuseAll(error);
    }
  }

  private admit(): void {
    const { current } = this;
    while (current !== undefined && !current.isFull) {
      const user = this.waiting.shift();
      if (user === undefined) return;
      if (!user.ended) user.admitted(current, current.take());
    }
  }

  private dropEnded(): void {
    while (this.waiting.peek()?.ended === true) this.waiting.shift();
  }

  private refuseAll(error: RpcError): void {
    for (let user = this.waiting.shift(); user !== undefined; user = this.waiting.shift()) {
      if (!user.ended) user.refused(error);
    }
  }

  private arm(): void {
    this.timer = this.deps.clock.setTimer(TTL_MS / 3, () => void this.renew(), { unref: true });
  }

  private async renew(): Promise<void> {
    const { clock } = this.deps;
    const { current } = this;
    if (current === undefined) return;
    if (current.hasBeenUsed()) this.usedAtMs = clock.nowMs();
    if (clock.nowMs() - this.usedAtMs >= IDLE_MS) {
      await this.giveUp(TTL_MS);
      return;
    }
    try {
      await this.deps.run({ type: 'keepAlive', lease: current.id, nowMs: 0 }, TTL_MS / 3);
    } catch (thrown) {
      if (RpcError.from(thrown).reason === 'KV_LEASE_UNKNOWN') this.expired(current);
    }
    if (this.current === current && !this.closed) this.arm();
  }

  private async giveUp(timeoutMs: number): Promise<void> {
    const { current } = this;
    this.current = undefined;
    if (current === undefined) return;
    await this.deps.run({ type: 'revokeLease', lease: current.id }, timeoutMs).catch(() => undefined);
  }
}

/** One session: numbers commands, and knows up to which all are answered. */
export class ClientSession {
  readonly id: number;
  /** All commands up to this one have ended. */
  private floor = 0;
  private next = 1;
  private seen = 1;
  /** Commands above `floor` that have ended, by their number modulo the window. */
  private readonly finished = new Uint8Array(WINDOW);

  constructor(id: number) {
    this.id = id;
  }

  /** No further command before the oldest one has ended. */
  get isFull(): boolean {
    return this.next - this.floor > WINDOW;
  }

  take(): number {
    assert(!this.isFull, 'a place in the window');
    this.next += 1;
    return this.next - 1;
  }

  stamp(sequence: number): SessionStamp {
    return { id: this.id, sequence, acknowledged: this.floor };
  }

  finish(sequence: number): void {
    this.finished[sequence % WINDOW] = 1;
    while (this.finished[(this.floor + 1) % WINDOW] === 1) {
      this.floor += 1;
      this.finished[this.floor % WINDOW] = 0;
    }
  }

  /** Whether there was a command since the last call, or one is unanswered. */
  hasBeenUsed(): boolean {
    const used = this.next !== this.seen || this.floor + 1 !== this.next;
    this.seen = this.next;
    return used;
  }
}

/** Unanswered commands: the store allows so many beyond what is acknowledged. */
const WINDOW = LIMITS.kvSessionCommandsMax;
/** How long a client may be cut off before it no longer knows whether its unanswered writes were executed. */
const TTL_MS = 60_000;
const GRANT_TIMEOUT_MS = 10_000;
const IDLE_MS = 600_000;
