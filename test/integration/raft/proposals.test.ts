import { expect } from 'chai';
import { RpcError } from '../../../src/base/index.js';
import { RpcChannel } from '../../../src/drivers/rpc/index.js';
import { type GroupId, type ProposeOptions, silentLogger } from '../../../src/ports/index.js';
import { bidiStream, unary } from '../../../src/rpc/index.js';
import { testIdentity } from '../../../src/testing/index.js';
import { GROUP, onBothTransports } from './net-world.js';

onBothTransports('a proposal for the leader on another node', (current) => {
  it('gets the reply of its state machine', async () => {
    const world = current();
    const [a, b] = [await world.director('d1'), await world.director('d2')];
    const seen: (ProposeOptions | undefined)[] = [];
    b.group.onPropose = async (command, options) => {
      seen.push(options);
      return Buffer.from(`${Buffer.from(command).toString()} is done`);
    };
    const forwarded = a.network.forward(b.id, GROUP, Buffer.from('it'), { timeoutMs: 4_000, priority: 'urgent' });
    expect(Buffer.from(await world.run(forwarded)).toString()).to.equal('it is done');
    expect(seen).to.have.length(1);
    expect(seen[0]?.priority).to.equal('urgent');
    expect(seen[0]?.timeoutMs).to.be.within(1, 4_000);
  });

  it('may be as long as a command may be', async () => {
    const world = current();
    const [a, b] = [await world.director('d1'), await world.director('d2')];
    const command = Buffer.alloc(3_000_000, 7);
    const reply = await world.run(a.network.forward(b.id, GROUP, command, {}));
    expect(Buffer.compare(reply, command)).to.equal(0);
  });

  it('fails as the leader says', async () => {
    const world = current();
    const [a, b] = [await world.director('d1'), await world.director('d2')];
    b.group.onPropose = async () => {
      throw RpcError.of('NOT_LEADER', 'd3 leads');
    };
    const failure = await world.run(a.network.forward(b.id, GROUP, Buffer.of(1), {}).catch((error: Error) => error));
    expect(failure).to.include({ reason: 'NOT_LEADER', maybeExecuted: false });
  });

  it('fails where no such group runs, and where its address is not known', async () => {
    const world = current();
    const [a, b] = [await world.director('d1'), await world.director('d2')];
    const nowhere = a.network.forward(b.id, 9 as GroupId, Buffer.of(1), {}).catch((error: Error) => error);
    expect(await world.run(nowhere)).to.include({ reason: 'GROUP_UNKNOWN', maybeExecuted: false });
    const nobody = a.network.forward('d9' as typeof b.id, GROUP, Buffer.of(1), {}).catch((error: Error) => error);
    expect(await world.run(nobody)).to.include({ reason: 'NOT_CONNECTED', maybeExecuted: false });
  });

  it('may have been executed when its connection breaks', async () => {
    const world = current();
    const [a, b] = [await world.director('d1'), await world.director('d2')];
    let proposed = false;
    b.group.onPropose = () => {
      proposed = true;
      return new Promise(() => undefined);
    };
    const failure = a.network.forward(b.id, GROUP, Buffer.of(1), {}).catch((error: Error) => error);
    await world.until('the proposal', () => proposed);
    for (const connection of a.endpoint.connections()) connection.close(0, 'cut by the test');
    expect(await world.run(failure)).to.include({ reason: 'CONNECTION_LOST', maybeExecuted: true });
  });

  it('is refused from another cluster', async () => {
    const world = current();
    const [a, b] = [await world.director('d1'), await world.director('d2', { clusterId: 'another' })];
    const failure = await world.run(a.network.forward(b.id, GROUP, Buffer.of(1), {}).catch((error: Error) => error));
    expect(failure).to.include({ reason: 'CLUSTER_MISMATCH', maybeExecuted: false });
  });
});

onBothTransports('the service between directors', (current) => {
  it('refuses every caller that is no director', async () => {
    const world = current();
    const b = await world.director('d2');
    for (const role of ['worker', 'client'] as const) {
      const identity = testIdentity(role, `${role}1`);
      const channel = new RpcChannel({
        endpoint: await world.endpointOf(role, `${role}1`),
        target: { address: b.endpoint.address, role: 'director' },
        ...{ identity, clock: world.clock, random: world.random, logger: silentLogger },
      });
      const propose = { name: 'flotilla.raft.propose', definition: unary() };
      const refused = await world.run(channel.unary(propose, Buffer.of(0, 0, 0, 0)).catch((error: Error) => error));
      expect(refused).to.include({ reason: 'FORBIDDEN' });
      for (const name of ['link', 'snapshot']) {
        const method = { name: `flotilla.raft.${name}`, definition: bidiStream() };
        const replies = channel.bidiStream(method, [Buffer.of(1)])[Symbol.asyncIterator]();
        const outcome = await world.run(replies.next().catch((error: Error) => error));
        expect(outcome, name).to.include({ reason: 'FORBIDDEN' });
      }
      await channel.close();
    }
    expect(b.network.counters.linksOpened).to.equal(0);
  });
});
