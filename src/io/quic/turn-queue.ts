import type { Clock } from '../../ports/index.js';
import type { QuicConnection } from './connection.js';

/**
 * Runs each connection that has something to do once per turn of the event loop, after all datagrams and callbacks of
 * that turn (`setImmediate`): everything written meanwhile leaves together. Measured on loopback at 64 outstanding
 * calls: 133,000 calls/s this way, 36,000 with a flush per microtask.
 */
export class TurnQueue {
  private readonly clock: Clock;
  private readonly run: (connection: QuicConnection) => void;
  private readonly isSocketBlocked: () => boolean;
  private current: QuicConnection[] = [];
  private next: QuicConnection[] = [];
  private blocked: QuicConnection[] = [];
  private isScheduled = false;

  constructor(clock: Clock, run: (connection: QuicConnection) => void, isSocketBlocked: () => boolean) {
    this.clock = clock;
    this.run = run;
    this.isSocketBlocked = isSocketBlocked;
  }

  add(connection: QuicConnection): void {
    if (connection.scheduled) return;
    connection.scheduled = true;
    this.next.push(connection);
    if (this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(this.runTurn);
  }

  /** Puts a connection off until the kernel's send buffer has room. */
  addBlocked(connection: QuicConnection): void {
    this.blocked.push(connection);
    if (this.blocked.length === 1) this.clock.setTimer(RETRY_MS, this.retryBlocked, { unref: true });
  }

  readonly runTurn = (): void => {
    this.isScheduled = false;
    const turn = this.next;
    this.next = this.current;
    this.current = turn;
    for (let i = 0; i < turn.length; i += 1) {
      const connection = turn[i];
      if (connection === undefined) continue;
      connection.scheduled = false;
      this.run(connection);
    }
    turn.length = 0;
  };

  private readonly retryBlocked = (): void => {
    if (this.isSocketBlocked()) {
      this.clock.setTimer(RETRY_MS, this.retryBlocked, { unref: true });
      return;
    }
    const { blocked } = this;
    this.blocked = [];
    for (const connection of blocked) this.add(connection);
  };
}

const RETRY_MS = 1;
