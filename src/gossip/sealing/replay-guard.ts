/**
 * Refuses a datagram that was seen before, by the counter that each sending session gives its datagrams: a window of
 * the last 64 counters per session (as in RFC 4303, section 3.4.3), so that datagrams may overtake each other.
 *
 * Sessions are forgotten once their datagrams would be refused for their age anyway; a bounded number is kept.
 */
export class ReplayGuard {
  private readonly sessions = new Map<string, Window>();
  private readonly rememberMs: number;
  private readonly sessionsMax: number;

  /** `rememberMs`: at least the span of time stamps that are accepted. */
  constructor(rememberMs: number, sessionsMax: number) {
    this.rememberMs = rememberMs;
    this.sessionsMax = sessionsMax;
  }

  get size(): number {
    return this.sessions.size;
  }

  /** True once for each counter of a session; false for a replay, one too old to tell, and a session too many. */
  accept(session: string, counter: number, wallMs: number): boolean {
    const window = this.sessions.get(session) ?? this.open(session, counter, wallMs);
    if (window === undefined) return false;
    if (!window.accept(counter)) return false;
    if (wallMs - window.lastMs > this.rememberMs / 4) this.touch(session, window, wallMs);
    return true;
  }

  private open(session: string, counter: number, wallMs: number): Window | undefined {
    if (this.sessions.size >= this.sessionsMax) this.forgetOld(wallMs);
    if (this.sessions.size >= this.sessionsMax) return undefined;
    const window = new Window(counter - 1, wallMs);
    this.sessions.set(session, window);
    return window;
  }

  /** The map is in the order of last use, a quarter of the memory exact. */
  private touch(session: string, window: Window, wallMs: number): void {
    window.lastMs = wallMs;
    this.sessions.delete(session);
    this.sessions.set(session, window);
    this.forgetOld(wallMs);
  }

  private forgetOld(wallMs: number): void {
    for (const [session, window] of this.sessions) {
      if (wallMs - window.lastMs <= 2 * this.rememberMs) return;
      this.sessions.delete(session);
    }
  }
}

/** Bit i of the two words: the counter `highest - i` was seen. */
class Window {
  lastMs: number;
  private highest: number;
  private low = 0;
  private high = 0;

  constructor(highest: number, lastMs: number) {
    this.highest = highest;
    this.lastMs = lastMs;
  }

  accept(counter: number): boolean {
    if (counter > this.highest) {
      this.moveTo(counter);
      return true;
    }
    const age = this.highest - counter;
    if (age >= 64) return false;
    const bit = 1 << (age & 31);
    if (((age < 32 ? this.low : this.high) & bit) !== 0) return false;
    if (age < 32) this.low |= bit;
    else this.high |= bit;
    return true;
  }

  private moveTo(counter: number): void {
    const by = counter - this.highest;
    if (by >= 64) {
      this.high = 0;
      this.low = 0;
    } else if (by >= 32) {
      this.high = this.low << (by - 32);
      this.low = 0;
    } else {
      this.high = (this.high << by) | (this.low >>> (32 - by));
      this.low <<= by;
    }
    this.low |= 1;
    this.highest = counter;
  }
}
