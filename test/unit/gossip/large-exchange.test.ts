import { expect } from 'chai';
import { nodeId } from '../../../src/base/index.js';
import { type Alive, encodeSyncReply, GOSSIP_BOUNDS, GossipCore, gossipOptions } from '../../../src/gossip/index.js';

const TAGS = { note: 'x'.repeat(240), other: 'y'.repeat(240) };

function coreOf(id: string, known: readonly Alive[]): GossipCore {
  const address = { host: '10.0.0.1', port: 1 };
  return new GossipCore({ id: nodeId(id), address, options: gossipOptions('lan'), seed: 1, nowMs: 0, known });
}

describe('an exchange of more state than one message holds', () => {
  it('comes in parts, each within the bound, until both nodes hold the same', () => {
    const known = Array.from({ length: 6_000 }, (_, i): Alive => {
      const address = { host: `host-${i}.example`, port: 7_000 };
      return { type: 'alive', id: nodeId(`w${i}`), incarnation: 1, address, tags: TAGS };
    });
    const [full, fresh] = [coreOf('full', known), coreOf('fresh', [])];
    let rounds = 0;
    for (; fresh.liveCount < 6_002 && rounds < 10; rounds += 1) {
      const reply = full.answerSync(fresh.beginSync(), 1);
      expect(encodeSyncReply(reply).length).to.be.below(GOSSIP_BOUNDS.syncBytesMax * 1.1);
      expect(fresh.finishSync(reply, 1)?.sender).to.equal('fresh');
    }
    expect(fresh.liveCount).to.equal(6_002);
    expect(rounds).to.equal(2);
    expect(full.answerSync(fresh.beginSync(), 2).buckets).to.deep.equal([]);
  });
});
