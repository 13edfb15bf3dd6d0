import { CLOSE_CODES } from '../../base/index.js';
import type { Stream, StreamHandler, Timer } from '../../ports/index.js';
import { PREAMBLE_BYTES, STREAM_KIND } from '../../wire/index.js';
import type { CallHost } from './server-host.js';
import { ServerStreamCall } from './server-stream-call.js';
import { SILENT_STREAM_HANDLER } from './silent-stream-handler.js';

/** A stream from the client whose preamble has not been read: finds out what it is and hands it over. */
export class IncomingStream implements StreamHandler {
  private readonly owner: CallHost;
  private readonly stream: Stream;
  private kind = 0;
  private timer: Timer | undefined;

  constructor(owner: CallHost, stream: Stream) {
    this.owner = owner;
    this.stream = stream;
  }

  onData(data: Buffer, fin: boolean): void {
    let at = 0;
    if (this.kind === 0) {
      if (data.length === 0) {
        if (fin) this.refuse();
        return;
      }
      this.kind = data[0] ?? 0;
      at = 1;
    }
    if (data.length - at < PREAMBLE_BYTES - 1) {
      this.waitForMore(fin);
      return;
    }
    this.timer?.cancel();
    const handler = this.handlerFor(this.kind, data[at] ?? 0);
    if (handler === undefined) {
      this.refuse();
      return;
    }
    this.stream.setHandler(handler);
    handler.onData(data.subarray(at + 1), fin);
  }

  onReset(): void {
    this.timer?.cancel();
  }

  onStopped(): void {
    this.timer?.cancel();
  }

  onDrained(): void {}

  private handlerFor(kind: number, classNumber: number): StreamHandler | undefined {
    switch (kind) {
      case STREAM_KIND.CONTROL_LANE:
      case STREAM_KIND.DATA_LANE:
        return this.owner.openLane(this.stream, kind);
      case STREAM_KIND.CALL:
        return new ServerStreamCall(this.owner, this.stream, classNumber);
      default:
        return undefined;
    }
  }

  private waitForMore(fin: boolean): void {
    const { clock, limits } = this.owner.server;
    if (fin) this.refuse();
    else this.timer ??= clock.setTimer(limits.helloTimeoutMs, () => this.refuse(), { unref: true });
  }

  /** A stream without a preamble, or of a kind that this version does not know: this stream ends, the connection stays. */
  private refuse(): void {
    this.stream.setHandler(SILENT_STREAM_HANDLER);
    this.stream.stop(CLOSE_CODES.PROTOCOL_VIOLATION);
    this.stream.reset(CLOSE_CODES.PROTOCOL_VIOLATION);
  }
}
