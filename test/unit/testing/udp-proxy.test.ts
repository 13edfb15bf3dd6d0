import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { expect } from 'chai';
import { UdpProxy, type UdpProxyOptions } from '../../../src/testing/index.js';

/** Real sockets on loopback, as the proxy has no other kind; every test waits for datagrams, never for time alone. */
describe('testing: UDP proxy', () => {
  let sockets: Socket[];
  let proxies: UdpProxy[];

  beforeEach(() => {
    sockets = [];
    proxies = [];
  });

  afterEach(async () => {
    for (const proxy of proxies) await proxy.close();
    for (const socket of sockets) socket.close();
  });

  async function openSocket(host: string): Promise<Socket> {
    const socket = createSocket(host === '::1' ? 'udp6' : 'udp4');
    sockets.push(socket);
    socket.bind(0, host);
    await once(socket, 'listening');
    return socket;
  }

  /** An echo that tells which port it saw the datagram come from. */
  async function openEcho(host: string): Promise<Socket> {
    const echo = await openSocket(host);
    echo.on('message', (datagram, from) => echo.send(`${datagram.toString()}@${from.port}`, from.port, from.address));
    return echo;
  }

  async function throughProxy(options: Partial<UdpProxyOptions>, host = '127.0.0.1') {
    const echo = await openEcho(host);
    const proxy = await UdpProxy.start({ target: { host, port: echo.address().port }, ...options });
    proxies.push(proxy);
    const client = await openSocket(host);
    return { proxy, client, send: (text: string) => client.send(text, proxy.address.port, host) };
  }

  /** The next `count` datagrams, without the port the echo saw. */
  function receive(socket: Socket, count: number): Promise<string[]> {
    return new Promise((resolve) => {
      const received: string[] = [];
      const take = (datagram: Buffer): void => {
        received.push(datagram.toString().replace(/@.*/, ''));
        if (received.length < count) return;
        socket.off('message', take);
        resolve(received);
      };
      socket.on('message', take);
    });
  }

  async function portSeen(client: Socket, send: (text: string) => void): Promise<string> {
    const answer = once(client, 'message');
    send('x');
    const [datagram] = (await answer) as [Buffer];
    return datagram.toString().replace(/.*@/, '');
  }

  for (const host of ['127.0.0.1', '::1']) {
    it(`forwards both ways on ${host}`, async () => {
      const { proxy, client, send } = await throughProxy({}, host);
      const answers = receive(client, 1);
      send('ping');
      expect(await answers).to.deep.equal(['ping']);
      expect(proxy.counters.toTarget.forwarded).to.equal(1);
      expect(proxy.counters.toClient.forwarded).to.equal(1);
    });
  }

  it('delays each direction by at least what it was told', async () => {
    const { client, send } = await throughProxy({ path: { delayMs: 10 } });
    const answers = receive(client, 2);
    const startMs = performance.now();
    send('one');
    send('two');
    expect(await answers).to.deep.equal(['one', 'two']);
    expect(performance.now() - startMs).to.be.at.least(19.9);
  });

  it('delays a direction on its own', async () => {
    const { client, send } = await throughProxy({ toTarget: { delayMs: 15 } });
    const answers = receive(client, 1);
    const startMs = performance.now();
    send('one');
    await answers;
    expect(performance.now() - startMs).to.be.at.least(14.9);
  });

  it('loses about the share it was told to, and the same datagrams for the same seed', async () => {
    const fate = async (): Promise<string[]> => {
      const { proxy, client, send } = await throughProxy({ toTarget: { lossRate: 0.5 }, seed: 'loss' });
      const survivors: string[] = [];
      client.on('message', (datagram) => survivors.push(datagram.toString().replace(/@.*/, '')));
      for (let i = 0; i < 60; i += 1) {
        send(String(i));
        while (survivors.length + proxy.counters.toTarget.lost <= i) await new Promise((done) => setImmediate(done));
      }
      expect(proxy.counters.toTarget.lost).to.be.within(15, 45);
      return survivors;
    };
    expect(await fate()).to.deep.equal(await fate());
  });

  it('duplicates', async () => {
    const { proxy, client, send } = await throughProxy({ toTarget: { duplicateRate: 1 } });
    const answers = receive(client, 2);
    send('twice');
    expect(await answers).to.deep.equal(['twice', 'twice']);
    expect(proxy.counters.toTarget.duplicated).to.equal(1);
  });

  it('lets later datagrams overtake one that is held back', async () => {
    const { proxy, client, send } = await throughProxy({ toTarget: { reorderRate: 1, reorderMs: 400 } });
    const answers = receive(client, 2);
    send('first');
    while (proxy.counters.toTarget.reordered === 0) await new Promise((done) => setImmediate(done));
    proxy.setPath({ reorderRate: 0 }, 'toTarget');
    send('second');
    expect(await answers).to.deep.equal(['second', 'first']);
  });

  it('cuts one direction or both, also what is under way, and heals', async () => {
    const { proxy, client, send } = await throughProxy({ toTarget: { delayMs: 300 } });
    const answers = receive(client, 1);
    send('under way');
    while (proxy.counters.toTarget.received < 1) await new Promise((done) => setImmediate(done));
    proxy.cut('toTarget');
    send('cut');
    while (proxy.counters.toTarget.cut < 2) await new Promise((done) => setImmediate(done));
    proxy.heal();
    proxy.cut('toClient');
    send('answer cut');
    while (proxy.counters.toClient.cut < 1) await new Promise((done) => setImmediate(done));
    proxy.heal('toClient');
    send('healed');
    expect(await answers).to.deep.equal(['healed']);
  });

  it('gives each client an upstream address of its own and keeps it until it is rebound', async () => {
    const { proxy, client, send } = await throughProxy({});
    const other = await openSocket('127.0.0.1');
    const first = await portSeen(client, send);
    const second = await portSeen(other, (text) => other.send(text, proxy.address.port, '127.0.0.1'));
    expect(second).to.not.equal(first);
    expect(await portSeen(client, send)).to.equal(first);
    proxy.rebind();
    expect(await portSeen(client, send)).to.not.equal(first);
  });

  it('forwards to another target from setTarget on', async () => {
    const { proxy, client, send } = await throughProxy({});
    const other = await openSocket('127.0.0.1');
    const arrived = receive(other, 1);
    proxy.setTarget({ host: '127.0.0.1', port: other.address().port });
    send('moved');
    expect(await arrived).to.deep.equal(['moved']);
    expect(client.address().port).to.be.above(0);
  });

  it('rejects when its address is taken', async () => {
    const taken = await openSocket('127.0.0.1');
    const listen = { host: '127.0.0.1', port: taken.address().port };
    const outcome = await UdpProxy.start({ target: listen, listen }).catch((error: { code?: string }) => error.code);
    expect(outcome).to.equal('EADDRINUSE');
  });

  it('closes twice, with datagrams under way and more arriving', async () => {
    const { proxy, client, send } = await throughProxy({ path: { delayMs: 5 } });
    for (let i = 0; i < 10; i += 1) send('late');
    await new Promise((done) => setImmediate(done));
    await Promise.all([proxy.close(), proxy.close()]);
    await proxy.close();
    send('after');
    proxy.rebind();
    expect(proxy.counters.toClient.forwarded).to.equal(0);
    expect(client.address().port).to.be.above(0);
  });
});
