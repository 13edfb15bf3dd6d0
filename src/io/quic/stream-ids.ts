import type { NativeConnection } from './native.js';

/** The ids of the streams that this end opens (RFC 9000, section 2.1): every fourth number from the side's first. */
export class StreamIds {
  private bidirectional: number;
  private unidirectional: number;

  constructor(isClient: boolean) {
    this.bidirectional = isClient ? 0 : 1;
    this.unidirectional = isClient ? 2 : 3;
  }

  /** The id of the next stream; `undefined` when the peer allows no further one at the moment. */
  next(native: NativeConnection, isUnidirectional: boolean): number | undefined {
    const left = isUnidirectional ? native.peerStreamsLeftUni() : native.peerStreamsLeftBidi();
    if (left <= 0) return undefined;
    return isUnidirectional ? this.unidirectional : this.bidirectional;
  }

  /** The stream `id`, which `next` gave, exists. */
  opened(id: number): void {
    if (id === this.unidirectional) this.unidirectional += STEP;
    else this.bidirectional += STEP;
  }
}

const STEP = 4;
