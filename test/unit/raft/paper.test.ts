import { expect } from 'chai';
import { logIndex, term } from '../../../src/raft/index.js';
import { CoreHarness, entry, ofType, position } from './core-harness.js';

const BEHIND = position(2, 1);
const EQUAL = position(3, 1);

describe('raft core: terms (3.3)', () => {
  it('a leader that sees a newer term becomes a follower of it', () => {
    const h = new CoreHarness();
    h.lead();
    h.step(3, { type: 'newerTerm', term: term(9) });
    expect(h.core.status()).to.include({ role: 'follower', term: 9, leader: undefined });
  });

  it('a request of an older term is refused with the newer one', () => {
    const h = new CoreHarness();
    h.step(2, { type: 'heartbeat', term: term(5), commit: logIndex(0), round: 1 });
    h.settle();
    h.step(3, { type: 'appendRequest', term: term(4), previous: EQUAL, entries: [entry(4, 4)], commit: logIndex(3) });
    expect(h.settle()).to.deep.equal([{ type: 'newerTerm', to: 3, term: 5 }]);
    expect(h.core.status().lastIndex).to.equal(3);
  });
});

describe('raft core: elections (3.4, 3.6.1)', () => {
  it('a follower that hears a leader does not campaign', () => {
    const h = new CoreHarness();
    for (let at = 0; at < 50; at += 1) {
      h.nowMs += 50;
      h.step(2, { type: 'heartbeat', term: term(2), commit: logIndex(0), round: at });
      h.core.tick(h.nowMs);
    }
    expect(h.core.status().role).to.equal('follower');
  });

  it('election timeouts are spread over one to two election timeouts', () => {
    const h = new CoreHarness();
    const seen = new Set<number>();
    for (let at = 1; at <= 200; at += 1) {
      h.step(2, { type: 'heartbeat', term: term(at + 1), commit: logIndex(0), round: 1 });
      const delay = h.core.nextDeadlineMs() - h.nowMs;
      expect(delay).to.be.within(100, 200);
      seen.add(Math.floor(delay / 10));
    }
    expect(seen.size).to.equal(10);
  });

  it('a member votes at most once per term, and again for the same candidate', () => {
    const h = new CoreHarness();
    const ask = (from: number) => {
      h.step(from, { type: 'voteRequest', term: term(2), last: EQUAL, isTransfer: true });
      return ofType(h.settle(), 'voteReply')[0]?.isGranted;
    };
    expect([ask(2), ask(3), ask(2)]).to.deep.equal([true, false, true]);
  });

  it('a vote leaves only after it is durable', () => {
    const h = new CoreHarness();
    h.step(2, { type: 'voteRequest', term: term(2), last: EQUAL, isTransfer: true });
    const effects = h.drain();
    expect(effects.persist?.hardState).to.deep.equal({ term: 2, vote: 2, commit: 3 });
    expect(effects.sendNow).to.deep.equal([]);
    expect(effects.sendAfterPersist.sequence).to.equal(effects.persist?.sequence);
    expect(effects.sendAfterPersist.messages[0]).to.include({ type: 'voteReply', isGranted: true });
  });

  it('the vote survives a restart', () => {
    const restored = new CoreHarness().core.snapshotMeta(logIndex(3));
    const hardState = { term: term(2), vote: undefined, commit: logIndex(3) };
    const h = new CoreHarness({ restored: { hardState, snapshot: restored, entries: [] } });
    h.step(2, { type: 'voteRequest', term: term(2), last: EQUAL, isTransfer: true });
    const kept = h.drain().persist?.hardState;
    if (kept === undefined) throw new Error('nothing was to be stored');
    const again = new CoreHarness({ restored: { hardState: kept, snapshot: restored, entries: [] } });
    again.step(3, { type: 'voteRequest', term: term(2), last: EQUAL, isTransfer: true });
    expect(ofType(again.settle(), 'voteReply')[0]?.isGranted).to.equal(false);
  });

  it('a candidate whose log is behind gets no vote (3.6.1)', () => {
    const h = new CoreHarness();
    h.step(2, { type: 'voteRequest', term: term(5), last: BEHIND, isTransfer: true });
    expect(ofType(h.settle(), 'voteReply')[0]).to.include({ isGranted: false, term: 5 });
  });

  it('the own vote counts only when it is durable', () => {
    const h = new CoreHarness({ size: 1 });
    h.nowMs = Math.ceil(h.core.nextDeadlineMs());
    h.core.tick(h.nowMs);
    h.drain();
    expect(h.core.status().role).to.equal('candidate');
    h.sync();
    expect(h.core.status().role).to.equal('leader');
  });

  it('votes of strangers do not count', () => {
    const h = new CoreHarness();
    h.campaign();
    for (const from of [7, 8, 9]) h.step(from, { type: 'voteReply', term: term(2), isGranted: true });
    expect(h.core.status().role).to.equal('candidate');
  });

  it('a candidate follows the leader of its term', () => {
    const h = new CoreHarness();
    h.campaign();
    h.step(3, { type: 'heartbeat', term: term(2), commit: logIndex(0), round: 1 });
    expect(h.core.status()).to.include({ role: 'follower', leader: 3, term: 2 });
  });

  it('a refused candidate becomes a follower and tries again later', () => {
    const h = new CoreHarness();
    h.campaign();
    h.step(2, { type: 'voteReply', term: term(2), isGranted: false });
    h.step(3, { type: 'voteReply', term: term(2), isGranted: false });
    expect(h.core.status()).to.include({ role: 'follower', term: 2 });
    expect(h.core.nextDeadlineMs()).to.be.greaterThan(h.nowMs);
  });

  it('a pre-vote changes neither term nor vote (9.6)', () => {
    const h = new CoreHarness();
    h.nowMs = 150;
    h.step(2, { type: 'preVoteRequest', term: term(7), last: EQUAL });
    expect(ofType(h.settle(), 'preVoteReply')[0]).to.include({ isGranted: true, term: 7 });
    expect(h.core.status()).to.include({ term: 1, vote: undefined });
  });

  it('a member in touch with a leader answers no request for votes (4.2.3)', () => {
    const h = new CoreHarness();
    h.step(2, { type: 'heartbeat', term: term(2), commit: logIndex(0), round: 1 });
    h.settle();
    h.nowMs = 99;
    h.step(3, { type: 'voteRequest', term: term(3), last: EQUAL, isTransfer: false });
    h.step(3, { type: 'preVoteRequest', term: term(3), last: EQUAL });
    expect(h.settle()).to.deep.equal([]);
    h.nowMs = 100;
    h.step(3, { type: 'voteRequest', term: term(3), last: EQUAL, isTransfer: false });
    expect(ofType(h.settle(), 'voteReply')[0]?.isGranted).to.equal(true);
  });

  it('a restarted member protects a leader it may have promised to', () => {
    const h = new CoreHarness();
    h.nowMs = 50;
    h.step(3, { type: 'voteRequest', term: term(3), last: EQUAL, isTransfer: false });
    expect(h.settle()).to.deep.equal([]);
  });
});

