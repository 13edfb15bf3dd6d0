import dgram from 'node:dgram';
import { expect } from 'chai';
import type { FlotillaError } from '../../../src/base/index.js';
import { TRANSPORT_DEFAULTS, type TransportOptions } from '../../../src/io/quic/index.js';
import { RawClient, RawPeer } from './raw-peer.js';
import {
  ca,
  closeEndpoints,
  connect,
  echo,
  endpoint,
  listenEcho,
  openStream,
  pause,
  pemFor,
  until,
  write,
} from './support.js';

async function failure(attempt: Promise<unknown>): Promise<FlotillaError> {
  try {
    await attempt;
  } catch (error) {
    return error as FlotillaError;
  }
  throw new Error('no error was thrown');
}

describe('a connection’s lifetime', () => {
  afterEach(closeEndpoints);

  it('ends at the idle timeout, on both sides, when nothing is sent', async () => {
    const transport = { idleTimeoutMs: 300, keepAliveMs: 0 };
    const server = await endpoint('worker', 'w1', { transport });
    const accepted = listenEcho(server);
    const dialled = connect(await endpoint('client', 'c1', { transport }), server);
    await dialled.open();
    const reason = await dialled.end();
    expect(reason).to.include({ by: 'timeout', reason: 'CONNECTION_LOST', wasOpen: true });
    await until('the server', () => accepted[0]?.closed !== undefined);
    expect(accepted[0]?.closed).to.include({ by: 'timeout', reason: 'CONNECTION_LOST' });
  });

  it('goes on beyond the idle timeout when keep-alive is on', async () => {
    const transport = { idleTimeoutMs: 500, keepAliveMs: 100 };
    const server = await endpoint('worker', 'w1', { transport });
    listenEcho(server);
    const dialled = connect(await endpoint('client', 'c1', { transport }), server);
    const connection = await dialled.open();
    await pause(1_500);
    expect(dialled.closed).to.equal(undefined);
    expect(await echo(connection, 'still alive')).to.equal('still alive');
  });

  it('ends at the handshake timeout when nobody answers', async () => {
    const silent = await RawPeer.open();
    const client = await endpoint('client', 'c1', { transport: { handshakeTimeoutMs: 200 } });
    const connection = client.connect(
      { address: silent.address, role: 'worker' },
      {
        onOpen: () => expect.fail('opened'),
        onStream: () => expect.fail('a stream'),
        onClosed(_connection, reason) {
          expect(reason).to.include({ by: 'timeout', reason: 'CONNECT_FAILED', wasOpen: false });
        },
      },
    );
    await until('the end', () => connection.state === 'closed');
    silent.close();
  });

  it('ends with its maximum age on the accepting side', async () => {
    const server = await endpoint('worker', 'w1', { transport: { connectionAgeMsMax: 1_000 } });
    listenEcho(server);
    const dialled = connect(await endpoint('client', 'c1'), server);
    await dialled.open();
    expect(await dialled.end()).to.deep.include({ by: 'peer', code: 1, wasOpen: true });
  });

  it('cannot begin on a closed endpoint', async () => {
    const server = await endpoint('worker', 'w1');
    const client = await endpoint('client', 'c1');
    await Promise.all([client.close(), client.close('twice')]);
    const dialled = connect(client, server);
    expect(await dialled.end()).to.include({ by: 'local', wasOpen: false });
  });

  it('can be cut short before it has begun', async () => {
    const server = await endpoint('worker', 'w1');
    listenEcho(server);
    const dialled = connect(await endpoint('client', 'c1'), server);
    dialled.connection?.close(0, 'changed my mind');
    expect(await dialled.end()).to.include({ by: 'local', message: 'changed my mind', wasOpen: false });
    expect(dialled.opens).to.deep.equal([]);
  });

  it('delivers what was written right before close', async () => {
    const server = await endpoint('worker', 'w1');
    const accepted = listenEcho(server);
    const connection = await connect(await endpoint('client', 'c1'), server).open();
    await until('the server', () => accepted[0]?.connection !== undefined);
    const watched = openStream(connection);
    write(watched, 'last words');
    connection.close(0, '');
    await until('the last words', () => accepted[0]?.streams[0]?.size === 10);
  });

  it('is refused beyond connectionsMax, on either side', async () => {
    const server = await endpoint('worker', 'w1', { transport: { connectionsMax: 2 } });
    listenEcho(server);
    const client = await endpoint('client', 'c1', { transport: { connectionsMax: 3, handshakeTimeoutMs: 400 } });
    await connect(client, server).open();
    await connect(client, server).open();
    const third = connect(client, server);
    const fourth = connect(client, server);
    expect((await fourth.end()).message).to.contain('connectionsMax');
    expect(await third.end()).to.include({ by: 'timeout' });
    expect(server.counters.droppedOverLimit).to.be.above(0);
  });

  it('reports a peer that has vanished as a timeout and not as its close', async () => {
    const server = await endpoint('worker', 'w1', { transport: { idleTimeoutMs: 300 } });
    const accepted = listenEcho(server);
    const raw = await RawClient.open(server.address, { ca: ca.certPem, tls: await pemFor('client', 'c1') });
    await raw.run('the handshake', () => raw.native.isEstablished());
    await until('the server', () => accepted.length === 1);
    raw.close();
    await until('the end', () => accepted[0]?.closed !== undefined);
    expect(accepted[0]?.closed).to.include({ by: 'timeout', reason: 'CONNECTION_LOST' });
  });
});

