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
 * What one revision made of a key: a value, or (`value: undefined`, the other fields 0) its end. Never changed, so that
 * the trees, their copies and readers share it.
 */
export interface KeyVersion {
  readonly key: string;
  readonly value: Uint8Array | undefined;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly lease: number;
}

export function isLive(version: KeyVersion | undefined): version is KeyValue {
  return version?.value !== undefined;
}
