/** A key with its value, as readers get it. */
export interface KeyValue {
  readonly key: string;
  /** Empty when only keys were asked for. Not to be changed. */
  readonly value: Uint8Array;
  /** The revision that created the key (again, after a delete). */
  readonly createRevision: number;
  /** The revision of this value. */
  readonly modRevision: number;
  /** 1 when it was created, one more with every change. */
  readonly version: number;
  /** The lease it ends with; 0 for none. */
  readonly lease: number;
}

/**
 * What one revision made of a key: a value, or its end (the other numbers are 0). Never changed, so that the trees,
 * their copies and readers share it. There are hundreds of thousands: a value is a place in a block of many, and a view
 * of it, which is larger than most values, is made for those who read it.
 */
export class KeyVersion {
  readonly key: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly lease: number;
  /** Bytes of the value. */
  readonly size: number;
  private readonly block: Uint8Array | undefined;
  private readonly start: number;

  /** @param block holds the value from `start` on; `undefined`: the end of the key */
  constructor(
    key: string,
    numbers: Omit<KeyValue, 'key' | 'value'>,
    block: Uint8Array | undefined,
    start: number,
    size: number,
  ) {
    this.key = key;
    this.createRevision = numbers.createRevision;
    this.modRevision = numbers.modRevision;
    this.version = numbers.version;
    this.lease = numbers.lease;
    this.size = size;
    this.block = block;
    this.start = start;
  }

  /** The end of a key. */
  static end(key: string, modRevision: number): KeyVersion {
    return new KeyVersion(key, { createRevision: 0, modRevision, version: 0, lease: 0 }, undefined, 0, 0);
  }

  get isLive(): boolean {
    return this.block !== undefined;
  }

  /** A new view with every call; empty for the end of a key. Not to be changed. */
  get value(): Uint8Array {
    return this.block?.subarray(this.start, this.start + this.size) ?? NO_VALUE;
  }

  /** For readers. */
  toKeyValue(value = this.value): KeyValue {
    const { key, createRevision, modRevision, version, lease } = this;
    return { key, value, createRevision, modRevision, version, lease };
  }
}

export const NO_VALUE = new Uint8Array(0);
