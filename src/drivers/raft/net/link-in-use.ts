import type { PeerLink } from './peer-link.js';

/**
 * The link that the messages of one class take. Another connection may overtake it, and appends out of order cost a
 * rejection, so a better link is taken only in a gap between messages, or when none has come for a while.
 */
export class LinkInUse {
  private link: PeerLink | undefined;
  private sentMs = 0;
  private betterSinceMs = 0;

  /** The link for what is sent now, given the one that would be best. */
  choose(best: PeerLink | undefined, nowMs: number): PeerLink | undefined {
    const { link } = this;
    if (link === undefined || !link.isUsable || best === undefined || this.isTime(nowMs)) this.link = best;
    if (this.link === best) this.betterSinceMs = nowMs;
    this.sentMs = nowMs;
    return this.link;
  }

  private isTime(nowMs: number): boolean {
    return nowMs - this.sentMs >= GAP_MS || nowMs - this.betterSinceMs >= PATIENCE_MS;
  }
}

/** Far above the time that a message takes within a datacentre, below the interval of heartbeats. */
const GAP_MS = 20;
const PATIENCE_MS = 1_000;
