import type { SendBuffer } from '../../base/index.js';
import type { Stream, StreamHandler, TrafficClass } from '../../ports/index.js';
import { type FrameFault, FrameReader, type FrameSink, LANE_LENGTH_MAX } from '../../wire/index.js';

/** What a lane reports to its connection. */
export interface LaneOwner extends FrameSink {
  /** Frames that arrived together follow. */
  onBatch(): void;
  onLaneFault(fault: FrameFault | 'reset' | 'ended'): void;
}

/** The client's end of a lane. */
export class ClientLane implements StreamHandler {
  readonly out: SendBuffer;
  readonly trafficClass: TrafficClass;
  private readonly stream: Stream;
  private readonly reader: FrameReader;
  private readonly owner: LaneOwner;
  private queuedBytes = 0;

  constructor(stream: Stream, owner: LaneOwner) {
    this.stream = stream;
    this.owner = owner;
    this.out = stream.out;
    this.trafficClass = stream.trafficClass;
    this.reader = new FrameReader(owner, LANE_LENGTH_MAX);
    stream.setHandler(this);
  }

  /** Position in the lane's bytes of the frame that is about to be written. */
  position(): number {
    return this.queuedBytes;
  }

  /** Declares the frame begun at `mark` written and schedules it. */
  written(mark: number, now: boolean): void {
    this.queuedBytes += this.out.end - this.out.start - mark;
    this.stream.flush(now);
  }

  /** Bytes that the transport has taken. */
  handedOver(): number {
    return this.queuedBytes - this.out.length;
  }

  onData(data: Buffer, fin: boolean): void {
    this.owner.onBatch();
    const fault = this.reader.push(data, fin);
    if (fault !== undefined) this.owner.onLaneFault(fault);
    else if (fin) this.owner.onLaneFault('ended');
  }

  onReset(): void {
    this.owner.onLaneFault('reset');
  }

  onStopped(): void {
    this.owner.onLaneFault('reset');
  }

  onDrained(): void {}
}
