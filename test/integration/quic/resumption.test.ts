import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createFileSessionStore, createMemorySessionStore, type QuicEndpoint } from '../../../src/io/quic/index.js';
import { systemClock } from '../../../src/io/system/index.js';
import { type Connection, type SessionStore, silentLogger } from '../../../src/ports/index.js';
import {
  closeEndpoints,
  connect,
  echo,
  endpoint,
  listen,
  listenEcho,
  openStream,
  pemFor,
  rogueCa,
  until,
  WatchedStream,
  write,
} from './support.js';

const TICKET_KEY = new Uint8Array(48).fill(7);

/** Connects once and closes when a session has been stored. */
async function earnSession(client: QuicEndpoint, server: QuicEndpoint, sessions: SessionStore): Promise<void> {
  const dialled = connect(client, server);
  const connection = await dialled.open();
  expect(connection.resumed).to.equal(false);
  await echo(connection, 'first');
  const key = `worker@${server.address.host}:${server.address.port}`;
  await until('a session to be stored', () => sessions.get(key) !== undefined);
  connection.close(0, '');
  await dialled.end();
}

describe('session resumption', () => {
  afterEach(closeEndpoints);

  it('shortens the next handshake and keeps the certificate’s identity', async () => {
    const sessions = createMemorySessionStore();
    const server = await endpoint('worker', 'w1');
    const client = await endpoint('client', 'c1', { sessions });
    const accepted = listenEcho(server);
    await earnSession(client, server, sessions);
    const connection = await connect(client, server, { earlyData: false }).open();
    expect(connection.resumed).to.equal(true);
    expect(connection.earlyData).to.equal(false);
    expect(connection.peer).to.include({ id: 'w1', role: 'worker' });
    expect(await echo(connection, 'again')).to.equal('again');
    expect(accepted[1]?.connection?.resumed).to.equal(true);
    expect(accepted[1]?.connection?.peer).to.include({ id: 'c1', role: 'client' });
    expect(client.counters).to.include({ handshakesFull: 1, handshakesResumed: 1, handshakesEarlyData: 0 });
    expect(server.counters).to.include({ handshakesFull: 1, handshakesResumed: 1 });
  });

  it('lets data travel in the first flight, which the server sees as early until the handshake is done', async () => {
    const sessions = createMemorySessionStore();
    const server = await endpoint('worker', 'w1');
    const client = await endpoint('client', 'c1', { sessions });
    const seen: boolean[] = [];
    const accepted = listen(server, (own) => {
      own.react = (_own, data, fin) => {
        seen.push(accepted[accepted.length - 1]?.connection?.earlyData === true);
        own.stream?.out.append(data);
        if (fin) own.stream?.end();
      };
    });
    await earnSession(client, server, sessions);
    const answer = new WatchedStream();
    let peerWhenEarly: unknown = 'not called';
    const dialled = connect(client, server, {}, (connection: Connection) => {
      if (connection.state !== 'early') return;
      peerWhenEarly = connection.peer;
      answer.stream = connection.openStream('data', answer);
      write(answer, 'early bird');
      answer.stream?.end();
    });
    const connection = await dialled.open();
    await until('the answer', () => answer.fin);
    expect(dialled.opens).to.deep.equal(['early', 'open']);
    expect(peerWhenEarly).to.equal(undefined);
    expect(connection).to.include({ earlyData: true, resumed: true });
    expect(answer.text()).to.equal('early bird');
    expect(seen[0]).to.equal(false);
    expect(seen[1]).to.equal(true);
    await until('the handshake to be confirmed', () => accepted[1]?.connection?.earlyData === false);
    expect(server.counters.handshakesEarlyData).to.equal(1);
    expect(client.counters.handshakesEarlyData).to.equal(1);
  });

  it('works with another server that shares the ticket key', async () => {
    const sessions = createMemorySessionStore();
    const first = await endpoint('worker', 'w1', { ticketKey: TICKET_KEY });
    const client = await endpoint('client', 'c1', { sessions });
    listenEcho(first);
    await earnSession(client, first, sessions);
    const { address } = first;
    await first.close();
    const second = await endpoint('worker', 'w1', { ticketKey: TICKET_KEY, listen: address });
    listenEcho(second);
    const connection = await connect(client, second).open();
    expect(connection.resumed).to.equal(true);
    expect(await echo(connection, 'hello again')).to.equal('hello again');
  });

  it('falls back to a full handshake when the ticket key has changed, and loses no early data', async () => {
    const sessions = createMemorySessionStore();
    const first = await endpoint('worker', 'w1');
    const client = await endpoint('client', 'c1', { sessions });
    listenEcho(first);
    await earnSession(client, first, sessions);
    const { address } = first;
    await first.close();
    const second = await endpoint('worker', 'w1', { listen: address });
    listenEcho(second);
    const answer = new WatchedStream();
    const dialled = connect(client, second, {}, (connection: Connection) => {
      if (connection.state !== 'early') return;
      answer.stream = connection.openStream('data', answer);
      write(answer, 'sent too early');
      answer.stream?.end();
    });
    const connection = await dialled.open();
    expect(dialled.opens).to.deep.equal(['early', 'open']);
    expect(connection.resumed).to.equal(false);
    await until('the answer', () => answer.fin);
    expect(answer.text()).to.equal('sent too early');
  });

  it('refuses an impostor at the old address, whatever was sent early', async () => {
    const sessions = createMemorySessionStore();
    const first = await endpoint('worker', 'w1');
    const client = await endpoint('client', 'c1', { sessions });
    listenEcho(first);
    await earnSession(client, first, sessions);
    const { address } = first;
    await first.close();
    const impostor = await endpoint('worker', 'w1', {
      listen: address,
      tls: await pemFor('worker', 'w1', { authority: rogueCa }),
    });
    listenEcho(impostor);
    const dialled = connect(client, impostor, {}, (connection: Connection) => {
      write(openStream(connection), 'sent too early');
    });
    const reason = await dialled.end();
    expect(reason.reason).to.equal('UNAUTHENTICATED');
    expect(sessions.get(`worker@${address.host}:${address.port}`)).to.equal(undefined);
  });

  it('is not tried with a session of an older certificate of ours', async () => {
    const sessions = createMemorySessionStore();
    const server = await endpoint('worker', 'w1');
    listenEcho(server);
    await earnSession(await endpoint('client', 'c1', { sessions }), server, sessions);
    const renewed = await endpoint('client', 'c1', { sessions });
    const connection = await connect(renewed, server).open();
    expect(connection.resumed).to.equal(false);
  });

  it('ignores a stored session that is garbage', async () => {
    const sessions = createMemorySessionStore();
    const server = await endpoint('worker', 'w1');
    const client = await endpoint('client', 'c1', { sessions });
    listenEcho(server);
    const key = `worker@${server.address.host}:${server.address.port}`;
    await earnSession(client, server, sessions);
    const owner = Buffer.from(sessions.get(key) ?? []).subarray(0, 8);
    for (const garbage of [Buffer.alloc(0), Buffer.alloc(3), Buffer.alloc(64, 0xff), Buffer.alloc(2_000, 1)]) {
      sessions.set(key, Buffer.concat([owner, garbage]));
      const connection = await connect(client, server).open();
      expect(connection.resumed).to.equal(false);
      connection.close(0, '');
      sessions.delete(key);
    }
  });

  it('checks the deny list again', async () => {
    const sessions = createMemorySessionStore();
    const ticketKey = TICKET_KEY;
    const server = await endpoint('worker', 'w1', { ticketKey });
    const client = await endpoint('client', 'c1', { sessions });
    listenEcho(server);
    await earnSession(client, server, sessions);
    const { address } = server;
    await server.close();
    const tls = { ...(await pemFor('worker', 'w1')), deny: [client.identity.fingerprint] };
    const stricter = await endpoint('worker', 'w1', { ticketKey, listen: address, tls });
    const accepted = listenEcho(stricter);
    const reason = await connect(client, stricter).end();
    expect(reason).to.deep.include({ by: 'peer', code: 3, reason: 'UNAUTHENTICATED' });
    expect(reason.message).to.contain('deny list');
    expect(accepted).to.deep.equal([]);
  });

  it('survives a restart of the client through a file that only its owner can read', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'flotilla-sessions-'));
    try {
      const file = join(directory, 'sessions.json');
      const options = { clock: systemClock, logger: silentLogger, writeDelayMs: 1 };
      const server = await endpoint('worker', 'w1');
      listenEcho(server);
      const tls = await pemFor('client', 'c1');
      const before = createFileSessionStore(file, options);
      const firstRun = await endpoint('client', 'c1', { tls, sessions: before });
      await earnSession(firstRun, server, before);
      await firstRun.close();
      before.flush();
      expect(statSync(file).mode & 0o777).to.equal(0o600);
      expect(JSON.parse(readFileSync(file, 'utf8'))).to.have.property('version', 1);
      const secondRun = await endpoint('client', 'c1', { tls, sessions: createFileSessionStore(file, options) });
      const dialled = connect(secondRun, server);
      const connection = await dialled.open();
      expect(dialled.opens).to.deep.equal(['early', 'open']);
      expect(connection.resumed).to.equal(true);
      expect(await echo(connection, 'back')).to.equal('back');
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
