import { NO_ROW } from './row-pages.js';

/**
 * Versions in the order of their revisions, those of one revision in key order: a queue that is read by place. A place is
 * written once, so a copy shares the pages.
 */
export class ChangeLog {
  private pages: Int32Array[] = [];
  /** Places of the first page that are no longer needed. */
  private start = 0;
  length = 0;

  /** The oldest is at 0. */
  at(place: number): number {
    if (place >= this.length) return NO_ROW;
    const at = this.start + place;
    return (this.pages[at >>> PAGE_BITS] as Int32Array)[at & (PAGE_PLACES - 1)] as number;
  }

  push(version: number): void {
    const at = this.start + this.length;
    if (at >>> PAGE_BITS === this.pages.length) this.pages.push(new Int32Array(PAGE_PLACES));
    (this.pages[at >>> PAGE_BITS] as Int32Array)[at & (PAGE_PLACES - 1)] = version;
    this.length += 1;
  }

  /** Takes the oldest; `NO_ROW` when there is none. */
  shift(): number {
    const oldest = this.at(0);
    if (oldest === NO_ROW) return oldest;
    this.start += 1;
    this.length -= 1;
    if (this.start === PAGE_PLACES) {
      this.pages.shift();
      this.start = 0;
    }
    return oldest;
  }

  /** A frozen copy, to read only. */
  copy(): ChangeLog {
    const copy = new ChangeLog();
    copy.pages = this.pages.slice();
    copy.start = this.start;
    copy.length = this.length;
    return copy;
  }
}

const PAGE_BITS = 12;
const PAGE_PLACES = 1 << PAGE_BITS;
