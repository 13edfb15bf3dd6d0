import { expect } from 'chai';
import type { QuicConnection } from '../../../../src/io/quic/connection.js';
import { TurnQueue } from '../../../../src/io/quic/turn-queue.js';
import { SimulatedClock } from '../../../../src/testing/index.js';

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));

function connection(): QuicConnection {
  return { scheduled: false } as QuicConnection;
}

describe('TurnQueue', () => {
  let clock: SimulatedClock;
  let ran: QuicConnection[];
  let isBlocked: boolean;
  let onRun: (connection: QuicConnection) => void;
  let queue: TurnQueue;

  beforeEach(() => {
    clock = new SimulatedClock();
    ran = [];
    isBlocked = false;
    onRun = () => {};
    queue = new TurnQueue(
      clock,
      (each) => {
        ran.push(each);
        onRun(each);
      },
      () => isBlocked,
    );
  });

  it('runs a connection once per turn, however often it was added', async () => {
    const [a, b] = [connection(), connection()];
    for (const each of [a, b, a, a, b]) queue.add(each);
    expect(ran).to.deep.equal([]);
    await nextTurn();
    expect(ran).to.deep.equal([a, b]);
    await nextTurn();
    expect(ran).to.have.length(2);
  });

  it('leaves what is added during a turn to the next one', async () => {
    const a = connection();
    let left = 3;
    onRun = (each) => {
      left -= 1;
      if (left > 0) queue.add(each);
    };
    queue.add(a);
    await nextTurn();
    expect(ran).to.have.length(1);
    await nextTurn();
    await nextTurn();
    expect(ran).to.have.length(3);
  });

  it('runs blocked connections once the socket has room again', async () => {
    const [a, b] = [connection(), connection()];
    isBlocked = true;
    queue.addBlocked(a);
    queue.addBlocked(b);
    await clock.advance(5);
    await nextTurn();
    expect(ran).to.deep.equal([]);
    isBlocked = false;
    await clock.advance(2);
    await nextTurn();
    expect(ran).to.deep.equal([a, b]);
  });
});
