import { RpcError } from '../../../base/index.js';
import { FrameQueue } from './frame-queue.js';
import { decodeHello, FRAME_KIND, type LinkHello, PING_FRAME, PONG_FRAME } from './link-frames.js';
import { type Envelope, readMessages } from './raft-decode.js';

/** Which of a link's two streams: `control` is never queued behind `data`. Bulk goes by calls of its own. */
export type LinkClass = 'control' | 'data';

export const LINK_CLASSES: readonly LinkClass[] = ['control', 'data'];

/** What a link tells. `onHello` comes before anything else of the peer. */
export interface LinkOwner {
  /** @throws RpcError when the peer may not speak here; the link ends with it */
  onHello(link: PeerLink, hello: LinkHello): void;
  /** A frame of the peer arrived, whatever is in it. */
  onHeard(link: PeerLink, bytes: number): void;
  onMessages(link: PeerLink, envelopes: readonly Envelope[]): void;
  /** The peer sent what no correct peer sends; it was dropped. */
  onViolation(link: PeerLink, what: string): void;
  /** The end, once: `error` unless both sides had finished. */
  onEnd(link: PeerLink, error: RpcError | undefined): void;
  /** By how many bytes what waits in the link grew, or (below 0) shrank. */
  count(bytes: number): void;
}

/** One stream between two directors, with frames in both directions. */
export class PeerLink {
  readonly isDialed: boolean;
  /** Of an accepted link: set by the peer's hello. */
  trafficClass: LinkClass;
  /** Which of its channel's connections a dialed link goes over, counted from the first; set by the peer's hello. */
  connection = 0;
  readonly out: FrameQueue;
  /** What the peer said first; `undefined` until then. */
  hello: LinkHello | undefined;
  /** Pings that were answered. */
  pongs = 0;
  /** Replaced by a newer one: what it still brings is taken, its end is no loss. */
  isRetired = false;
  private readonly owner: LinkOwner;
  private isOver = false;
  private pings = 0;
  private parts: Buffer[] = [];
  private partBytes = 0;

  constructor(owner: LinkOwner, trafficClass: LinkClass, isDialed: boolean) {
    this.owner = owner;
    this.trafficClass = trafficClass;
    this.isDialed = isDialed;
    this.out = new FrameQueue((bytes) => owner.count(bytes));
  }

  /** It has not ended and not been replaced. */
  get isUsable(): boolean {
    return !this.isOver && !this.isRetired;
  }

  /** Takes what the peer sends, until the stream ends. Never rejects. */
  async read(frames: AsyncIterable<unknown>): Promise<void> {
    try {
      for await (const frame of frames) {
        if (this.isOver) break;
        this.onFrame(frame);
      }
      this.finish();
    } catch (error) {
      this.end(RpcError.from(error));
    }
  }

  /** Asks for a sign of life; returns which one of the link it is, from 1. They are answered in order. */
  ping(): number {
    this.pings += 1;
    this.out.push(PING_FRAME);
    return this.pings;
  }

  /**
   * A newer link takes its place. The one who dialed ends it, after what waits; the other one goes on until then,
   * because what is under way would be lost with the stream.
   */
  retire(): void {
    this.isRetired = true;
    if (this.isDialed) this.out.end();
  }

  /** Gives the link up at once. */
  break(error: RpcError): void {
    this.end(error);
  }

  private onFrame(frame: unknown): void {
    const { owner } = this;
    if (!Buffer.isBuffer(frame) || frame.length === 0) {
      owner.onViolation(this, 'a frame without bytes');
      return;
    }
    if (this.hello === undefined) {
      const hello = decodeHello(frame);
      if (hello === undefined) throw RpcError.of('MESSAGE_UNDECODABLE', 'the first frame of a link is no hello');
      owner.onHello(this, hello);
      this.hello = hello;
    }
    owner.onHeard(this, frame.length);
    switch (frame[0]) {
      case FRAME_KIND.BATCH:
        this.onBatch(frame, 1);
        break;
      case FRAME_KIND.PART:
      case FRAME_KIND.LAST_PART:
        this.onPart(frame, frame[0] === FRAME_KIND.LAST_PART);
        break;
      case FRAME_KIND.PING:
        this.out.push(PONG_FRAME);
        break;
      case FRAME_KIND.PONG:
        this.pongs += 1;
        break;
      default: // kinds of later versions are skipped
    }
  }

  private onPart(frame: Buffer, isLast: boolean): void {
    this.partBytes += frame.length - 1;
    if (this.partBytes > BATCH_BYTES_MAX) {
      throw RpcError.of('MESSAGE_TOO_LARGE', `a batch is longer than ${BATCH_BYTES_MAX} bytes`);
    }
    this.parts.push(frame.subarray(1));
    if (!isLast) return;
    const batch = Buffer.concat(this.parts);
    this.parts = [];
    this.partBytes = 0;
    this.onBatch(batch, 0);
  }

  private onBatch(bytes: Buffer, start: number): void {
    const envelopes = readMessages(bytes, start);
    if (envelopes === undefined) this.owner.onViolation(this, 'a batch that cannot be read');
    else this.owner.onMessages(this, envelopes);
  }

  /** The peer has ended its side, so it has a newer link; it takes what waits here. */
  private finish(): void {
    if (this.isOver) return;
    this.isOver = true;
    this.out.end();
    this.owner.onEnd(this, undefined);
  }

  private end(error: RpcError): void {
    this.out.drop(error);
    if (this.isOver) return;
    this.isOver = true;
    this.parts = [];
    this.owner.onEnd(this, error);
  }
}

/** What one batch may take in memory while its parts arrive: as much as the longest log entry, and its neighbours. */
export const BATCH_BYTES_MAX = 320 * 1024 * 1024;
