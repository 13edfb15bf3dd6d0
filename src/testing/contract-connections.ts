import assert from 'node:assert/strict';
import { CLOSE_CODES, nodeId } from '../base/index.js';
import type { CloseReason } from '../ports/index.js';
import { type ContractHarness, type Dialled, opened } from './contract-harness.js';
import { write } from './recording-handlers.js';

/** How connections come to be, who is at their ends, and how they end. */
export function connectionFacts(current: () => ContractHarness): void {
  it('opens once on each side, in state open, and knows by then who the peer is', async () => {
    const harness = current();
    const { serverIdentity, clientIdentity } = harness.pair;
    const { handler, server, connection, serverConnection } = await harness.open();
    await harness.linger();
    const told = [...handler.opens, ...server.opens].map(({ state, peer }) => ({
      state,
      id: peer?.id,
      role: peer?.role,
    }));
    assert.deepEqual(told, [
      { state: 'open', id: serverIdentity.id, role: serverIdentity.role },
      { state: 'open', id: clientIdentity.id, role: clientIdentity.role },
    ]);
    assert.equal(connection.initiator, true);
    assert.equal(serverConnection.initiator, false);
  });

  it('knows the addresses of both ends', async () => {
    const harness = current();
    const { connection, serverConnection } = await harness.open();
    const { client, server } = harness.pair;
    assert.deepEqual(
      [connection.remote.port, serverConnection.remote.port],
      [server.address.port, client.address.port],
    );
    assert.deepEqual([connection.local.port, serverConnection.local.port], [client.address.port, server.address.port]);
    assert.ok(connection.rttMs() >= 0);
  });

  it('grants no stream before it is open', async () => {
    const harness = current();
    harness.listen();
    const { connection } = harness.dial();
    assert.equal(connection.state, 'connecting');
    assert.equal(connection.openStream('data', NO_STREAM), undefined);
    await harness.until('it is open', () => connection.state === 'open');
  });

  it('carries several connections between the same two endpoints, each on its own', async () => {
    const harness = current();
    const first = await harness.open();
    const second = await harness.open();
    assert.deepEqual([...harness.pair.client.connections()].length, 2);
    first.connection.close(CLOSE_CODES.NONE, 'done');
    await harness.until('the first is closed', () => first.server.closes.length === 1);
    write(opened(second.connection).stream, 'still here');
    await harness.until('the second delivers', () => second.server.streams[0]?.text === 'still here');
    assert.deepEqual([...harness.pair.client.connections()], [second.connection]);
  });

  it('tells a close code and reason to both sides, once', async () => {
    const harness = current();
    for (const closer of ['client', 'server'] as const) {
      const { connection, handler, server, serverConnection } = await harness.open();
      (closer === 'client' ? connection : serverConnection).close(CLOSE_CODES.GOING_AWAY, 'moving house');
      await harness.until('both know', () => handler.closes.length > 0 && server.closes.length > 0);
      (closer === 'client' ? connection : serverConnection).close(CLOSE_CODES.INTERNAL, 'again');
      await harness.linger();
      const [near, far] = closer === 'client' ? [handler, server] : [server, handler];
      assert.deepEqual(near.closes.map(gist), [['local', CLOSE_CODES.GOING_AWAY, 'moving house', true]]);
      assert.deepEqual(far.closes.map(gist), [['peer', CLOSE_CODES.GOING_AWAY, 'moving house', true]]);
      assert.deepEqual([connection.state, serverConnection.state], ['closed', 'closed']);
    }
  });

  it('ends once on each side when both close at the same time', async () => {
    const harness = current();
    const { connection, handler, server, serverConnection } = await harness.open();
    connection.close(CLOSE_CODES.NONE, 'client first');
    serverConnection.close(CLOSE_CODES.NONE, 'server first');
    await harness.until('both know', () => handler.closes.length > 0 && server.closes.length > 0);
    await harness.linger();
    assert.deepEqual([handler.closes.length, server.closes.length], [1, 1]);
  });

  it('does nothing in methods that are called after the end', async () => {
    const harness = current();
    const { connection, handler, server } = await harness.open();
    const { stream } = opened(connection);
    write(stream, 'x');
    await harness.until('the stream is known', () => server.streams.length === 1);
    connection.close(CLOSE_CODES.NONE, 'done');
    const far = server.streams[0]?.stream;
    await harness.until('both know', () => handler.closes.length > 0 && server.closes.length > 0);
    for (const each of [stream, far]) {
      write(each, 'late', true);
      write(each, 'later');
      each?.pause();
      each?.resume();
      each?.setClass('bulk');
      each?.setHandler(NO_STREAM);
      each?.stop(CLOSE_CODES.CANCELLED);
      each?.reset(CLOSE_CODES.CANCELLED);
      each?.end();
    }
    assert.equal(connection.openStream('control', NO_STREAM), undefined);
    connection.close(CLOSE_CODES.NONE, 'again');
    assert.ok(connection.rttMs() >= 0);
    await harness.linger();
    assert.deepEqual([handler.closes.length, server.closes.length], [1, 1]);
  });

  it('fails with CONNECT_FAILED, and without onOpen, where nobody listens', async () => {
    const harness = current();
    const { handler } = harness.dial({ address: harness.pair.closedAddress });
    await expectFailure(harness, handler, 'CONNECT_FAILED');
  });

  it('fails with CONNECT_FAILED at an endpoint that was not told to listen', async () => {
    const harness = current();
    const { handler } = harness.dial();
    await expectFailure(harness, handler, 'CONNECT_FAILED');
    assert.deepEqual([...harness.pair.server.connections()], []);
  });

  it('fails with UNAUTHENTICATED when another role or another node answers', async () => {
    const harness = current();
    harness.listen();
    const otherRole = harness.pair.serverIdentity.role === 'worker' ? 'director' : 'worker';
    await expectFailure(harness, harness.dial({ role: otherRole, id: undefined }).handler, 'UNAUTHENTICATED');
    await expectFailure(harness, harness.dial({ id: nodeId('somebody-else') }).handler, 'UNAUTHENTICATED');
    const anyone = harness.dial({ id: undefined });
    await harness.until('any node of the role will do', () => anyone.connection.state === 'open');
  });

  it('ends once, locally, when it is closed before it was open', async () => {
    const harness = current();
    harness.listen();
    const { connection, handler } = harness.dial();
    connection.close(CLOSE_CODES.CANCELLED, 'changed my mind');
    await harness.until('it knows', () => handler.closes.length > 0);
    await harness.linger();
    assert.deepEqual(handler.closes.map(gist), [['local', CLOSE_CODES.CANCELLED, 'changed my mind', false]]);
    assert.deepEqual(handler.opens, []);
  });

  it('closes all connections with the endpoint, which then makes no more', async () => {
    const harness = current();
    const first = await harness.open();
    const second = await harness.open();
    await harness.pair.server.close('power cut');
    await harness.pair.server.close();
    await harness.until('all know', () =>
      [first, second].every(({ handler, server }) => handler.closes.length > 0 && server.closes.length > 0),
    );
    for (const { handler, server } of [first, second]) {
      assert.deepEqual(handler.closes.map(gist), [['peer', CLOSE_CODES.GOING_AWAY, 'power cut', true]]);
      assert.deepEqual(server.closes.map(gist), [['local', CLOSE_CODES.GOING_AWAY, 'power cut', true]]);
    }
    assert.deepEqual([...harness.pair.server.connections()], []);
    await harness.pair.client.close();
    const { handler } = harness.dial();
    await harness.until('it is refused', () => handler.closes.length > 0);
    assert.equal(handler.closes[0]?.wasOpen, false);
  });
}

async function expectFailure(
  harness: ContractHarness,
  handler: Dialled['handler'],
  reason: CloseReason['reason'],
): Promise<void> {
  await harness.until('it failed', () => handler.closes.length > 0);
  await harness.linger();
  assert.deepEqual(
    handler.closes.map((close) => [close.reason, close.wasOpen]),
    [[reason, false]],
  );
  assert.deepEqual(handler.opens, []);
  assert.match(handler.closes[0]?.message ?? '', /^[^\n]+$/);
}

function gist({ by, code, message, wasOpen }: CloseReason): unknown[] {
  return [by, code, message, wasOpen];
}

const NO_STREAM = { onData() {}, onReset() {}, onStopped() {}, onDrained() {} };
