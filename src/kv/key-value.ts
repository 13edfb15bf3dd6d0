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

export const NO_VALUE = new Uint8Array(0);
