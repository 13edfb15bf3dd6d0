/**
 * What the end of a connection's turn has to do, so that it does no more than that.
 *
 * quiche acknowledges in a datagram of its own at the next `send`. When a datagram has brought something to the user, an
 * answer is often ready one turn later (the user's promises and `setImmediate` callbacks run first), so a lone datagram
 * is acknowledged one turn late: in the answer, if there is one. That is far below `max_ack_delay`; a second datagram is
 * acknowledged at once, as RFC 9000, section 13.2.2, recommends. Between two idle directors it saves one of four datagrams.
 * Where answers do not come (the side that asks), it stops waiting for them, and tries again now and then.
 */
export class TurnDuty {
  private state: State = SEND;
  private isWaiting = false;
  /** Waits in a row that brought no answer. */
  private inVain = 0;
  private skipped = 0;

  /** Something other than an acknowledgement may have to leave: the turn sends. */
  mustSend(): void {
    this.state = SEND;
    this.answered();
  }

  /** A datagram was taken. `isAlone`: nothing else has asked for this turn. */
  received(isAlone: boolean): void {
    this.state = isAlone ? LONE : SEND;
    this.isWaiting = false;
  }

  /** It brought nothing to the user, so no answer will come; it may have made room for what waits, though. */
  broughtNothing(): void {
    if (this.state === LONE) this.state = SEND;
  }

  /** All that could leave has left. */
  sent(): void {
    this.state = NOTHING;
    this.answered();
  }

  /** Asked once at the end of a turn. */
  next(): 'nothing' | 'anotherTurn' | 'send' {
    if (this.state === NOTHING) return 'nothing';
    if (this.state === LONE && this.isWorthWaiting()) {
      this.state = SEND;
      this.isWaiting = true;
      return 'anotherTurn';
    }
    if (this.isWaiting) this.inVain += 1;
    this.isWaiting = false;
    return 'send';
  }

  private answered(): void {
    if (this.isWaiting) this.inVain = 0;
    this.isWaiting = false;
  }

  private isWorthWaiting(): boolean {
    if (this.inVain < IN_VAIN_MAX) return true;
    this.skipped = (this.skipped + 1) % RETRY_AFTER;
    return this.skipped === 0;
  }
}

type State = 0 | 1 | 2;
const NOTHING = 0;
/** One datagram with something for the user has come since the last send. */
const LONE = 1;
const SEND = 2;
const IN_VAIN_MAX = 4;
const RETRY_AFTER = 16;
