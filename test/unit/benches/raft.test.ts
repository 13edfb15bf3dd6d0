import { expect } from 'chai';
import { putRequest, rangeRequest, statusOf } from '../../../benches/systems/etcd/messages.js';
import { share } from '../../../benches/systems/raft/contender.js';
import { bytesOf, KEY_COUNT, keySequence, textOf, VALUE } from '../../../benches/systems/raft/keys.js';

describe('the raft suite', () => {
  it('uses 8-byte keys, each once before any comes again, and 256-byte values', () => {
    const key = keySequence(2);
    const seen = new Set(Array.from({ length: KEY_COUNT }, key));
    expect(seen.size).to.equal(KEY_COUNT);
    expect(new Set([...seen].map(textOf)).size).to.equal(KEY_COUNT);
    for (const one of seen) {
      expect(textOf(one)).to.have.length(8);
      expect(bytesOf(one).toString('latin1')).to.equal(textOf(one));
    }
    expect(VALUE).to.have.length(256);
  });

  it('shares the concurrency out over the client processes without losing any', () => {
    expect([0, 1, 2].map((at) => share(512, 3, at))).to.deep.equal([171, 171, 170]);
    expect([0, 1, 2].map((at) => share(64, 3, at))).to.deep.equal([22, 21, 21]);
    expect(share(1, 1, 0)).to.equal(1);
  });

  it('speaks the protobuf of etcd', () => {
    expect(putRequest(Buffer.from('k'), Buffer.from('vv')).toString('hex')).to.equal('0a016b12027676');
    expect(putRequest(Buffer.from('k'), Buffer.alloc(300)).subarray(3, 6).toString('hex')).to.equal('12ac02');
    expect(rangeRequest(Buffer.from('k'), false).toString('hex')).to.equal('0a016b');
    expect(rangeRequest(Buffer.from('k'), true).toString('hex')).to.equal('0a016b3801');
    // header { cluster_id: 1, member_id: 300 }, version "3", dbSize 5, leader 300
    const status = Buffer.from('0a05080110ac02120133180520ac02', 'hex');
    expect(statusOf(status)).to.deep.equal({ member: 300n, leader: 300n });
  });
});
