import { assert } from '../base/index.js';
import type { KeyVersion } from './key-version.js';

/** What one revision changed: in key order; alone when it is one, as most are, to spare the array. */
export type Changes = KeyVersion | readonly KeyVersion[];

export function changesOf(changes: Changes): readonly KeyVersion[] {
  return isOne(changes) ? [changes] : changes;
}

function isOne(changes: Changes): changes is KeyVersion {
  return 'modRevision' in changes;
}

/** What each revision changed, without a gap from the first to the last: a queue that is read by number. */
export class ChangeLog {
  private firstRevision = 0;
  private items: Changes[] = [];
  /** Where `firstRevision` stands: forgotten ones before it are cut off together. */
  private start = 0;

  /** The oldest revision that is there; `undefined` when there is none. */
  get oldest(): number | undefined {
    return this.start === this.items.length ? undefined : this.firstRevision;
  }

  at(revision: number): Changes | undefined {
    return revision < this.firstRevision ? undefined : this.items[this.start + revision - this.firstRevision];
  }

  push(revision: number, changes: Changes): void {
    if (this.start === this.items.length) this.firstRevision = revision;
    assert(revision === this.firstRevision + this.items.length - this.start, 'revisions without a gap');
    this.items.push(changes);
  }

  /** Forgets the oldest revision. */
  shift(): void {
    this.items[this.start] = NOTHING;
    this.start += 1;
    this.firstRevision += 1;
    if (this.start < CUT_AT || this.start * 2 < this.items.length) return;
    this.items = this.items.slice(this.start);
    this.start = 0;
  }
}

const NOTHING: Changes = [];
/** A short log need not be cut. */
const CUT_AT = 1_024;
