import { expect } from 'chai';
import { Prng } from '../../../src/base/index.js';
import { createMemorySessionStore, type QuicEndpoint } from '../../../src/io/quic/index.js';
import { RawProxy } from './raw-peer.js';
import { closeEndpoints, echo, endpoint, listenEcho, openStream, pause, until, Watched, write } from './support.js';

/** A generator that may lose, double, cut or change a datagram, with the good one after it or not. */
function harm(random: Prng, rate: () => number): (datagram: Buffer) => readonly Buffer[] {
  return (datagram) => {
    if (!random.chance(rate())) return [datagram];
    const copy = Buffer.from(datagram);
    switch (random.int(5)) {
      case 0:
        return [];
      case 1:
        return [copy, copy];
      case 2:
        return [copy.subarray(0, 1 + random.int(copy.length))];
      case 3:
        copy[0] = 0xc0 | random.int(64);
        return [copy, datagram];
      default:
        for (let i = 0; i <= random.int(6); i += 1) {
          copy[random.int(random.chance(0.5) ? Math.min(60, copy.length) : copy.length)] = random.int(256);
        }
        return random.chance(0.5) ? [copy] : [copy, datagram];
    }
  };
}

describe('a bad path', () => {
  let proxy: RawProxy | undefined;

  afterEach(async () => {
    proxy?.close();
    await closeEndpoints();
  });

  function dial(client: QuicEndpoint, onOpen?: (watched: Watched) => void): Watched {
    const watched: Watched = new Watched(undefined, () => onOpen?.(watched));
    watched.connection = client.connect({ address: proxy?.address ?? client.address, role: 'worker' }, watched);
    return watched;
  }

  it('delays data and loses none', async function () {
    this.timeout(60_000);
    const random = new Prng(process.env.SEED ?? 'lossy');
    const server = await endpoint('worker', 'w1', { transport: { datagramBytesMax: 1_350 } });
    listenEcho(server);
    const client = await endpoint('client', 'c1', {
      transport: { datagramBytesMax: 1_350, handshakeTimeoutMs: 30_000 },
    });
    proxy = await RawProxy.open(server.address);
    const lose = (datagram: Buffer): readonly Buffer[] => (random.chance(0.05) ? [] : [datagram]);
    proxy.toServer = lose;
    proxy.toClient = lose;
    const connection = await dial(client).open();
    const sent = 'a line of text\n'.repeat(20_000);
    expect((await echo(connection, sent)) === sent, `seed ${random.seed}`).to.equal(true);
  });

  it('that changes, doubles and cuts datagrams fails connections only', async function () {
    this.timeout(60_000);
    const random = new Prng(process.env.SEED ?? 2);
    const server = await endpoint('worker', 'w1');
    listenEcho(server);
    const client = await endpoint('client', 'c1', {
      sessions: createMemorySessionStore(),
      transport: { handshakeTimeoutMs: 200 },
    });
    proxy = await RawProxy.open(server.address);
    let rate = 0;
    proxy.toServer = harm(random, () => rate);
    proxy.toClient = harm(random, () => rate);
    for (let round = 0; round < 60; round += 1) {
      rate = round % 10 === 0 ? 0 : 0.4;
      const watched = dial(client, (own) => {
        if (
          own.connection?.openStream('data', { onData() {}, onReset() {}, onStopped() {}, onDrained() {} }) ===
          undefined
        )
          return;
        write(openStream(own.connection), `round ${round}`, true);
      });
      await until('an outcome', () => watched.closed !== undefined || watched.connection?.state === 'open');
      await pause(2);
      watched.connection?.close(0, '');
    }
    rate = 0;
    const last = await dial(await endpoint('client', 'c2')).open();
    expect(await echo(last, 'after all that'), `seed ${random.seed}`).to.equal('after all that');
    expect(client.counters.datagramsSent + server.counters.datagramsSent).to.be.below(10_000);
  });

  it('that swallows the end of the handshake does not make a closed connection send for ever', async () => {
    const server = await endpoint('worker', 'w1');
    listenEcho(server);
    const client = await endpoint('client', 'c1');
    proxy = await RawProxy.open(server.address);
    const dialled = dial(client);
    let count = 0;
    proxy.toServer = (datagram) => {
      count += 1;
      return count === 1 ? [datagram] : [];
    };
    const connection = await dialled.open();
    await until('handshake probes', () => count >= 4);
    connection.close(0, 'no way to tell');
    await dialled.end();
    const before = client.counters.datagramsSent;
    await pause(300);
    expect(client.counters.datagramsSent - before).to.be.below(10);
  });
});
