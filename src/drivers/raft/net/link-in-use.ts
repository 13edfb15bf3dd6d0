import type { PeerLink } from './peer-link.js';

/**
 * The link that the messages of one class take. Another connection may overtake it, and appends out of order cost a
 * rejection, so a better link is taken only once the peer has answered a ping behind the last message, or when
 * messages come so fast that this has not happened for a while.
 */
export class LinkInUse {
  private link: PeerLink | undefined;
  private betterSinceMs = 0;
  /** Number of the ping behind the last message; 0: there is none. */
  private lastPing = 0;

  /** The link for what is sent now, given the one that would be best. */
  choose(best: PeerLink | undefined, nowMs: number): PeerLink | undefined {
    const { link } = this;
    if (link === undefined || !link.isUsable || best === undefined || this.isTime(link, nowMs)) this.link = best;
    if (this.link === best) this.betterSinceMs = nowMs;
    return this.link;
  }

  /** The message has gone into the chosen link; `best` is as before. */
  sent(best: PeerLink | undefined): void {
    const { link } = this;
    this.lastPing = link === undefined || link === best ? 0 : link.ping();
  }

  private isTime(link: PeerLink, nowMs: number): boolean {
    const hasArrived = this.lastPing > 0 && link.pongs >= this.lastPing;
    return hasArrived || nowMs - this.betterSinceMs >= PATIENCE_MS;
  }
}

const PATIENCE_MS = 1_000;
