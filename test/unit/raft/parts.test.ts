import { expect } from 'chai';
import fc from 'fast-check';
import type { MemberId } from '../../../src/ports/index.js';
import { logIndex, memberId, term } from '../../../src/raft/index.js';
import { HeartbeatRounds } from '../../../src/raft/leadership.js';
import { RaftLog } from '../../../src/raft/log.js';
import { raftOptions } from '../../../src/raft/options.js';
import { Persistence } from '../../../src/raft/persistence.js';
import { Progress } from '../../../src/raft/progress.js';
import { quorumValue, tally } from '../../../src/raft/quorum.js';
import { entry, position } from './core-harness.js';

describe('raft quorums', () => {
  const ids = (...list: number[]) => list.map(memberId);
  const of = (values: Record<number, number>) => (id: MemberId) => values[id] ?? 0;

  it('a value counts when a majority has reached it', () => {
    const values = of({ 1: 9, 2: 5, 3: 1, 4: 3 });
    expect(quorumValue({ voters: ids(1, 2, 3), outgoing: [] }, values)).to.equal(5);
    expect(quorumValue({ voters: ids(1, 2, 3, 4), outgoing: [] }, values)).to.equal(3);
    expect(quorumValue({ voters: ids(1), outgoing: [] }, values)).to.equal(9);
  });

  it('in a joint configuration both halves must have reached it (4.3)', () => {
    expect(quorumValue({ voters: ids(1, 2), outgoing: ids(3, 4, 5) }, of({ 1: 9, 2: 9, 3: 4, 4: 2 }))).to.equal(2);
  });

  it('what is reached is held by a majority of each half, and nothing more is', () => {
    const half = fc.uniqueArray(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 7 });
    fc.assert(
      fc.property(half, half, fc.array(fc.nat(9), { minLength: 10, maxLength: 10 }), (voters, outgoing, values) => {
        const reachedBy = (id: MemberId) => values[id] ?? 0;
        const held = (list: number[], value: number) => list.filter((id) => (values[id] ?? 0) >= value).length;
        const isHeld = (value: number) =>
          [voters, outgoing].every((list) => held(list, value) > Math.floor(list.length / 2));
        const reached = quorumValue({ voters: ids(...voters), outgoing: ids(...outgoing) }, reachedBy);
        expect(isHeld(reached)).to.equal(true);
        expect(isHeld(reached + 1)).to.equal(false);
      }),
    );
  });

  it('an election is lost as soon as it cannot be won any more', () => {
    const voters = { voters: ids(1, 2, 3), outgoing: [] };
    const votes = (...list: [number, boolean][]) => new Map(list.map(([id, vote]) => [memberId(id), vote] as const));
    expect(tally(voters, votes([1, true]))).to.equal('pending');
    expect(tally(voters, votes([1, true], [2, true]))).to.equal('won');
    expect(tally(voters, votes([1, true], [2, false], [3, false]))).to.equal('lost');
    expect(tally(voters, votes([1, true], [7, true], [8, true]))).to.equal('pending');
  });
});

describe('the raft log', () => {
  function log(...terms: number[]): RaftLog {
    const made = new RaftLog(position(0, 0));
    for (const [at, of] of terms.entries()) made.append(entry(at + 1, of, 'xx'));
    return made;
  }

  it('hints skip whole terms from the follower’s side', () => {
    expect(log(1, 3, 3, 4, 4, 5, 5, 5, 6).agreementHint(logIndex(8), term(3))).to.deep.equal({ index: 3, term: 3 });
  });

  it('hints skip whole terms from the leader’s side', () => {
    expect(log(1, 3, 3, 3, 5, 5, 5, 5, 5).agreementHint(logIndex(6), term(2))).to.deep.equal({ index: 1, term: 1 });
  });

  it('keeps count of its bytes through truncation and compaction', () => {
    const made = log(1, 1, 1, 1, 1);
    made.truncate(logIndex(5));
    made.commitTo(logIndex(4));
    made.applied = logIndex(4);
    made.compact(logIndex(3));
    expect(made.bytes).to.equal(2);
    expect([made.firstIndex, made.lastIndex, made.termAt(logIndex(3)), made.termAt(logIndex(2))]).to.deep.equal([
      4,
      4,
      1,
      undefined,
    ]);
  });

  it('slices by bytes, and gives at least one entry', () => {
    const made = log(1, 1, 1);
    const count = (bytesMax: number) => made.slice(logIndex(1), logIndex(3), bytesMax).length;
    expect([count(0), count(2), count(4), count(5), count(6)]).to.deep.equal([1, 1, 2, 2, 3]);
  });
});

