import type { NodeId } from '../base/index.js';
import { messageSize } from './codec/datagram-codec.js';
import type { News } from './messages.js';

/**
 * News that waits to be sent along (SWIM, section 4.1): what was sent least goes first, and news that decides who is a
 * member (suspicions, deaths, refutations, departures) before all other. News about a member replaces what was queued
 * about it.
 *
 * ```
 *   critical:  sent 0 times: a - b     sent once: c     sent twice: -   ...
 *   ordinary:  sent 0 times: d         sent once: -     ...
 * ```
 */
export class BroadcastQueue {
  private readonly bySubject = new Map<NodeId, Entry>();
  private readonly tiers: [Entry[], Entry[]] = [[], []];
  private readonly taken: Entry[] = [];

  get size(): number {
    return this.bySubject.size;
  }

  has(subject: NodeId): boolean {
    return this.bySubject.has(subject);
  }

  put(news: News, isCritical: boolean): void {
    const replaced = this.bySubject.get(news.id);
    if (replaced !== undefined) unlink(replaced);
    const entry = new Entry(news, isCritical ? 0 : 1);
    this.bySubject.set(news.id, entry);
    this.append(entry);
  }

  /** What is queued about a member is no longer worth telling. */
  drop(subject: NodeId): void {
    const entry = this.bySubject.get(subject);
    if (entry === undefined) return;
    unlink(entry);
    this.bySubject.delete(subject);
  }

  /**
   * Adds to `out` what fits into `roomBytes` and counts it as sent once more; what was sent `limit` times leaves the
   * queue. Returns the bytes used. Cost: the messages taken, and a bounded number that did not fit.
   */
  take(roomBytes: number, limit: number, out: News[]): number {
    let room = roomBytes;
    for (const tiers of this.tiers) room = this.takeFrom(tiers, room, limit, out);
    for (const entry of this.taken) this.resend(entry, limit);
    this.taken.length = 0;
    return roomBytes - room;
  }

  private takeFrom(tiers: readonly Entry[], roomBytes: number, limit: number, out: News[]): number {
    let room = roomBytes;
    let misfits = 0;
    for (let sends = 0; sends < tiers.length; sends += 1) {
      const head = tiers[sends] as Entry;
      for (let entry = head.next; entry !== head; entry = entry.next) {
        if (room < SMALLEST_NEWS_BYTES || misfits > MISFITS_MAX) return room;
        if (sends >= limit) {
          this.taken.push(entry); // N has shrunk, and the limit with it
        } else if (entry.sizeBytes > room) {
          misfits += 1;
        } else {
          room -= entry.sizeBytes;
          out.push(entry.news as News);
          this.taken.push(entry);
        }
      }
    }
    return room;
  }

  private resend(entry: Entry, limit: number): void {
    unlink(entry);
    entry.sends += 1;
    if (entry.sends < limit) this.append(entry);
    else this.bySubject.delete((entry.news as News).id);
  }

  private append(entry: Entry): void {
    const tiers = this.tiers[entry.tier];
    while (tiers.length <= entry.sends) tiers.push(new Entry(undefined, entry.tier));
    const head = tiers[entry.sends] as Entry;
    entry.previous = head.previous;
    entry.next = head;
    head.previous.next = entry;
    head.previous = entry;
  }
}

/** One piece of news, or the head of a circular list. */
class Entry {
  readonly news: News | undefined;
  readonly sizeBytes: number;
  readonly tier: 0 | 1;
  sends = 0;
  next: Entry = this;
  previous: Entry = this;

  constructor(news: News | undefined, tier: 0 | 1) {
    this.news = news;
    this.sizeBytes = news === undefined ? 0 : messageSize(news);
    this.tier = tier;
  }
}

function unlink(entry: Entry): void {
  entry.previous.next = entry.next;
  entry.next.previous = entry.previous;
  entry.next = entry;
  entry.previous = entry;
}

/** How often each node sends a piece of news in a cluster of `liveCount` members (memberlist's formula). */
export function retransmitLimit(retransmitMult: number, liveCount: number): number {
  return retransmitMult * Math.max(1, Math.ceil(Math.log10(liveCount + 1)));
}

/** A departure of a node with an id of one character. */
const SMALLEST_NEWS_BYTES = 5;
/** News that does not fit is passed over this often, so that a full datagram does not cost a walk over the queue. */
const MISFITS_MAX = 8;
