import { expect } from 'chai';
import { CLOSE_CODES } from '../../../src/base/index.js';
import type { MemoryEndpoint, MemoryNetwork } from '../../../src/io/memory/index.js';
import {
  createMemoryNetwork,
  openRecorded,
  RecordingConnection,
  SimulatedClock,
  testIdentity,
  write,
} from '../../../src/testing/index.js';

/** A client and a listening worker, 5 ms apart, on a simulated clock. */
class Scene {
  readonly clock = new SimulatedClock();
  network: MemoryNetwork = createMemoryNetwork({
    clock: this.clock,
    latencyMs: 5,
    idleTimeoutMs: 1_000,
    handshakeTimeoutMs: 500,
  });
  client = this.network.createEndpoint({ identity: testIdentity('client', 'c1') });
  readonly accepted: RecordingConnection[] = [];
  server = this.startServer();

  startServer(port = 7_401): MemoryEndpoint {
    const identity = testIdentity('worker', 'w1');
    const server = this.network.createEndpoint({ identity, address: { host: '127.0.0.1', port } });
    server.listen(() => {
      const handler = new RecordingConnection();
      this.accepted.push(handler);
      return handler;
    });
    return server;
  }

  dial(from = this.client) {
    const handler = new RecordingConnection();
    const connection = from.connect({ address: this.server.address, role: 'worker' }, handler);
    return { connection, handler };
  }

  async open() {
    const { connection, handler } = this.dial();
    await this.clock.advance(20);
    const server = this.accepted.at(-1);
    expect(connection.state).to.equal('open');
    expect(server?.connection?.state).to.equal('open');
    return { connection, handler, server: server as RecordingConnection };
  }
}

