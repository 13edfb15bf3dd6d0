import { NO_ROW } from './row-pages.js';

/** Versions in the order of their revisions, those of one revision in key order: a queue that is read by place. */
export class ChangeLog {
  /** A power of two of places. */
  private versions = new Int32Array(LENGTH_MIN);
  private start = 0;
  length = 0;

  /** The oldest is at 0. */
  at(place: number): number {
    return place < this.length ? (this.versions[(this.start + place) & (this.versions.length - 1)] as number) : NO_ROW;
  }

  push(version: number): void {
    if (this.length === this.versions.length) this.resize(this.length * 2);
    this.versions[(this.start + this.length) & (this.versions.length - 1)] = version;
    this.length += 1;
  }

  /** Takes the oldest; `NO_ROW` when there is none. */
  shift(): number {
    const oldest = this.at(0);
    if (oldest === NO_ROW) return oldest;
    this.start = (this.start + 1) & (this.versions.length - 1);
    this.length -= 1;
    if (this.versions.length > LENGTH_MIN && this.length * 8 < this.versions.length) this.resize(this.length * 2);
    return oldest;
  }

  private resize(lengthMin: number): void {
    let length = LENGTH_MIN;
    while (length < lengthMin) length *= 2;
    const versions = new Int32Array(length);
    for (let place = 0; place < this.length; place += 1) versions[place] = this.at(place);
    this.versions = versions;
    this.start = 0;
  }
}

const LENGTH_MIN = 1_024;
