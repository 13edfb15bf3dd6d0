import { expect } from 'chai';
import { ClassLatency, nodeId, RpcError } from '../../../src/base/index.js';
import { NodeReporter } from '../../../src/client/node-reporter.js';
import { decodeNodeStats } from '../../../src/client/protocol/index.js';
import { SimulatedClock } from '../../../src/testing/index.js';

const COUNTERS = {
  ...{ callsStarted: 9, controlCallsStarted: 2, dataCallsStarted: 6, bulkCallsStarted: 1 },
  ...{ callsSucceeded: 5, callsFailed: 3, controlCallsFailed: 1, dataCallsFailed: 2, bulkCallsFailed: 0 },
  ...{ callsCancelled: 0, refusedOverload: 0, refusedDraining: 0, refusedEarlyData: 0, refusedUnknownMethod: 0 },
  ...{ refusedUndecodable: 0, refusedConnections: 0, violations: 0 },
};

function reporterWith(loop?: ConstructorParameters<typeof NodeReporter>[0]['loop']) {
  const clock = new SimulatedClock();
  const handlerLatency = new ClassLatency();
  const server = {
    ...{ counters: COUNTERS, handlerLatency, inFlight: 3, draining: false, connectionCount: 4 },
    inFlightOf: (trafficClass: string) => (trafficClass === 'data' ? 2 : 0),
  };
  const reporter = new NodeReporter({
    identity: { id: nodeId('w1'), role: 'worker' },
    server: () => server,
    clock,
    loop,
  });
  return { clock, handlerLatency, reporter };
}

describe('a node’s report about its calls', () => {
  it('has the counts of each class and survives the way to the asker', async () => {
    const { clock, handlerLatency, reporter } = reporterWith({ delayMs: () => ({ p50Ms: 1, p99Ms: 2, maxMs: 3 }) });
    handlerLatency.data.record(10);
    await clock.advance(1_500);
    const stats = decodeNodeStats(reporter.report());
    expect(stats).to.include({ id: 'w1', role: 'worker', uptimeMs: 1_500, isDraining: false, connections: 4 });
    expect(stats.calls.data).to.include({ inFlight: 2, started: 6, failed: 2 });
    expect(stats.calls.control).to.include({ inFlight: 0, started: 2, failed: 1 });
    expect(stats.calls.data.handlerMs.p99Ms).to.be.within(8.75, 11.25);
    expect(stats.loopDelayMs).to.deep.equal({ p50Ms: 1, p99Ms: 2, maxMs: 3 });
  });

  it('leaves the event loop out where nothing is known of it', () => {
    expect(reporterWith().reporter.report()).not.to.have.property('loopDelayMs');
    expect(reporterWith({ delayMs: () => undefined }).reporter.report()).not.to.have.property('loopDelayMs');
  });

  it('tells recent handler times of the last 10 to 20 seconds to whoever asks all the time', async () => {
    const { clock, handlerLatency, reporter } = reporterWith();
    const recentCounts: number[] = [];
    for (let second = 0; second < 60; second += 1) {
      if (second < 30) handlerLatency.data.record(5);
      recentCounts.push(reporter.report().calls.data.recentHandlerMs.count);
      await clock.advance(1_000);
    }
    expect(recentCounts.slice(0, 10)).to.deep.equal([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    for (const count of recentCounts.slice(20, 30)) expect(count).to.be.within(10, 21);
    expect(recentCounts.slice(51)).to.deep.equal(new Array(9).fill(0));
    expect(reporter.report().calls.data.handlerMs.count).to.equal(30);
  });

  it('is refused by the asker when it is malformed', () => {
    const stats = reporterWith().reporter.report();
    for (const wrong of [undefined, {}, { ...stats, inFlight: -1 }, { ...stats, calls: {} }, { ...stats, role: 'x' }]) {
      expect(() => decodeNodeStats(wrong))
        .to.throw(RpcError)
        .with.property('reason', 'PEER_VIOLATION');
    }
  });
});
