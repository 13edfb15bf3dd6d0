import { expect } from 'chai';
import { connectDirectors, defineService, implement, RpcError, unary } from '../../../src/index.js';
import { Cluster } from '../../../src/local/index.js';

const Work = defineService('work', {
  wait: unary<{ ms: number }, string>({ idempotent: true }),
  fail: unary<Record<string, never>, string>(),
});

describe('the statistics of all nodes', () => {
  let cluster: Cluster;
  before(async function () {
    this.timeout(60_000);
    cluster = await Cluster.local({
      workers: 2,
      services: [
        implement(Work, {
          wait: ({ ms }) => new Promise((resolve) => setTimeout(() => resolve('done'), ms)),
          fail: () => {
            throw RpcError.of('APPLICATION', 'asked to');
          },
        }),
      ],
    });
  });
  after(() => cluster.close());

  it('come from every director and worker, with what they did and do', async () => {
    const client = await cluster.client();
    const { wait, fail } = client.service(Work);
    for (let call = 0; call < 3; call += 1) await wait({ ms: 20 }, { filter: 'role=worker' });
    await fail({}).catch(() => undefined);
    const abort = new AbortController();
    const endless = wait({ ms: 60_000 }, { signal: abort.signal }).catch(() => undefined);

    const directors = await connectDirectors({ directors: cluster.addresses, tls: await cluster.tls('client', 'top') });
    try {
      const answers = await directors.nodes({ timeoutMs: 10_000 });
      expect(answers.map(({ member }) => member.id)).to.deep.equal(['d1', 'w1', 'w2']);
      const stats = answers.map((answer) => {
        if (!answer.ok) throw answer.error;
        return answer.stats;
      });
      const workers = stats.slice(1);
      const sum = (read: (each: (typeof stats)[number]) => number) => workers.map(read).reduce((a, b) => a + b);
      expect(sum(({ calls }) => calls.data.started)).to.equal(5);
      expect(sum(({ calls }) => calls.data.failed)).to.equal(1);
      expect(sum(({ calls }) => calls.data.inFlight)).to.equal(1);
      expect(sum(({ calls }) => calls.data.handlerMs.count)).to.be.at.least(3);
      expect(Math.max(...workers.map(({ calls }) => calls.data.recentHandlerMs.p99Ms))).to.be.at.least(15);
      expect(stats[0]).to.include({ id: 'd1', role: 'director' });
    } finally {
      abort.abort();
      await endless;
      await directors.close();
    }
  }).timeout(60_000);

  it('follow the workers that come and go', async () => {
    const gone = await cluster.addWorker({ id: 'w9' });
    const directors = await connectDirectors({ directors: cluster.addresses, tls: await cluster.tls('client', 'top') });
    try {
      const before = await directors.nodes({ timeoutMs: 10_000 });
      expect(before.map(({ ok }) => ok)).to.deep.equal([true, true, true, true]);
      await gone.close();
      const after = await directors.nodes({ timeoutMs: 10_000 });
      expect(after.map(({ member }) => member.id)).to.deep.equal(['d1', 'w1', 'w2']);
      expect(after.every(({ ok }) => ok)).to.equal(true);
    } finally {
      await directors.close();
    }
  }).timeout(60_000);
});
