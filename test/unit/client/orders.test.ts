import { expect } from 'chai';
import { nodeId, RpcError } from '../../../src/base/index.js';
import { settle } from '../../support/settle.js';
import { errorOf, type FakeChannel, FakeCluster } from './fake-cluster.js';

const SNAPSHOT = {
  type: 'snapshot',
  epoch: 'e',
  revision: 0,
  settledInMs: 0,
  heartbeatMs: 3_600_000,
  workers: [],
  more: false,
};
const DONE = { groups: [{ group: 0, index: 7 }] };

/** A client that watches the registry at directors whose watch a test ends. */
class Followed {
  readonly cluster: FakeCluster;
  /** One per director that the client went to; the last one is the present one. */
  readonly directors: FakeChannel[] = [];
  /** The directors that the client goes to from now on refuse the watch. */
  hasNoLeader: boolean;
  private readonly ends = new Map<FakeChannel, () => void>();

  constructor(hasNoLeader = false) {
    this.hasNoLeader = hasNoLeader;
    this.cluster = new FakeCluster({
      workers: 0,
      onChannel: (channel) => {
        this.directors.push(channel);
        let end = (): void => undefined;
        const ended = new Promise<void>((resolve) => {
          end = resolve;
        });
        this.ends.set(channel, end);
        const noLeader = this.hasNoLeader;
        channel.stream = async function* (_inputs, options) {
          if (noLeader) throw RpcError.of('NO_LEADER', 'no leader for some time');
          yield SNAPSHOT;
          options?.signal?.addEventListener('abort', end);
          await ended;
          throw RpcError.of('NO_LEADER', 'the leader is gone');
        };
      },
    });
    this.cluster.watcher.start();
  }

  get present(): FakeChannel {
    return this.directors.at(-1)!;
  }

  async until(condition: () => boolean): Promise<void> {
    expect(await this.cluster.clock.runUntil(condition, 60_000)).to.equal(true);
  }

  async untilFed(): Promise<void> {
    await this.until(() => this.cluster.watcher.isConnected && this.cluster.watcher.director === this.present);
  }

  /** The present director sends the client elsewhere. */
  async leave(): Promise<void> {
    const { watcher } = this.cluster;
    this.ends.get(this.present)?.();
    await this.until(() => watcher.director === undefined);
  }
}

describe('orders to the director that a client follows', () => {
  it('end at the director that the client has left, whose channel is closed after the last of them', async () => {
    const followed = new Followed();
    await followed.untilFed();
    const [first] = followed.directors;
    const { admin } = followed.cluster.client;
    const orders = [admin.addDirector('d4'), admin.promoteDirector('d4')];
    await followed.until(() => first?.calls.length === 2);
    await followed.leave();
    await followed.untilFed();
    expect(followed.directors).to.have.length(2);
    expect(first?.state).to.equal('ready');
    first?.answer(DONE);
    expect(await orders[0]).to.deep.equal(DONE.groups);
    expect(first?.state).to.equal('ready');
    first?.fail('MEMBER_NOT_CAUGHT_UP');
    expect((await errorOf(orders[1] as Promise<unknown>)).reason).to.equal('MEMBER_NOT_CAUGHT_UP');
    await followed.until(() => first?.state === 'closed');
    await followed.cluster.client.close();
  });

  it('fail with CLOSED when the client is closed, wherever they are', async () => {
    const followed = new Followed();
    await followed.untilFed();
    const { admin } = followed.cluster.client;
    const left = errorOf(admin.addDirector('d4'));
    await followed.until(() => followed.present.calls.length === 1);
    await followed.leave();
    await followed.untilFed();
    const present = errorOf(admin.addDirector('d4'));
    await followed.until(() => followed.present.calls.length === 1);
    followed.hasNoLeader = true;
    await followed.leave();
    const waiting = errorOf(admin.addDirector('d4'));
    await followed.cluster.client.close();
    const late = errorOf(admin.addDirector('d4'));
    const reasons = (await Promise.all([left, present, waiting, late])).map(({ reason }) => reason);
    expect(reasons).to.deep.equal(['CLOSED', 'CLOSED', 'CLOSED', 'CLOSED']);
    expect(followed.directors.map(({ state }) => state)).to.satisfy((states: string[]) =>
      states.every((state) => state === 'closed'),
    );
  });

  it('wait for the next director when the client is between two', async () => {
    const followed = new Followed();
    await followed.untilFed();
    followed.hasNoLeader = true;
    await followed.leave();
    const { admin } = followed.cluster.client;
    const order = admin.removeDirector('d4', { timeoutMs: 20_000 });
    const backup = admin.backup()[Symbol.asyncIterator]().next();
    await followed.cluster.clock.advance(2_000);
    expect(followed.directors.flatMap(({ calls }) => calls)).to.deep.equal([]);
    followed.hasNoLeader = false;
    await followed.until(() => followed.present.calls.length === 1);
    expect(followed.present.calls[0]?.options?.timeoutMs).to.be.lessThan(18_001);
    followed.present.answer(DONE);
    expect(await order).to.deep.equal(DONE.groups);
    expect((await settle(followed.cluster.clock, backup)).value).to.deep.equal(SNAPSHOT);
    await followed.cluster.client.close();
  });

  it('fail with NOT_CONNECTED and why when none comes in time', async () => {
    const followed = new Followed(true);
    const { clock, client } = followed.cluster;
    const error = await settle(clock, errorOf(client.admin.addDirector('d4', undefined, { timeoutMs: 5_000 })));
    expect(error).to.include({ reason: 'NOT_CONNECTED', maybeExecuted: false });
    expect(error.message).to.include('no leader for some time');
    expect(clock.nowMs()).to.be.within(4_900, 5_000);
    await client.close();
  });

  it('are given again when they were certainly not sent, and only then', async () => {
    const followed = new Followed();
    await followed.untilFed();
    const { clock, client } = followed.cluster;
    const order = client.admin.rotateGossipKeys();
    for (const reason of ['DRAINING', 'NOT_CONNECTED', 'CONNECT_FAILED'] as const) {
      await followed.until(() => followed.present.calls.length === 1);
      followed.present.fail(reason);
    }
    await followed.until(() => followed.present.calls.length === 1);
    followed.present.answer({ version: 3 });
    expect(await settle(clock, order)).to.deep.equal({ version: 3 });
    for (const reason of ['CONNECTION_LOST', 'DEADLINE', 'MEMBERSHIP_BUSY'] as const) {
      const failing = errorOf(client.admin.rotateGossipKeys());
      await followed.until(() => followed.present.calls.length === 1);
      followed.present.fail(reason);
      expect((await settle(clock, failing)).reason).to.equal(reason);
    }
    await client.close();
  });

  it('stop waiting when their caller cancels them', async () => {
    const followed = new Followed(true);
    const { clock, client } = followed.cluster;
    const caller = new AbortController();
    const order = errorOf(client.admin.transferLeadership(nodeId('d2'), { signal: caller.signal }));
    await clock.advance(1_000);
    caller.abort();
    expect((await order).reason).to.equal('CANCELLED_BY_CALLER');
    await client.close();
  });
});
