import { KeyVersion } from './key-version.js';

/**
 * The versions of one key since the last compaction, oldest first; never empty while the store holds it. It belongs to
 * the store of one `epoch`: a copy of the store shares it, and then the store changes a copy of its own instead.
 */
export class KeyHistory {
  readonly key: string;
  readonly epoch: number;
  /** What the key counts for, in bytes. */
  readonly keyBytes: number;
  private versions: KeyVersion[];
  /** Where the oldest one stands: forgotten ones before it are cut off together. */
  private start = 0;

  constructor(key: string, epoch: number, keyBytes = Buffer.byteLength(key), versions: KeyVersion[] = []) {
    this.key = key;
    this.epoch = epoch;
    this.keyBytes = keyBytes;
    this.versions = versions;
  }

  get isEmpty(): boolean {
    return this.start === this.versions.length;
  }

  get oldest(): KeyVersion | undefined {
    return this.versions[this.start];
  }

  get newest(): KeyVersion | undefined {
    return this.start === this.versions.length ? undefined : this.versions[this.versions.length - 1];
  }

  /** What the key is now. */
  get live(): KeyVersion | undefined {
    const { newest } = this;
    return newest?.isLive === true ? newest : undefined;
  }

  /** What the key was after a revision, if that is still known. */
  at(revision: number): KeyVersion | undefined {
    let [low, high] = [this.start, this.versions.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.versions[middle] as KeyVersion).modRevision <= revision) low = middle + 1;
      else high = middle;
    }
    const found = low > this.start ? this.versions[low - 1] : undefined;
    return found?.isLive === true ? found : undefined;
  }

  all(): readonly KeyVersion[] {
    return this.start === 0 ? this.versions : this.versions.slice(this.start);
  }

  /** `version` must be newer than all others. */
  push(version: KeyVersion): void {
    this.versions.push(version);
  }

  /** Forgets the oldest version. */
  shift(): void {
    this.versions[this.start] = FORGOTTEN;
    this.start += 1;
    if (this.start * 2 <= this.versions.length) return;
    this.versions = this.versions.slice(this.start);
    this.start = 0;
  }

  copy(epoch: number): KeyHistory {
    return new KeyHistory(this.key, epoch, this.keyBytes, this.versions.slice(this.start));
  }
}

/** In the place of a forgotten version, so that its value is not held. */
const FORGOTTEN = KeyVersion.end('', 0);
