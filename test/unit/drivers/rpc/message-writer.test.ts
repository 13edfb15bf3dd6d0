import { expect } from 'chai';
import { SendBuffer } from '../../../../src/base/index.js';
import { MessageWriter } from '../../../../src/drivers/rpc/message-writer.js';
import type { Clock, Stream } from '../../../../src/ports/index.js';

/** As much of a stream as a writer uses. */
function fakeStream(): Stream {
  const stream: Partial<Stream> = { out: new SendBuffer(), flush: () => undefined };
  return stream as Stream;
}

function fakeClock(): Clock & { now: number; fire: (() => void)[] } {
  const fire: (() => void)[] = [];
  return {
    now: 0,
    fire,
    nowMs() {
      return this.now;
    },
    wallMs: () => 0,
    setTimer: (_delayMs, callback) => {
      fire.push(callback);
      return { cancel: () => undefined };
    },
  };
}

describe('a message writer', () => {
  it('asks a producer that never waits to pause once it has held the event loop for long', () => {
    const clock = fakeClock();
    const writer = new MessageWriter(fakeStream(), 1, 1_000, undefined, clock);
    const pauses: number[] = [];
    for (let message = 0; message < 1_000; message++) {
      clock.now += 0.1;
      writer.write(message);
      if (writer.pause() === undefined) continue;
      pauses.push(message);
      clock.fire.shift()?.();
    }
    expect(pauses.length).to.be.within(5, 9);
  });

  it('does not pause a producer that is fast', () => {
    const writer = new MessageWriter(fakeStream(), 1, 1_000, undefined, fakeClock());
    for (let message = 0; message < 10_000; message++) {
      writer.write(message);
      expect(writer.pause()).to.equal(undefined);
    }
  });

  it('does not pause one that writes a message per turn of the event loop, however long it goes on', () => {
    const clock = fakeClock();
    const stream = fakeStream();
    const writer = new MessageWriter(stream, 1, 1_000, undefined, clock);
    for (let message = 0; message < 1_000; message++) {
      clock.now += 1;
      writer.write(message);
      expect(writer.pause()).to.equal(undefined);
      stream.out.clear(); // as the transport does at the end of the turn
    }
  });

  it('waits for a peer that takes less than is written, until it has taken enough', async () => {
    const writer = new MessageWriter(fakeStream(), 1, 4_000_000, undefined, fakeClock());
    writer.write('x'.repeat(2_000_000));
    const pause = writer.pause();
    expect(pause).to.be.instanceOf(Promise);
    writer.onDrained();
    await pause;
  });
});