describe('addresses', () => {
  afterEach(closeEndpoints);

  it('may be IPv6', async () => {
    const listen = { host: '::1', port: 0 };
    const server = await endpoint('worker', 'w1', { listen });
    const accepted = listenEcho(server);
    const client = await endpoint('client', 'c1', { listen });
    const connection = await client.connect(
      { address: { host: '0:0:0:0:0:0:0:1', port: server.address.port }, role: 'worker' },
      connectHandler(),
    );
    await until('the connection', () => connection.state === 'open');
    const sent = 'x'.repeat(300_000);
    expect((await echo(connection, sent)) === sent).to.equal(true);
    expect(accepted[0]?.connection?.remote.host).to.equal('::1');
  });

  it('may be IPv4 on a socket that is bound to all of IPv6', async () => {
    const server = await endpoint('worker', 'w1', { listen: { host: '::', port: 0 } });
    listenEcho(server);
    const { port } = server.address;
    const overV4 = await endpoint('client', 'c1');
    const overV6 = await endpoint('client', 'c2', { listen: { host: '::1', port: 0 } });
    const fromAll = await endpoint('client', 'c3', { listen: { host: '::', port: 0 } });
    for (const [client, host] of [
      [overV4, '127.0.0.1'],
      [overV6, '::1'],
      [fromAll, '127.0.0.1'],
      [fromAll, '::1'],
    ] as const) {
      const connection = client.connect({ address: { host, port }, role: 'worker' }, connectHandler());
      await until(`the connection to ${host}`, () => connection.state === 'open');
      expect(await echo(connection, host)).to.equal(host);
    }
  });

  it('may be names, resolved once when connecting', async () => {
    const server = await endpoint('worker', 'w1');
    listenEcho(server);
    const client = await endpoint('client', 'c1');
    const connection = client.connect(
      { address: { host: 'localhost', port: server.address.port }, role: 'worker' },
      connectHandler(),
    );
    expect(connection.state).to.equal('connecting');
    await until('the connection', () => connection.state === 'open');
    expect(connection.remote.host).to.equal('127.0.0.1');
  });

  it('that do not resolve or fit fail the connection with the cause', async () => {
    const client = await endpoint('client', 'c1');
    for (const [host, text] of [
      ['no-such-host.invalid', 'does not resolve'],
      ['::1', 'IPv6'],
    ] as const) {
      let message = '';
      client.connect(
        { address: { host, port: 1 }, role: 'worker' },
        { ...connectHandler(), onClosed: (_c, reason) => (message = reason.message) },
      );
      await until('the failure', () => message !== '');
      expect(message).to.contain(text);
    }
  });

  it('in use or unknown are setup errors', async () => {
    const first = await endpoint('worker', 'w1');
    const inUse = await failure(endpoint('worker', 'w2', { listen: first.address }));
    expect(inUse.code).to.equal('ADDRESS_IN_USE');
    expect(inUse.message).to.contain(String(first.address.port));
    const foreign = await failure(endpoint('worker', 'w2', { listen: { host: '192.0.2.1', port: 0 } }));
    expect(foreign.code).to.equal('ADDRESS_UNREACHABLE');
    const unknown = await failure(endpoint('worker', 'w2', { listen: { host: 'no-such-host.invalid', port: 0 } }));
    expect(unknown.code).to.equal('ADDRESS_UNREACHABLE');
  });

  it('get the socket buffers that the kernel gives, which are reported', async () => {
    const small = await endpoint('worker', 'w1', { transport: { socketBufferBytes: 0 } });
    const large = await endpoint('worker', 'w2');
    expect(small.socketBuffers.receiveBytes).to.be.above(0);
    expect(large.socketBuffers.receiveBytes).to.be.at.least(small.socketBuffers.receiveBytes);
    expect(large.socketBuffers.sendBytes).to.be.at.least(small.socketBuffers.sendBytes);
  });

  it('are given back when the endpoint closes', async () => {
    const first = await endpoint('worker', 'w1');
    const { address } = first;
    await first.close();
    const socket = dgram.createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(address.port, address.host, resolve));
    socket.close();
  });
});

