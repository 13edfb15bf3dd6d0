import { expect } from 'chai';
import { closeEndpoints, connect, echo, endpoint, listen, listenEcho, openStream, until, write } from './support.js';

describe('a QUIC connection', () => {
  afterEach(closeEndpoints);

  it('opens with the identities of both certificates', async () => {
    const [server, client] = [await endpoint('worker', 'w1'), await endpoint('client', 'c1')];
    const accepted = listenEcho(server);
    const connection = await connect(client, server).open();
    await until('the server to accept', () => accepted[0]?.connection?.state === 'open');
    expect(connection.peer).to.include({ id: 'w1', role: 'worker' });
    expect(accepted[0]?.connection?.peer).to.include({ id: 'c1', role: 'client' });
    expect(accepted[0]?.connection?.remote).to.deep.equal(client.address);
    expect(connection.initiator).to.equal(true);
    expect(accepted[0]?.connection?.initiator).to.equal(false);
    expect(server.counters).to.include({ connectionsAccepted: 1, handshakesFull: 1 });
    expect(client.counters).to.include({ connectionsOpened: 1, handshakesFull: 1 });
  });

  it('carries streams of both initiators at the same time', async () => {
    const [server, client] = [await endpoint('worker', 'w1'), await endpoint('client', 'c1')];
    const accepted = listenEcho(server);
    const dialled = connect(client, server);
    const connection = await dialled.open();
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => echo(connection, `message ${i}`)));
    expect(answers).to.deep.equal(Array.from({ length: 20 }, (_, i) => `message ${i}`));
    const back = accepted[0]?.connection;
    if (back === undefined) throw new Error('not accepted');
    const pushed = openStream(back, 'control');
    write(pushed, 'from the server', true);
    await until('the server’s stream', () => dialled.streams[0]?.text() === 'from the server');
    expect(dialled.streams[0]?.stream?.id).to.equal(1);
  });

  it('tells both sides once who closed it, with code and reason', async () => {
    const [server, client] = [await endpoint('worker', 'w1'), await endpoint('client', 'c1')];
    const accepted = listenEcho(server);
    const dialled = connect(client, server);
    const connection = await dialled.open();
    await echo(connection, 'x');
    connection.close(6, 'enough');
    connection.close(7, 'again');
    expect(await dialled.end()).to.deep.include({ by: 'local', code: 6, message: 'enough', wasOpen: true });
    await until('the server to hear of it', () => accepted[0]?.closed !== undefined);
    expect(accepted[0]?.closed).to.deep.include({ by: 'peer', code: 6, message: 'enough', wasOpen: true });
    expect([dialled.closedCount, accepted[0]?.closedCount]).to.deep.equal([1, 1]);
    expect([...client.connections(), ...server.connections()]).to.deep.equal([]);
  });

  it('is refused by an endpoint that does not listen', async () => {
    const server = await endpoint('worker', 'w1');
    const client = await endpoint('client', 'c1', { transport: { handshakeTimeoutMs: 200 } });
    const reason = await connect(client, server).end();
    expect(reason).to.deep.include({ by: 'timeout', reason: 'CONNECT_FAILED', wasOpen: false });
    expect(reason.message).to.contain('200 ms');
  });

  it('closes every connection when its endpoint closes', async () => {
    const [server, client] = [await endpoint('worker', 'w1'), await endpoint('client', 'c1')];
    const accepted = listen(server);
    const dialled = connect(client, server);
    await dialled.open();
    await until('the server to accept', () => accepted.length === 1);
    await server.close('maintenance');
    expect(await dialled.end()).to.deep.include({ by: 'peer', code: 1, message: 'maintenance' });
    expect(accepted[0]?.closed).to.deep.include({ by: 'local', code: 1 });
  });
});