describe('memory transport: faults and time', () => {
  let scene: Scene;

  beforeEach(() => {
    scene = new Scene();
  });

  it('opens a connection after one round trip at the client and one and a half at the server', async () => {
    const { connection } = scene.dial();
    await scene.clock.advance(9.9);
    expect(connection.state).to.equal('connecting');
    await scene.clock.advance(0.1);
    expect(connection.state).to.equal('open');
    expect(connection.rttMs()).to.equal(10);
    expect(scene.accepted).to.have.length(0);
    await scene.clock.advance(5);
    expect(scene.accepted[0]?.connection?.state).to.equal('open');
  });

  it('answers a 0-RTT request within one round trip, half of what a full handshake takes', async () => {
    const visit = async (): Promise<number> => {
      const startMs = scene.clock.nowMs();
      const handler = new RecordingConnection();
      const visits = scene.accepted.length;
      let answer: ReturnType<typeof openRecorded>;
      handler.opened = (connection) => {
        if (answer !== undefined) return;
        answer = openRecorded(connection, 'data');
        write(answer?.stream, 'question', true);
      };
      const connection = scene.client.connect({ address: scene.server.address, role: 'worker' }, handler);
      await scene.clock.runUntil(() => scene.accepted[visits]?.streams[0] !== undefined, 100);
      write(scene.accepted[visits]?.streams[0]?.stream, 'answer', true);
      await scene.clock.runUntil(() => answer?.text === 'answer', 100);
      const tookMs = scene.clock.nowMs() - startMs;
      connection.close(CLOSE_CODES.NONE, 'done');
      await scene.clock.advance(20);
      return tookMs;
    };
    expect(await visit()).to.equal(20);
    expect(await visit()).to.equal(10);
  });

  it('holds what is sent during a short cut and delivers it when the cut heals', async () => {
    const { connection, handler, server } = await scene.open();
    scene.network.cut(scene.client.address, scene.server.address);
    write(openRecorded(connection, 'data')?.stream, 'held');
    await scene.clock.advance(900);
    expect(server.streams).to.have.length(0);
    scene.network.heal(scene.client.address, scene.server.address);
    await scene.clock.advance(5_000);
    expect(server.streams[0]?.text).to.equal('held');
    expect([...handler.closes, ...server.closes]).to.have.length(0);
  });

  it('ends both sides of a connection with timeout when a cut outlasts the idle timeout', async () => {
    const { handler, server } = await scene.open();
    scene.network.cut(scene.server.address, scene.client.address);
    await scene.clock.advance(1_001);
    for (const { closes } of [handler, server]) {
      expect(closes).to.have.length(1);
      expect(closes[0]).to.include({ by: 'timeout', reason: 'CONNECTION_LOST', wasOpen: true });
    }
  });

  it('gives a handshake up at a cut, and forgets the other side’s half', async () => {
    scene.network.cut(scene.client.address, scene.server.address);
    const { handler } = scene.dial();
    await scene.clock.advance(501);
    expect(handler.closes[0]).to.include({ by: 'timeout', reason: 'CONNECT_FAILED', wasOpen: false });
    scene.network.heal(scene.client.address, scene.server.address);
    await scene.clock.advance(2_000);
    expect([...scene.server.connections()]).to.deep.equal([]);
    expect(scene.clock.timersPending).to.equal(0);
  });

  it('tells nobody when an endpoint vanishes; its peers find out by the idle timeout', async () => {
    const { connection, handler, server } = await scene.open();
    scene.server.vanish();
    write(openRecorded(connection, 'control')?.stream, 'anybody?');
    await scene.clock.advance(900);
    expect(handler.closes).to.have.length(0);
    await scene.clock.advance(101);
    expect(handler.closes[0]).to.include({ by: 'timeout', reason: 'CONNECTION_LOST' });
    expect(server.closes).to.have.length(0);
    expect(scene.clock.timersPending).to.equal(0);
  });

  it('gives up on a vanished peer also when a cut to its address heals meanwhile', async () => {
    const { handler } = await scene.open();
    scene.server.vanish();
    await scene.clock.advance(500);
    scene.network.cut(scene.client.address, scene.server.address);
    scene.network.heal(scene.client.address, scene.server.address);
    await scene.clock.advance(501);
    expect(handler.closes[0]).to.include({ by: 'timeout', reason: 'CONNECTION_LOST' });
  });

  it('carries one window of bytes per round trip', async () => {
    const windowBytes = 10_000;
    scene.network = createMemoryNetwork({ clock: scene.clock, latencyMs: 5, windowBytes });
    scene.client = scene.network.createEndpoint({ identity: testIdentity('client', 'c1') });
    scene.server = scene.startServer();
    const { connection, server } = await scene.open();
    write(openRecorded(connection, 'control')?.stream, Buffer.alloc(35_000));
    const arrived: number[] = [];
    for (let trip = 0; trip < 4; trip += 1) {
      await scene.clock.advance(trip === 0 ? 5 : 10);
      arrived.push(server.streams[0]?.sizeBytes ?? 0);
    }
    expect(arrived).to.deep.equal([10_000, 20_000, 30_000, 35_000]);
  });

  it('keeps a stream in order when data arrives between resume and the delivery of what was unread', async () => {
    const { connection, server } = await scene.open();
    server.serve = (stream) => stream.stream?.pause();
    const near = openRecorded(connection, 'data');
    write(near?.stream, 'unread, ');
    await scene.clock.advance(50);
    // Set before the packet leaves, so that it fires before the packet arrives at the same instant.
    scene.clock.setTimer(5, () => server.streams[0]?.stream?.resume());
    write(near?.stream, 'new');
    await scene.clock.advance(50);
    expect(server.streams[0]?.text).to.equal('unread, new');
  });

  it('reaches a node that came back at the address of one that vanished', async () => {
    await scene.open();
    scene.server.vanish();
    scene.server = scene.startServer();
    const again = scene.dial();
    await scene.clock.advance(20);
    expect(again.connection.state).to.equal('open');
    // The new process has another ticket key: it cannot resume what the old one began.
    expect(again.connection.resumed).to.equal(false);
  });

  it('refuses at once where nobody is', async () => {
    scene.server.vanish();
    const { handler } = scene.dial();
    await scene.clock.advance(10);
    expect(handler.closes[0]).to.include({ by: 'transport', reason: 'CONNECT_FAILED' });
    expect(handler.closes[0]?.message).to.equal('nobody is at 127.0.0.1:7401');
  });

  it('refuses certificates that have expired, on either side', async () => {
    const expired = scene.network.createEndpoint({ identity: testIdentity('client', 'old', scene.clock.wallMs() - 1) });
    const asClient = scene.dial(expired);
    await scene.clock.advance(20);
    expect(asClient.handler.closes[0]).to.include({ by: 'peer', reason: 'UNAUTHENTICATED', wasOpen: false });
    expect(scene.accepted).to.have.length(0);
    const short = scene.network.createEndpoint({
      identity: testIdentity('worker', 'short', scene.clock.wallMs() + 100),
    });
    short.listen(() => new RecordingConnection());
    await scene.clock.advance(101);
    const handler = new RecordingConnection();
    scene.client.connect({ address: short.address, role: 'worker' }, handler);
    await scene.clock.advance(20);
    expect(handler.closes[0]).to.include({ by: 'local', reason: 'UNAUTHENTICATED' });
    expect(handler.closes[0]?.message).to.equal('the certificate of worker short has expired');
  });

  it('resumes with the sessions of an earlier endpoint, as a restarted client does from its file', async () => {
    const sessions = new Map<string, Uint8Array>();
    for (const expected of [false, true]) {
      const client = scene.network.createEndpoint({ identity: testIdentity('client', 'c2'), sessions });
      const { connection } = scene.dial(client);
      await scene.clock.advance(20);
      expect(connection.resumed).to.equal(expected);
      await client.close();
    }
    for (const key of sessions.keys()) sessions.set(key, Buffer.from('not a session'));
    const { connection } = scene.dial(
      scene.network.createEndpoint({ identity: testIdentity('client', 'c2'), sessions }),
    );
    await scene.clock.advance(20);
    expect([connection.state, connection.resumed]).to.deep.equal(['open', false]);
  });

  it('overwrites data after onData, so that a handler that keeps it is found out', async () => {
    const { connection, server } = await scene.open();
    const kept: Buffer[] = [];
    server.serve = (stream) => {
      stream.react = (data) => kept.push(data);
    };
    write(openRecorded(connection, 'data')?.stream, 'abc');
    await scene.clock.advance(10);
    expect(server.streams[0]?.text).to.equal('abc');
    expect(kept[0]?.equals(Buffer.from([0xdd, 0xdd, 0xdd]))).to.equal(true);
  });

  it('closes a connection on which more waits than a connection may buffer', async () => {
    const { connection, handler, server } = await scene.open();
    server.serve = (stream) => stream.stream?.pause();
    const near = openRecorded(connection, 'bulk');
    for (let i = 0; i < 129; i += 1) write(near?.stream, Buffer.alloc(1024 * 1024));
    await scene.clock.advance(20);
    expect(handler.closes[0]).to.include({ by: 'local', code: CLOSE_CODES.EXCESSIVE_LOAD });
    expect(server.closes[0]).to.include({ by: 'peer', code: CLOSE_CODES.EXCESSIVE_LOAD, reason: 'OVERLOADED' });
  });

  it('refuses an address that is taken and a ticket key of another length', () => {
    expect(() => scene.startServer())
      .to.throw(/127.0.0.1:7401/)
      .with.property('code', 'ADDRESS_IN_USE');
    expect(() => scene.server.setTicketKey(new Uint8Array(47)))
      .to.throw(/47 bytes/)
      .with.property('code', 'OPTION_INVALID');
  });

  it('replays identically on a simulated clock', async () => {
    const run = async (): Promise<string> => {
      const each = new Scene();
      const { connection, server } = await each.open();
      const log: string[] = [];
      server.serve = (stream) => {
        stream.react = (data, fin) => log.push(`${each.clock.nowMs()} ${stream.stream?.id} ${data.length} ${fin}`);
      };
      for (let i = 0; i < 20; i += 1) {
        const near = openRecorded(connection, i % 3 === 0 ? 'bulk' : 'data');
        write(near?.stream, Buffer.alloc(i * 10_000));
        near?.stream.end();
      }
      await each.clock.advance(1_000);
      expect(server.streams).to.have.length(20);
      return log.join('\n');
    };
    expect(await run()).to.equal(await run());
  });
});
