import { expect } from 'chai';
import fc from 'fast-check';
import { nodeId } from '../../../src/base/index.js';
import { enterJoint, leaveJoint } from '../../../src/raft/conf-change.js';
import {
  type ClusterConfig,
  decodeConfig,
  encodeConfig,
  isJoint,
  logIndex,
  type MemberChange,
  memberId,
} from '../../../src/raft/index.js';
import { CoreHarness } from './core-harness.js';

const THREE = config({ voters: [1, 2, 3] });

describe('raft membership changes (4.3)', () => {
  it('every change goes through a joint configuration, and needs both halves', () => {
    const joint = enter(THREE, [{ type: 'remove', id: memberId(3) }], 9);
    expect(joint).to.deep.include({ voters: [1, 2], outgoing: [1, 2, 3] });
    expect(leaveJoint(joint)).to.deep.equal(config({ voters: [1, 2] }));
  });

  it('a member that joins is a learner whose id is the index of the entry', () => {
    const joint = enter(THREE, [{ type: 'addLearner', node: nodeId('new') }], 17);
    expect(joint.learners).to.deep.equal([17]);
    expect(joint.members.at(-1)).to.deep.equal({ id: 17, node: 'new' });
    expect(isJoint(joint), 'also where no vote changes').to.equal(true);
  });

  it('a node that is replaced by itself gets another id', () => {
    const changes: MemberChange[] = [
      { type: 'remove', id: memberId(3) },
      { type: 'addLearner', node: nodeId('n3') },
    ];
    expect(leaveJoint(enter(THREE, changes, 20)).members.map((member) => member.id)).to.deep.equal([1, 2, 20]);
  });

  it('a demoted voter counts in the old half until the change ends', () => {
    const joint = enter(THREE, [{ type: 'demote', id: memberId(2) }], 9);
    expect(joint).to.deep.include({ voters: [1, 3], outgoing: [1, 2, 3], learnersNext: [2], learners: [] });
    expect(leaveJoint(joint)).to.deep.include({ voters: [1, 3], learners: [2], learnersNext: [] });
  });

  it('changes that make no sense are refused', () => {
    const refusal = (...changes: MemberChange[]) => enterJoint(THREE, changes, logIndex(9));
    const all = THREE.voters.map((id) => ({ type: 'remove', id }) as const);
    expect(refusal()).to.equal('CONFIG_EMPTY');
    expect(refusal(...all)).to.equal('CONFIG_EMPTY');
    expect(refusal({ type: 'remove', id: memberId(7) })).to.equal('CONFIG_MEMBER_UNKNOWN');
    expect(refusal({ type: 'promote', id: memberId(1) })).to.equal('CONFIG_ROLE');
    expect(refusal({ type: 'addLearner', node: nodeId('n1') })).to.equal('CONFIG_MEMBER_TWICE');
    expect(refusal({ type: 'addLearner', node: nodeId('a') }, { type: 'addLearner', node: nodeId('b') })).to.equal(
      'CONFIG_TWO_JOIN',
    );
  });

  it('only one change is in progress at a time, and none before the leader committed in its term', () => {
    const h = new CoreHarness({ size: 1 });
    h.nowMs = Math.ceil(h.core.nextDeadlineMs());
    h.core.tick(h.nowMs);
    h.drain();
    h.sync();
    const add: MemberChange[] = [{ type: 'addLearner', node: nodeId('x') }];
    expect(h.core.proposeConfig(add, h.nowMs)).to.deep.equal({ isAccepted: false, reason: 'PROPOSAL_TOO_EARLY' });
    h.settle();
    expect(h.core.proposeConfig(add, h.nowMs)).to.include({ isAccepted: true, index: 3 });
    expect(h.core.proposeConfig(add, h.nowMs)).to.deep.equal({ isAccepted: false, reason: 'PROPOSAL_CONFIG_PENDING' });
    h.settle();
    expect(h.core.status().config).to.deep.include({ voters: [1], learners: [3], outgoing: [] });
  });
});

describe('the bytes of a configuration', () => {
  it('come back as what was written', () => {
    const ids = fc.uniqueArray(fc.integer({ min: 1, max: 2 ** 48 }), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(ids, fc.array(fc.integer({ min: 1, max: 15 }), { minLength: 9, maxLength: 9 }), (given, flags) => {
        const sorted = [...given].sort((a, b) => a - b);
        const set = (bit: number) =>
          sorted.filter((_, at) => ((flags[at] ?? 0) & bit) !== 0 || (bit === 1 && at === 0));
        const written = config({
          members: sorted,
          voters: set(1),
          outgoing: set(2),
          learners: set(4),
          learnersNext: set(8),
        });
        expect(decodeConfig(encodeConfig(written))).to.deep.equal(written);
      }),
    );
  });

  it('are refused when they are anything else', () => {
    const good = encodeConfig(THREE);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(good.length - 1), (garbage, cut) => {
        expect(() => decodeConfig(garbage)).to.not.throw();
        expect(decodeConfig(good.subarray(0, cut))).to.equal(undefined);
      }),
    );
  });
});

function enter(from: ClusterConfig, changes: MemberChange[], index: number): ClusterConfig {
  const joint = enterJoint(from, changes, logIndex(index));
  if (typeof joint === 'string') throw new Error(joint);
  return joint;
}

function config(o: {
  members?: number[];
  voters: number[];
  outgoing?: number[];
  learners?: number[];
  learnersNext?: number[];
}): ClusterConfig {
  const ids = (list: number[] = []) => list.map(memberId);
  const members = ids(o.members ?? o.voters).map((id) => ({ id, node: nodeId(`n${id}`) }));
  return {
    members,
    voters: ids(o.voters),
    outgoing: ids(o.outgoing),
    learners: ids(o.learners),
    learnersNext: ids(o.learnersNext),
  };
}