describe('raft core: log replication (3.5)', () => {
  it('an append that does not fit is refused with a hint, and changes nothing', () => {
    const h = new CoreHarness();
    const previous = position(8, 2);
    h.step(2, { type: 'appendRequest', term: term(2), previous, entries: [entry(9, 2)], commit: logIndex(9) });
    expect(ofType(h.settle(), 'appendReject')[0]).to.deep.include({ rejected: 8, hint: { index: 3, term: 1 } });
    expect(h.core.status()).to.include({ lastIndex: 3, commit: 3 });
  });

  it('entries that conflict are replaced, those that do not are kept', () => {
    const h = new CoreHarness();
    const send = (at: number, previous: ReturnType<typeof position>, ...entries: ReturnType<typeof entry>[]) => {
      h.step(2, { type: 'appendRequest', term: term(at), previous, entries, commit: logIndex(3) });
      h.settle();
      return h.core.status().lastIndex;
    };
    expect(send(2, EQUAL, entry(4, 2), entry(5, 2), entry(6, 2))).to.equal(6);
    expect(send(2, EQUAL, entry(4, 2)), 'a late copy of a shorter append').to.equal(6);
    expect(send(4, position(4, 2), entry(5, 4)), 'another entry at 5').to.equal(5);
  });

  it('a follower commits no further than what it has from the leader', () => {
    const h = new CoreHarness();
    const entries = [entry(4, 2)];
    h.step(2, { type: 'appendRequest', term: term(2), previous: EQUAL, entries, commit: logIndex(40) });
    expect(h.core.status().commit).to.equal(4);
  });

  it('an acknowledgement leaves only after the entries are durable', () => {
    const h = new CoreHarness();
    const entries = [entry(4, 2)];
    h.step(2, { type: 'appendRequest', term: term(2), previous: EQUAL, entries, commit: logIndex(3) });
    const { sendNow, sendAfterPersist, persist } = h.drain();
    expect(sendNow).to.deep.equal([]);
    expect(sendAfterPersist).to.deep.equal({
      sequence: persist?.sequence,
      messages: [{ type: 'appendAccept', to: 2, term: 2, match: 4 }],
    });
  });

  it('an acknowledgement of entries whose write is under way waits for that write', () => {
    const h = new CoreHarness();
    const entries = [entry(4, 2)];
    h.step(2, { type: 'appendRequest', term: term(2), previous: EQUAL, entries, commit: logIndex(3) });
    const { persist } = h.drain();
    h.step(2, { type: 'appendRequest', term: term(2), previous: EQUAL, entries, commit: logIndex(3) });
    const again = h.drain();
    expect(again.persist).to.equal(undefined);
    expect(again.sendAfterPersist.sequence).to.equal(persist?.sequence);
  });

  it('the leader sends entries before they are on its own disk, and does not count itself until they are', () => {
    const h = new CoreHarness({ size: 2 });
    h.lead();
    h.step(2, { type: 'appendAccept', term: term(2), match: logIndex(3) });
    h.settle();
    expect(h.core.propose([new Uint8Array(1)], h.nowMs)).to.deep.include({ isAccepted: true, index: 4 });
    const sent = ofType(h.drain().sendNow, 'appendRequest');
    expect(sent[0]?.entries.at(-1)?.index).to.equal(4);
    h.step(2, { type: 'appendAccept', term: term(2), match: logIndex(4) });
    expect(h.core.status().commit).to.equal(3);
    h.sync();
    expect(h.core.status().commit).to.equal(4);
  });

  it('a committed entry is never replaced, whatever a peer sends', () => {
    const h = new CoreHarness();
    h.step(2, {
      type: 'appendRequest',
      term: term(2),
      previous: EQUAL,
      entries: [entry(4, 2), entry(5, 2)],
      commit: logIndex(5),
    });
    h.settle();
    const entries = [entry(4, 3), entry(5, 3)];
    h.step(3, { type: 'appendRequest', term: term(3), previous: EQUAL, entries, commit: logIndex(3) });
    expect(ofType(h.settle(), 'appendAccept')[0]?.match, 'what is committed is equal').to.equal(5);
    expect(h.core.snapshotMeta(logIndex(5))?.term).to.equal(2);
  });

  it('an append with a gap or with terms out of order is dropped and told', () => {
    const h = new CoreHarness();
    const send = (...entries: ReturnType<typeof entry>[]) => {
      h.step(2, { type: 'appendRequest', term: term(5), previous: EQUAL, entries, commit: logIndex(3) });
      return h.drain().events.filter((event) => event.type === 'peerViolation').length;
    };
    expect(send(entry(4, 5), entry(6, 5))).to.equal(1);
    expect(send(entry(4, 5), entry(5, 4))).to.equal(1);
    expect(send(entry(4, 6))).to.equal(1);
    expect(send({ ...entry(4, 5, 'garbage'), type: 'config' })).to.equal(1);
    expect(h.core.status().lastIndex).to.equal(3);
  });

  it('commands are applied once, in order, and only when committed and durable', () => {
    const h = new CoreHarness();
    const entries = [entry(4, 2, 'a'), entry(5, 2, 'b')];
    h.step(2, { type: 'appendRequest', term: term(2), previous: EQUAL, entries, commit: logIndex(5) });
    expect(h.drain().apply.entries, 'not durable').to.deep.equal([]);
    h.sync();
    expect(h.drain().apply.entries.map((applied) => applied.index)).to.deep.equal([4, 5]);
    expect(h.drain().apply.entries).to.deep.equal([]);
  });
});

