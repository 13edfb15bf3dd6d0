import type { NativeConnection } from './native.js';
import { isStreamGone } from './stream-errors.js';

/**
 * Streams that we asked the peer to stop and that quiche has not let go yet.
 *
 * quiche 0.18 lets a stream go (and gives the peer's stream limit back) when an acknowledgement comes for its send
 * side or when the application reads its end. A stream that is stopped after its send side was acknowledged meets
 * neither, so it would stay for the connection's life. Sending its empty FIN once more brings such an acknowledgement.
 */
export class StoppedStreams {
  /** How many sweeps each stream has survived. */
  private readonly sweeps = new Map<number, number>();

  get size(): number {
    return this.sweeps.size;
  }

  /** Streams that will not go any more. */
  stuck = 0;

  add(id: number): void {
    this.sweeps.set(id, 0);
  }

  /** Lets go of what can be let go; returns whether something has to be sent for it. */
  sweep(native: NativeConnection): boolean {
    let nudged = false;
    this.stuck = 0;
    for (const [id, survived] of this.sweeps) {
      if (isForgotten(native, id)) {
        this.sweeps.delete(id);
        continue;
      }
      this.sweeps.set(id, survived + 1);
      if (survived > SWEEPS_MAX) this.stuck += 1;
      if (native.streamFinished(id) && nudge(native, id)) nudged = true;
    }
    return nudged;
  }
}

function isForgotten(native: NativeConnection, id: number): boolean {
  try {
    native.streamCapacity(id);
    return false;
  } catch (error) {
    return isStreamGone(error);
  }
}

function nudge(native: NativeConnection, id: number): boolean {
  try {
    return native.streamSend(id, NOTHING, true) !== null;
  } catch {
    return false;
  }
}

/** A sweep is made about once a second. */
const SWEEPS_MAX = 30;
const NOTHING = Buffer.alloc(0);
