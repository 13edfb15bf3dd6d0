import assert from 'node:assert/strict';
import { LIMITS, Prng } from '../base/index.js';
import { type ContractHarness, defined, type OpenedStream, opened } from './contract-harness.js';
import { write } from './recording-handlers.js';

/** Back pressure, and what the traffic classes promise each other. */
export function flowFacts(current: () => ContractHarness): void {
  it('carries 8 MiB intact from a writer that waits for onDrained whenever it is above high water', async () => {
    const harness = current();
    const { connection, server } = await harness.open();
    const payload = Buffer.from(new Prng('payload').bytes(8 * MiB));
    const near = opened(connection, 'bulk');
    let sentBytes = 0;
    const pump = (): void => {
      while (sentBytes < payload.length && near.stream.out.length <= LIMITS.streamBufferHighWaterBytes) {
        write(near.stream, payload.subarray(sentBytes, sentBytes + 100_000));
        sentBytes += 100_000;
      }
      if (sentBytes >= payload.length) near.stream.end();
    };
    let drainsSeen = 0;
    pump();
    await harness.until('it has ended', () => {
      if (near.drains > drainsSeen) {
        assert.ok(near.stream.out.length <= LIMITS.streamBufferLowWaterBytes, 'drained to low water');
        drainsSeen = near.drains;
        pump();
      }
      return server.streams[0]?.fins === 1;
    });
    assert.ok(server.streams[0]?.data.equals(payload), 'every byte arrived in order');
    assert.ok(drainsSeen >= 3, `the writer was told to go on ${drainsSeen} times`);
  });

  it('does not say onDrained to a writer that never was above high water', async () => {
    const harness = current();
    const { connection, server } = await harness.open();
    const near = opened(connection);
    write(near.stream, Buffer.alloc(1_000));
    near.stream.end();
    await harness.until('it has ended', () => server.streams[0]?.fins === 1);
    await harness.linger();
    assert.equal(near.drains, 0);
  });

  it('holds the sender while the receiver pauses, within the window, and goes on when it resumes', async () => {
    const harness = current();
    const { streamWindowBytes } = harness.pair;
    harness.serve = (far) => far.stream?.pause();
    const { connection, server } = await harness.open();
    const near = opened(connection);
    const payload = Buffer.from(new Prng('held').bytes(streamWindowBytes + 2 * MiB));
    write(near.stream, payload);
    near.stream.end();
    await harness.until('it is known', () => server.streams.length === 1);
    await harness.untilSteady(() => near.stream.out.length);
    assert.ok(near.stream.out.length >= 2 * MiB - SLACK_BYTES, `${near.stream.out.length} bytes are held`);
    const far = defined(server.streams[0], 'the server’s end');
    assert.equal(far.sizeBytes, 0);
    far.stream?.resume();
    await harness.until('it has ended', () => far.fins === 1);
    assert.ok(far.data.equals(payload), 'every byte arrived in order');
    assert.ok(near.drains >= 1);
  });

  it('delivers nothing more from the moment a handler pauses within onData', async () => {
    const harness = current();
    let paused = false;
    let deliveredWhilePaused = 0;
    harness.serve = (far) => {
      far.react = () => {
        if (paused) deliveredWhilePaused += 1;
        paused = true;
        far.stream?.pause();
      };
    };
    const { connection, server } = await harness.open();
    const near = opened(connection);
    write(near.stream, Buffer.alloc(300_000, 1));
    near.stream.end();
    await harness.until('it has ended', () => {
      const far = server.streams[0];
      if (paused && far?.fins === 0) {
        paused = false;
        far.stream?.resume();
      }
      return far?.fins === 1;
    });
    await harness.linger();
    assert.equal(deliveredWhilePaused, 0);
    assert.equal(server.streams[0]?.sizeBytes, 300_000);
  });

  it('delivers nothing to a paused handler, not even the end, for as long as it pauses', async () => {
    const harness = current();
    harness.serve = (far) => {
      far.react = () => far.stream?.pause();
    };
    const { connection, server } = await harness.open();
    const near = opened(connection);
    write(near.stream, 'first');
    await harness.until('the first data is there', () => server.streams[0]?.chunks.length === 1);
    write(near.stream, 'second');
    near.stream.end();
    await harness.linger();
    assert.deepEqual([server.streams[0]?.text, server.streams[0]?.fins], ['first', 0]);
    await harness.until('it has ended', () => {
      server.streams[0]?.stream?.resume();
      return server.streams[0]?.fins === 1;
    });
    assert.equal(server.streams[0]?.text, 'firstsecond');
  });

  it('keeps other streams going while one is paused', async () => {
    const harness = current();
    harness.serve = (far) => {
      if (far.stream?.id === 0) far.stream.pause();
    };
    const { connection, server } = await harness.open();
    const held = opened(connection);
    write(held.stream, Buffer.alloc(harness.pair.streamWindowBytes + 100_000));
    await harness.until('it is known', () => server.streams.length === 1);
    await harness.untilSteady(() => held.stream.out.length);
    const free = opened(connection);
    write(free.stream, 'passes');
    free.stream.end();
    await harness.until('the other has ended', () => server.streams[1]?.fins === 1);
    assert.equal(server.streams[1]?.text, 'passes');
    assert.equal(server.streams[0]?.sizeBytes, 0);
  });

  it('lets control overtake data and bulk that were written before it on the same connection', async () => {
    const harness = current();
    const { connection, server } = await harness.open();
    const [bulk, data, control] = (['bulk', 'data', 'control'] as const).map((each) => opened(connection, each)) as [
      OpenedStream,
      OpenedStream,
      OpenedStream,
    ];
    const sizeBytes = 4 * MiB;
    let arrivedBefore = -1;
    const total = (): number => server.streams.reduce((sum, each) => sum + each.sizeBytes, 0);
    harness.serve = (far) => {
      if (far.stream?.id !== control.stream.id) return;
      far.react = () => {
        if (arrivedBefore < 0) arrivedBefore = total();
      };
    };
    write(bulk.stream, Buffer.alloc(sizeBytes));
    write(data.stream, Buffer.alloc(sizeBytes));
    write(control.stream, 'urgent');
    for (const { stream } of [bulk, data, control]) stream.end();
    await harness.until(
      'all have ended',
      () => server.streams.length === 3 && server.streams.every((each) => each.fins === 1),
    );
    assert.ok(arrivedBefore >= 0 && arrivedBefore < sizeBytes, `control came after ${arrivedBefore} other bytes`);
  });

  it('lets a stream change its class with bytes waiting on it', async () => {
    const harness = current();
    const { connection, server } = await harness.open();
    const near = opened(connection, 'bulk');
    write(near.stream, Buffer.alloc(500_000));
    near.stream.setClass('control');
    write(near.stream, Buffer.alloc(500_000));
    near.stream.setClass('data');
    near.stream.end();
    assert.equal(near.stream.trafficClass, 'data');
    await harness.until('it has ended', () => server.streams[0]?.fins === 1);
    assert.equal(server.streams[0]?.sizeBytes, 1_000_000);
    server.streams[0]?.stream?.setClass('control');
    assert.equal(server.streams[0]?.stream?.trafficClass, 'control');
  });
}

const MiB = 1024 * 1024;
/** What a transport may have taken beyond the window it was told, in packets that are being made up. */
const SLACK_BYTES = 256 * 1024;
