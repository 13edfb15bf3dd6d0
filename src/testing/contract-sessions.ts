import assert from 'node:assert/strict';
import { CLOSE_CODES } from '../base/index.js';
import type { Connection } from '../ports/index.js';
import { type ContractHarness, defined, echo, opened } from './contract-harness.js';
import { type RecordingStream, write } from './recording-handlers.js';

/** Resumption and 0-RTT data. */
export function sessionFacts(current: () => ContractHarness): void {
  it('makes a full handshake the first time', async () => {
    const harness = current();
    const { connection, serverConnection } = await harness.open();
    assert.deepEqual([connection.resumed, serverConnection.resumed], [false, false]);
    assert.deepEqual([connection.earlyData, serverConnection.earlyData], [false, false]);
    const { client, server } = harness.pair;
    assert.deepEqual([client.counters.handshakesFull, server.counters.handshakesFull], [1, 1]);
  });

  it('resumes the second time: usable before the server has answered, then open, with the peer known on both sides', async () => {
    const harness = current();
    await firstVisit(harness);
    const earlyAtArrival: boolean[] = [];
    harness.serve = (stream, connection) => {
      earlyAtArrival.push(connection.earlyData);
      echo(stream);
    };
    let early: RecordingStream | undefined;
    const { connection, handler } = harness.dial({}, (usable) => {
      early ??= ask(usable, 'in early data');
    });
    await harness.until('the echo is there', () => early?.fins === 1 && connection.state === 'open');
    assert.deepEqual(
      handler.opens.map(({ state }) => state),
      ['early', 'open'],
    );
    assert.equal(handler.opens[0]?.peer, undefined);
    assert.equal(handler.opens[1]?.peer?.id, harness.pair.serverIdentity.id);
    assert.equal(early?.text, 'in early data');
    assert.deepEqual([connection.resumed, connection.earlyData], [true, true]);
    const accepted = defined(harness.accepted.at(-1), 'an accepted connection');
    assert.deepEqual(
      accepted.opens.map(({ state, peer }) => [state, peer?.id]),
      [['open', harness.pair.clientIdentity.id]],
    );
    assert.deepEqual([accepted.connection?.resumed, earlyAtArrival], [true, [true]]);
    await harness.until('the server knows it is no replay', () => accepted.connection?.earlyData === false);
    const { client, server } = harness.pair;
    assert.deepEqual([client.counters.handshakesResumed, server.counters.handshakesResumed], [1, 1]);
  });

  it('resumes without early data when the target does not want it', async () => {
    const harness = current();
    await firstVisit(harness);
    const { connection, handler } = harness.dial({ earlyData: false });
    await harness.until('it is open', () => connection.state === 'open');
    assert.deepEqual(
      handler.opens.map(({ state }) => state),
      ['open'],
    );
    assert.deepEqual([connection.resumed, connection.earlyData], [true, false]);
  });

  it('delivers early data once, after a full handshake, when the server has changed its ticket key', async () => {
    const harness = current();
    await firstVisit(harness);
    harness.pair.server.setTicketKey(new Uint8Array(48).fill(7));
    harness.serve = echo;
    let early: RecordingStream | undefined;
    const { connection } = harness.dial({}, (usable) => {
      early ??= ask(usable, 'refused as early data');
    });
    await harness.until('the echo is there', () => early?.fins === 1 && connection.state === 'open');
    await harness.linger();
    assert.equal(early?.text, 'refused as early data');
    assert.equal(connection.resumed, false);
    const accepted = defined(harness.accepted.at(-1), 'an accepted connection');
    assert.deepEqual([accepted.connection?.resumed, accepted.connection?.earlyData], [false, false]);
    assert.equal(accepted.streams.length, 1);
  });

  it('resumes at a server that shares the ticket key of the one that made the session', async () => {
    const harness = current();
    const key = new Uint8Array(48).fill(9);
    harness.pair.server.setTicketKey(key);
    await firstVisit(harness);
    harness.pair.server.setTicketKey(Uint8Array.from(key));
    const { connection } = harness.dial();
    await harness.until('it is open', () => connection.state === 'open');
    assert.equal(connection.resumed, true);
  });
}

/** A connection that lives long enough to be given a session, and ends. */
async function firstVisit(harness: ContractHarness): Promise<void> {
  harness.serve = echo;
  const { connection, handler, server } = await harness.open();
  const stream = ask(connection, 'hello');
  await harness.until('the echo is there', () => stream.fins === 1);
  await harness.linger();
  connection.close(CLOSE_CODES.NONE, 'done');
  await harness.until('both know', () => handler.closes.length > 0 && server.closes.length > 0);
}

function ask(connection: Connection, text: string): RecordingStream {
  const stream = opened(connection);
  write(stream.stream, text);
  stream.stream.end();
  return stream;
}