describe('raft writes under way', () => {
  const state = (at: number) => ({ term: term(at), vote: undefined, commit: logIndex(0) });

  it('a truncation takes away what the writes before it count for', () => {
    const writes = new Persistence(logIndex(1), state(1));
    writes.issue([entry(1, 1), entry(2, 1), entry(3, 1)], state(1), 0);
    writes.truncated(logIndex(2));
    writes.issue([entry(2, 2)], state(2), 5);
    expect(writes.complete(1).lastIndex).to.equal(1);
    expect(writes.oldestMs).to.equal(5);
    expect(writes.complete(2).lastIndex).to.equal(2);
    expect(writes.oldestMs).to.equal(Number.POSITIVE_INFINITY);
  });

  it('a commit index that moves alone makes no write', () => {
    const writes = new Persistence(logIndex(1), state(1));
    expect(writes.issue([], { ...state(1), commit: logIndex(1) }, 0)).to.equal(undefined);
  });
});

describe('raft progress', () => {
  it('a window of lost appends is found out by the answer to a later heartbeat', () => {
    const progress = new Progress(logIndex(0), 0, raftOptions({ inFlightEntriesMax: 2 }));
    progress.accepted(logIndex(0));
    progress.becomeReplicate();
    progress.sent([entry(1, 1), entry(2, 1)], 0, logIndex(0), 7);
    expect(progress.inFlights.isFull).to.equal(true);
    progress.answered(7, logIndex(2));
    expect(progress.isPingDue, 'that heartbeat was sent before the appends').to.equal(false);
    progress.answered(8, logIndex(2));
    expect(progress.isPingDue).to.equal(true);
    progress.rejected(logIndex(2), logIndex(0));
    expect([progress.state, progress.next, progress.inFlights.count]).to.deep.equal(['probe', 1, 0]);
  });

  it('a refusal of what is acknowledged already is out of date', () => {
    const progress = new Progress(logIndex(4), 0, raftOptions({}));
    progress.accepted(logIndex(4));
    progress.becomeReplicate();
    progress.rejected(logIndex(3), logIndex(1));
    expect([progress.state, progress.match, progress.next]).to.deep.equal(['replicate', 4, 5]);
  });

  it('a member that lost what it acknowledged is served again from where its log ends', () => {
    const progress = new Progress(logIndex(9), 0, raftOptions({}));
    progress.accepted(logIndex(9));
    progress.becomeProbe();
    progress.rejected(logIndex(9), logIndex(6));
    expect([progress.match, progress.next, progress.isPaused]).to.deep.equal([6, 7, false]);
  });

  it('a learner has caught up when a round was shorter than an election timeout (4.2.1)', () => {
    const progress = new Progress(logIndex(10), 0, raftOptions({}));
    progress.accepted(logIndex(10));
    progress.becomeReplicate();
    progress.noteRound(500, logIndex(20), 300);
    expect(progress.isCaughtUp, 'the first round took too long').to.equal(false);
    progress.accepted(logIndex(20));
    progress.noteRound(600, logIndex(25), 300);
    expect(progress.isCaughtUp).to.equal(true);
  });
});

describe('raft heartbeat rounds', () => {
  it('a lease starts when the confirmed round was sent', () => {
    const rounds = new HeartbeatRounds();
    rounds.begin(10);
    rounds.begin(20);
    rounds.begin(30);
    expect(rounds.confirm(2)).to.equal(true);
    expect(rounds.confirmedSentMs).to.equal(20);
    expect(rounds.confirm(1), 'an older one').to.equal(false);
  });
});

describe('raft options', () => {
  it('that contradict each other are refused with the key', () => {
    const wrong = [{ heartbeatIntervalMs: 200 }, { clockDriftMax: 0.9 }, { inFlightBytesMax: 1 }, { diskStallMs: -1 }];
    for (const options of wrong) {
      expect(() => raftOptions(options)).to.throw(`raft.${Object.keys(options)[0]} is`);
    }
  });
});