describe('transport options', () => {
  afterEach(closeEndpoints);

  const wrong: [TransportOptions, string][] = [
    [{ congestionControl: 'fast' as never }, 'congestionControl'],
    [{ idleTimeoutMs: 1 }, 'idleTimeoutMs'],
    [{ keepAliveMs: TRANSPORT_DEFAULTS.idleTimeoutMs }, 'keepAliveMs'],
    [{ handshakeTimeoutMs: Number.NaN }, 'handshakeTimeoutMs'],
    [{ datagramBytesMax: 1_000 }, 'datagramBytesMax'],
    [{ streamWindowBytes: 32 * 1024 * 1024 }, 'streamWindowBytes'],
    [{ streamsMax: 0 }, 'streamsMax'],
    [{ halfOpenMax: 0 }, 'halfOpenMax'],
    [{ connectionAgeMsMax: 5 }, 'connectionAgeMsMax'],
    [{ earlyData: 'yes' as never }, 'earlyData'],
  ];

  for (const [transport, name] of wrong) {
    it(`outside their range name the option and the range: ${name}`, async () => {
      const error = await failure(endpoint('worker', 'w1', { transport }));
      expect(error.code).to.equal('OPTION_INVALID');
      expect(error.message).to.contain(`transport.${name} is ${JSON.stringify(Object.values(transport)[0])}`);
    });
  }

  for (const congestionControl of ['cubic', 'reno', 'bbr'] as const) {
    it(`carry data with ${congestionControl}`, async () => {
      const transport = { congestionControl, datagramBytesMax: 1_350 };
      const server = await endpoint('worker', 'w1', { transport });
      listenEcho(server);
      const connection = await connect(await endpoint('client', 'c1', { transport }), server).open();
      const sent = congestionControl.repeat(50_000);
      expect((await echo(connection, sent)) === sent).to.equal(true);
    });
  }
});

function connectHandler() {
  return {
    onOpen() {},
    onStream: () => ({ onData() {}, onReset() {}, onStopped() {}, onDrained() {} }),
    onClosed() {},
  };
}
