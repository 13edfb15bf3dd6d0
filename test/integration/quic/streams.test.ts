import { expect } from 'chai';
import { LIMITS } from '../../../src/base/index.js';
import type { Connection } from '../../../src/ports/index.js';
import {
  closeEndpoints,
  connect,
  echo,
  endpoint,
  listen,
  listenEcho,
  openStream,
  pause,
  until,
  type Watched,
  type WatchedStream,
  write,
} from './support.js';

async function pair(onStream?: (stream: WatchedStream) => void, transport = {}): Promise<[Connection, Watched[]]> {
  const server = await endpoint('worker', 'w1', { transport });
  const client = await endpoint('client', 'c1', { transport });
  const accepted = onStream === undefined ? listenEcho(server) : listen(server, onStream);
  const connection = await connect(client, server).open();
  await until('the server to accept', () => accepted[0]?.connection?.state === 'open');
  return [connection, accepted];
}

describe('a QUIC stream', () => {
  afterEach(closeEndpoints);

  it('carries megabytes unchanged in every class', async () => {
    const [connection] = await pair();
    const sent = Buffer.alloc(3_000_000, 'abcdefghijk');
    await Promise.all(
      (['control', 'data', 'bulk'] as const).map(async (trafficClass) => {
        const watched = openStream(connection, trafficClass);
        write(watched, sent);
        watched.stream?.end();
        await until(`the echo on ${trafficClass}`, () => watched.fin);
        expect(Buffer.concat(watched.chunks).equals(sent), trafficClass).to.equal(true);
      }),
    );
  });

  it('carries megabytes in small datagrams too', async () => {
    const [connection] = await pair(undefined, { datagramBytesMax: 1_350 });
    const sent = Buffer.alloc(2_000_000, 'xyz0123456789');
    const watched = openStream(connection);
    write(watched, sent);
    watched.stream?.end();
    await until('the echo', () => watched.fin);
    expect(Buffer.concat(watched.chunks).equals(sent)).to.equal(true);
  });

  for (const datagramBytesMax of ['auto', 1_350] as const) {
    it(`carries megabytes through the kernel’s default socket buffers in datagrams of ${datagramBytesMax} bytes`, async () => {
      const [connection] = await pair(undefined, { socketBufferBytes: 0, datagramBytesMax });
      const sent = Buffer.alloc(4_000_000, 'no burst larger than that');
      const watched = openStream(connection);
      const control = openStream(connection, 'control');
      write(watched, sent);
      watched.stream?.end();
      write(control, 'beside it');
      control.stream?.end();
      await until('both echoes', () => watched.fin && control.fin);
      expect(Buffer.concat(watched.chunks).equals(sent)).to.equal(true);
    });
  }

  it('delivers one way only when it is unidirectional', async () => {
    const [connection, accepted] = await pair(() => {});
    const stream = connection.openStream(
      'data',
      { onData() {}, onReset() {}, onStopped() {}, onDrained() {} },
      { unidirectional: true },
    );
    stream?.out.append(Buffer.from('one way'));
    stream?.end();
    await until('the data', () => accepted[0]?.streams[0]?.fin === true);
    expect(accepted[0]?.streams[0]?.text()).to.equal('one way');
    expect(stream?.id).to.equal(2);
  });

  it('tells the peer its reset code and delivers no end', async () => {
    const [connection, accepted] = await pair(() => {});
    const watched = openStream(connection);
    write(watched, 'half a mess');
    await until('the data', () => accepted[0]?.streams[0]?.size === 11);
    watched.stream?.reset(77);
    await until('the reset', () => accepted[0]?.streams[0]?.resetCode !== undefined);
    expect(accepted[0]?.streams[0]).to.include({ resetCode: 77, fin: false });
  });

  it('tells the peer its stop code, also when the peer has nothing to send', async () => {
    const [connection, accepted] = await pair(() => {});
    const watched = openStream(connection);
    write(watched, 'question');
    await until('the data', () => accepted[0]?.streams[0]?.size === 8);
    watched.stream?.stop(88);
    await until('the stop', () => accepted[0]?.streams[0]?.stoppedCode !== undefined);
    expect(accepted[0]?.streams[0]?.stoppedCode).to.equal(88);
  });

  it('tells the peer its stop code while the peer is sending', async () => {
    const [connection, accepted] = await pair((own) => {
      own.react = () => write(own, Buffer.alloc(8_000_000));
    });
    const watched = openStream(connection);
    watched.keep = false;
    watched.react = () => watched.stream?.stop(99);
    write(watched, 'send me much');
    await until('the stop', () => accepted[0]?.streams[0]?.stoppedCode !== undefined);
    expect(accepted[0]?.streams[0]?.stoppedCode).to.equal(99);
    expect(accepted[0]?.streams[0]?.stream?.out.length).to.equal(0);
    expect(watched.fin).to.equal(false);
  });

  it('is not opened beyond the peer’s limit, and again once others have ended', async () => {
    const [connection] = await pair(undefined, { streamsMax: 8 });
    const first = Array.from({ length: 8 }, () => openStream(connection));
    expect(connection.openStream('data', first[0] as WatchedStream)).to.equal(undefined);
    for (const watched of first) {
      write(watched, 'x');
      watched.stream?.end();
    }
    await until('all to end', () => first.every((watched) => watched.fin));
    await until('room for another', () => {
      const stream = connection.openStream('data', first[0] as WatchedStream);
      stream?.end();
      return stream !== undefined;
    });
  });

  it('gives its place back when the server stops it after its answer was acknowledged', async () => {
    const [connection] = await pair(
      (own) => {
        own.react = () => {
          own.react = () => {};
          write(own, 'answer');
          own.stream?.end();
          setTimeout(() => own.stream?.stop(5), 30);
        };
      },
      { streamsMax: 8, keepAliveMs: 100 },
    );
    for (let round = 0; round < 4; round += 1) {
      const watched: WatchedStream[] = [];
      await until(`8 streams in round ${round}`, () => {
        try {
          watched.push(openStream(connection));
        } catch {
          return false;
        }
        return watched.length === 8;
      });
      for (const each of watched) write(each, 'question without an end');
      await until('the stops', () => watched.every((each) => each.fin && each.stoppedCode === 5));
    }
  });

  it('gives its place back when the server resets and stops it', async () => {
    const [connection] = await pair(
      (own) => {
        own.react = () => {
          own.stream?.reset(4);
          own.stream?.stop(5);
        };
      },
      { streamsMax: 8, keepAliveMs: 100 },
    );
    for (let round = 0; round < 6; round += 1) {
      const watched: WatchedStream[] = [];
      await until(`8 streams in round ${round}`, () => {
        try {
          watched.push(openStream(connection));
        } catch {
          return false;
        }
        return watched.length === 8;
      });
      for (const each of watched) write(each, 'question');
      await until('resets and stops', () => watched.every((each) => each.resetCode === 4 && each.stoppedCode === 5));
    }
  });

  it('holds the peer back while it is paused, and delivers everything after resume', async () => {
    const [connection, accepted] = await pair(
      (own) => {
        own.keep = false;
        own.stream?.pause();
      },
      { streamWindowBytes: 64 * 1024, connectionWindowBytes: 1024 * 1024 },
    );
    const watched = openStream(connection);
    write(watched, Buffer.alloc(1_000_000));
    watched.stream?.end();
    const others = openStream(connection);
    write(others, 'others go on');
    await until('the other stream', () => accepted[0]?.streams.length === 2);
    await pause(100);
    const [paused] = accepted[0]?.streams ?? [];
    expect(paused?.size).to.equal(0);
    expect(watched.stream?.out.length).to.be.at.least(1_000_000 - 64 * 1024);
    paused?.stream?.resume();
    await until('everything', () => paused?.fin === true);
    expect(paused?.size).to.equal(1_000_000);
  });

  it('delivers what came before a pause in the middle of a message and the rest after', async () => {
    const [connection, accepted] = await pair((own) => {
      own.react = () => {
        own.stream?.pause();
        setTimeout(() => own.stream?.resume(), 1);
      };
    });
    const sent = Buffer.alloc(2_000_000, 'pause and resume');
    const watched = openStream(connection);
    write(watched, sent);
    watched.stream?.end();
    await until('everything', () => accepted[0]?.streams[0]?.fin === true);
    expect(Buffer.concat(accepted[0]?.streams[0]?.chunks ?? []).equals(sent)).to.equal(true);
  });

  it('says once that its buffer has drained after passing the high water mark', async () => {
    const [connection] = await pair((own) => {
      own.keep = false;
    });
    const small = openStream(connection);
    const large = openStream(connection);
    write(small, Buffer.alloc(1_000));
    write(large, Buffer.alloc(2 * LIMITS.streamBufferHighWaterBytes));
    await until('the large one to drain', () => large.stream?.out.length === 0);
    expect([small.drained, large.drained]).to.deep.equal([0, 1]);
  });

  it('does nothing after its connection has ended', async () => {
    const [connection] = await pair();
    const watched = openStream(connection);
    connection.close(0, 'done');
    write(watched, 'too late');
    watched.stream?.end();
    watched.stream?.reset(1);
    watched.stream?.stop(1);
    watched.stream?.pause();
    watched.stream?.resume();
    watched.stream?.setClass('bulk');
    expect(watched.stream?.out.length).to.equal(0);
    expect(connection.openStream('data', watched)).to.equal(undefined);
  });

  it('closes only its connection when a handler throws', async () => {
    let isThrowing = false;
    const [connection, accepted] = await pair((own) => {
      own.react = () => {
        if (isThrowing) throw new Error('a bug in a handler');
        own.stream?.end();
      };
    });
    await echo(connection, 'fine');
    isThrowing = true;
    write(openStream(connection), 'bang');
    await until('the server to close it', () => accepted[0]?.closed !== undefined);
    expect(accepted[0]?.closed).to.deep.include({ by: 'transport', code: 9 });
    isThrowing = false;
  });

  it('ends a connection whose peer does not read, with bounded memory', async () => {
    const [connection] = await pair((own) => own.stream?.pause());
    let closed = false;
    const watched = openStream(connection);
    const chunk = Buffer.alloc(1024 * 1024);
    for (let i = 0; i < 200 && !closed; i += 1) {
      write(watched, chunk);
      closed = connection.state === 'closed';
    }
    expect(closed).to.equal(true);
    expect(watched.stream?.out.length).to.equal(0);
  });

  it('hands over a backlog in several turns of the event loop, with other streams in between', async () => {
    let turn = 0;
    let counting = true;
    const count = (): void => {
      turn += 1;
      if (counting) setImmediate(count);
    };
    const reads: [turn: number, text: string][] = [];
    const [connection, accepted] = await pair((watched) => {
      watched.keep = false;
      watched.react = (own, data) => {
        reads.push([turn, data.toString('latin1', 0, 5)]);
        if (reads.length === 1) own.stream?.pause();
        // Longer than a connection may read at a stretch.
        const endMs = performance.now() + 15;
        while (reads.length > 1 && performance.now() < endMs);
      };
    });
    const long = openStream(connection);
    write(long, 'begin');
    await until('the stream to be paused', () => reads.length === 1);
    write(long, Buffer.alloc(2_000_000, 'a'));
    await until('the backlog to be sent', () => long.stream?.out.length === 0);
    await pause(200);
    count();
    accepted[0]?.streams[0]?.stream?.resume();
    await until('a part of the backlog to be read', () => reads.length > 5);
    const short = openStream(connection);
    write(short, 'short');
    await until('everything', () => (accepted[0]?.streams[0]?.size ?? 0) === 2_000_005 && reads.some(isShort));
    counting = false;
    const backlog = reads.slice(1);
    const parts = backlog.filter((read) => !isShort(read));
    expect(new Set(parts.map(([at]) => at)).size, 'turns').to.equal(parts.length);
    const at = backlog.findIndex(isShort);
    expect(at).to.be.below(backlog.length - 5);
  });
});

function isShort([, text]: [turn: number, text: string]): boolean {
  return text === 'short';
}
