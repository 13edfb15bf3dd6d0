import assert from 'node:assert/strict';
import { CLOSE_CODES } from '../base/index.js';
import { type ContractHarness, defined, echo, type OpenedStream, opened } from './contract-harness.js';
import { openRecorded, RecordingStream, write } from './recording-handlers.js';

/** Order, ends, codes and limits of streams. */
export function streamFacts(current: () => ContractHarness): void {
  it('echoes over as many streams as the peer grants, each with its own bytes and one fin', async () => {
    const harness = current();
    harness.serve = echo;
    const { connection } = await harness.open();
    const streams = Array.from({ length: harness.pair.streamsMax }, () => opened(connection));
    for (const [index, { stream }] of streams.entries()) {
      write(stream, `stream ${index}`);
      stream.end();
    }
    await harness.until('all have ended', () => streams.every(({ fins }) => fins === 1));
    await harness.linger();
    for (const [index, stream] of streams.entries()) {
      assert.equal(stream.text, `stream ${index}`);
      assert.equal(stream.fins, 1);
      assert.deepEqual(stream.violations, []);
    }
  });

  it('gives streams of both sides ids of their own (RFC 9000, section 2.1)', async () => {
    const { connection, serverConnection } = await current().open();
    const ids = [
      opened(connection),
      opened(connection, 'data', { unidirectional: true }),
      opened(serverConnection),
      opened(serverConnection, 'data', { unidirectional: true }),
      opened(connection),
    ].map(({ stream }) => stream.id);
    assert.deepEqual(ids, [0, 2, 1, 3, 4]);
  });

  it('keeps the bytes of a stream in order, however they were written and flushed', async () => {
    const harness = current();
    const { connection, server } = await harness.open();
    const { stream } = opened(connection);
    let expected = '';
    for (let line = 0; line < 3_000; line += 1) {
      const text = `${line}: ${'x'.repeat(line % 97)}\n`;
      expected += text;
      stream.out.append(Buffer.from(text));
      if (line % 7 === 0) stream.flush(line % 5 === 0);
      if (line % 500 === 0) await harness.linger();
    }
    stream.end();
    await harness.until('it has ended', () => server.streams[0]?.fins === 1);
    assert.equal(server.streams[0]?.text, expected);
  });

  it('tells the peer of a stream with its first byte, not before', async () => {
    const harness = current();
    const { connection, server } = await harness.open();
    const silent = opened(connection);
    const spoken = opened(connection);
    write(spoken.stream, 'hello');
    await harness.until('one is known', () => server.streams.length === 1);
    assert.equal(server.streams[0]?.stream?.id, spoken.stream.id);
    write(silent.stream, 'me too');
    await harness.until('both are known', () => server.streams[1]?.text === 'me too');
    assert.equal(server.streams[1]?.stream?.id, silent.stream.id);
  });

  it('ends a stream without a byte', async () => {
    const harness = current();
    const { connection, server } = await harness.open();
    opened(connection).stream.end();
    await harness.until('it has ended', () => server.streams[0]?.fins === 1);
    assert.equal(server.streams[0]?.sizeBytes, 0);
  });

  it('lets one direction go on after the other has ended', async () => {
    const harness = current();
    const { connection, server } = await harness.open();
    const near = opened(connection);
    write(near.stream, 'question');
    near.stream.end();
    await harness.until('it has ended', () => server.streams[0]?.fins === 1);
    const far = server.streams[0]?.stream;
    write(far, 'answer');
    await harness.until('the answer is there', () => near.text === 'answer');
    assert.equal(near.fins, 0);
    write(far, ', more');
    far?.end();
    await harness.until('it has ended as well', () => near.fins === 1);
    assert.equal(near.text, 'answer, more');
  });

  it('takes streams that the server opens', async () => {
    const harness = current();
    const { handler, serverConnection } = await harness.open();
    handler.serve = echo;
    const stream = opened(serverConnection);
    write(stream.stream, 'from the server');
    stream.stream.end();
    await harness.until('the echo is there', () => stream.fins === 1);
    assert.equal(stream.text, 'from the server');
  });

  it('carries unidirectional streams one way only', async () => {
    const harness = current();
    const { connection, server } = await harness.open();
    const near = opened(connection, 'data', { unidirectional: true });
    write(near.stream, 'one way');
    near.stream.end();
    await harness.until('it has ended', () => server.streams[0]?.fins === 1);
    write(server.streams[0]?.stream, 'no way back');
    server.streams[0]?.stream?.end();
    await harness.linger();
    assert.equal(server.streams[0]?.text, 'one way');
    assert.deepEqual([near.sizeBytes, near.fins], [0, 0]);
  });

  it('tells a reset with its code, from either side, after which nothing more comes', async () => {
    const harness = current();
    const { connection, server } = await harness.open();
    const near = opened(connection);
    write(near.stream, 'some');
    await harness.until('it is known', () => server.streams[0]?.text === 'some');
    const far = defined(server.streams[0], 'the server’s end');
    near.stream.reset(CLOSE_CODES.CANCELLED);
    write(near.stream, 'after the reset');
    await harness.until('the server knows', () => far.resets.length > 0);
    far.stream?.reset(CLOSE_CODES.MESSAGE_TOO_LARGE);
    await harness.until('the client knows', () => near.resets.length > 0);
    await harness.linger();
    assert.deepEqual([far.resets, near.resets], [[CLOSE_CODES.CANCELLED], [CLOSE_CODES.MESSAGE_TOO_LARGE]]);
    assert.deepEqual([far.fins, near.fins, far.text], [0, 0, 'some']);
  });

  it('tells a stop with its code, from either side, drops what is unsent and delivers nothing more', async () => {
    const harness = current();
    const { connection, server } = await harness.open();
    const near = opened(connection);
    write(near.stream, 'some');
    await harness.until('it is known', () => server.streams[0]?.text === 'some');
    const far = defined(server.streams[0], 'the server’s end');
    far.stream?.stop(CLOSE_CODES.MESSAGE_TOO_LARGE);
    write(near.stream, 'crossing');
    await harness.until('the client knows', () => {
      write(near.stream, 'more');
      return near.stops.length > 0;
    });
    write(near.stream, 'even more');
    await harness.linger();
    assert.deepEqual([near.stops, far.text, far.fins], [[CLOSE_CODES.MESSAGE_TOO_LARGE], 'some', 0]);
    assert.equal(near.stream.out.length, 0);
    near.stream.stop(CLOSE_CODES.CANCELLED);
    await harness.until('the server knows', () => {
      write(far.stream, 'to nobody');
      return far.stops.length > 0;
    });
    assert.deepEqual([far.stops, near.sizeBytes], [[CLOSE_CODES.CANCELLED], 0]);
  });

  it('grants no more streams than the limit, and new ones as old ones end', async () => {
    const harness = current();
    harness.serve = echo;
    const { connection } = await harness.open();
    const { streamsMax } = harness.pair;
    for (const options of [{}, { unidirectional: true }]) {
      const streams: OpenedStream[] = [];
      for (let next = openRecorded(connection, 'data', options); next !== undefined; ) {
        streams.push(next);
        next = openRecorded(connection, 'data', options);
      }
      assert.equal(streams.length, streamsMax);
      for (const { stream } of streams) {
        write(stream, 'x');
        stream.end();
      }
      let regained: OpenedStream | undefined;
      await harness.until('a stream is granted again', () => {
        regained ??= openRecorded(connection, 'data', options);
        return regained !== undefined;
      });
    }
  });

  it('hands data to the new handler from setHandler on', async () => {
    const harness = current();
    const { connection, server } = await harness.open();
    const near = opened(connection);
    write(near.stream, 'first');
    await harness.until('it is there', () => server.streams[0]?.text === 'first');
    const replacement = new RecordingStream();
    server.streams[0]?.stream?.setHandler(replacement);
    write(near.stream, 'second');
    near.stream.end();
    await harness.until('it has ended', () => replacement.fins === 1);
    assert.deepEqual([server.streams[0]?.text, replacement.text], ['first', 'second']);
  });

  it('lets the receiver overwrite the data it was shown', async () => {
    const harness = current();
    const { connection, server } = await harness.open();
    harness.serve = (stream) => {
      stream.react = (data) => data.fill(0);
    };
    const near = opened(connection);
    const sent = Buffer.from('0123456789'.repeat(10_000));
    write(near.stream, sent.subarray(0, 50_000));
    await harness.until('some is there', () => (server.streams[0]?.sizeBytes ?? 0) > 0);
    write(near.stream, sent.subarray(50_000));
    near.stream.end();
    await harness.until('it has ended', () => server.streams[0]?.fins === 1);
    assert.ok(server.streams[0]?.data.equals(sent), 'every byte is the sender’s');
  });

  it('calls no stream handler after the end of the connection', async () => {
    const harness = current();
    harness.serve = echo;
    const { connection, handler } = await harness.open();
    const streams = Array.from({ length: 8 }, () => opened(connection));
    for (const { stream } of streams) write(stream, Buffer.alloc(20_000));
    await harness.until('some is back', () => streams.some(({ sizeBytes }) => sizeBytes > 0));
    connection.close(CLOSE_CODES.NONE, 'enough');
    for (const stream of streams) stream.closed = true;
    await harness.until('it is closed', () => handler.closes.length > 0);
    await harness.linger();
    assert.deepEqual(
      streams.flatMap(({ violations }) => violations),
      [],
    );
  });
}
