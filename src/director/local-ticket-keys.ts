import type { Clock, Random, Timer } from '../ports/index.js';
import type { TicketKey } from './ticket-keys.js';

/** The session ticket key of a director without replicated metadata: made here, and a new one from time to time. */
export class LocalTicketKeys {
  private readonly clock: Clock;
  private readonly random: Random;
  private readonly rotationMs: number;
  private readonly onKey: (key: TicketKey) => void;
  private present: TicketKey;
  private timer: Timer | undefined;

  /**
   * @param rotationMs 0 keeps the first key for ever
   * @param onKey called for every new key, not for the first
   */
  constructor(clock: Clock, random: Random, rotationMs: number, onKey: (key: TicketKey) => void) {
    this.clock = clock;
    this.random = random;
    this.rotationMs = rotationMs;
    this.onKey = onKey;
    this.present = newKey(random);
    this.arm();
  }

  get current(): TicketKey {
    return this.present;
  }

  stop(): void {
    this.timer?.cancel();
  }

  private arm(): void {
    if (this.rotationMs > 0) this.timer = this.clock.setTimer(this.rotationMs, () => this.rotate(), { unref: true });
  }

  private rotate(): void {
    this.present = newKey(this.random);
    this.onKey(this.present);
    this.arm();
  }
}

function newKey(random: Random): TicketKey {
  return { id: Buffer.from(random.bytes(8)).toString('hex'), key: Buffer.from(random.bytes(TICKET_KEY_BYTES)) };
}

const TICKET_KEY_BYTES = 48;