describe('raft core: limits', () => {
  it('a proposal beyond the uncommitted bytes is refused, and taken again after commits', () => {
    const h = new CoreHarness({ options: { uncommittedBytesMax: 10 } });
    h.lead();
    expect(h.core.propose([new Uint8Array(100)], h.nowMs).isAccepted, 'an empty tail takes any size').to.equal(true);
    expect(h.core.propose([new Uint8Array(1)], h.nowMs)).to.deep.equal({
      isAccepted: false,
      reason: 'PROPOSAL_TAIL_FULL',
    });
    h.settle();
    h.step(2, { type: 'appendAccept', term: term(2), match: h.core.status().lastIndex });
    expect(h.core.propose([new Uint8Array(1)], h.nowMs).isAccepted).to.equal(true);
  });

  it('entries are handed out to be applied in portions, and go on when those are applied', () => {
    const h = new CoreHarness({ options: { applyBytesMax: 4 } });
    const entries = [entry(4, 2, 'abc'), entry(5, 2, 'def'), entry(6, 2, 'ghi')];
    h.step(2, { type: 'appendRequest', term: term(2), previous: EQUAL, entries, commit: logIndex(6) });
    h.drain();
    h.sync();
    expect(h.drain().apply.entries.length).to.equal(1);
    expect(h.drain().apply.entries.length).to.equal(1);
    expect(h.drain().apply.entries, 'more than the limit is not applied yet').to.deep.equal([]);
    h.core.applied(logIndex(5));
    expect(h.drain().apply.entries.map((applied) => applied.index)).to.deep.equal([6]);
  });

  it('reads beyond the limit are refused', () => {
    const h = new CoreHarness({ options: { readsPendingMax: 2 } });
    h.lead();
    for (let at = 0; at < 3; at += 1) h.core.readIndex('linearizable', h.nowMs);
    expect(h.drain().readStates).to.have.length(1);
  });
});

describe('raft core: what a peer may send', () => {
  it('an acknowledgement of entries that were never sent is dropped', () => {
    const h = new CoreHarness();
    h.lead();
    h.step(2, { type: 'appendAccept', term: term(2), match: logIndex(99) });
    expect(h.drain().events[0]).to.include({ type: 'peerViolation', from: 2 });
    expect(h.core.status().commit).to.equal(3);
  });

  it('a second leader of the same term is not followed', () => {
    const h = new CoreHarness();
    h.step(2, { type: 'heartbeat', term: term(2), commit: logIndex(0), round: 1 });
    h.step(3, { type: 'heartbeat', term: term(2), commit: logIndex(0), round: 1 });
    expect(h.core.status().leader).to.equal(2);
  });

  it('a message for another member is dropped', () => {
    const h = new CoreHarness();
    const message = { type: 'voteRequest', term: term(8), last: EQUAL, isTransfer: true } as const;
    h.core.step(h.id, { ...message, to: h.id }, 0);
    h.core.step(h.core.status().config.voters[1]!, { ...message, to: h.core.status().config.voters[2]! }, 0);
    expect(h.core.status().term).to.equal(1);
  });
});
