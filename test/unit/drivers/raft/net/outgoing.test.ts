import { expect } from 'chai';
import fc from 'fast-check';
import { RpcError } from '../../../../../src/base/index.js';
import { FrameQueue } from '../../../../../src/drivers/raft/net/frame-queue.js';
import { FRAME_KIND } from '../../../../../src/drivers/raft/net/link-frames.js';
import { LinkInUse } from '../../../../../src/drivers/raft/net/link-in-use.js';
import { OutgoingBatch } from '../../../../../src/drivers/raft/net/outgoing-batch.js';
import type { PeerLink } from '../../../../../src/drivers/raft/net/peer-link.js';
import { readMessages } from '../../../../../src/drivers/raft/net/raft-decode.js';
import type { GroupId, LogIndex, MemberId, Term } from '../../../../../src/ports/index.js';
import type { Heartbeat } from '../../../../../src/raft/index.js';
import { anyEnvelope } from './arbitraries.js';

const FROM = 1 as MemberId;

function heartbeat(round: number, to = 2): Heartbeat {
  return { type: 'heartbeat', to: to as MemberId, term: 1 as Term, commit: round as LogIndex, round };
}

/** What the receiver puts together from frames. */
function messagesOf(frames: readonly Uint8Array[]) {
  const parts: Buffer[] = [];
  for (const [number, frame] of frames.entries()) {
    const partKind = number === frames.length - 1 ? FRAME_KIND.LAST_PART : FRAME_KIND.PART;
    expect(frame[0]).to.equal(frames.length === 1 ? FRAME_KIND.BATCH : partKind);
    parts.push(Buffer.from(frame.subarray(1)));
  }
  return readMessages(Buffer.concat(parts));
}

describe('a batch of messages for one peer', () => {
  it('brings all of them into frames of bounded length, in order, and counts its bytes', () => {
    fc.assert(
      fc.property(
        fc.array(anyEnvelope, { minLength: 1, maxLength: 30 }),
        fc.integer({ min: 20, max: 5_000 }),
        (all, max) => {
          const others = all.filter(({ message }) => message.type !== 'heartbeat');
          const batch = new OutgoingBatch();
          let grown = 0;
          for (const { group, from, message } of others) grown += batch.add(group, from, message);
          expect(batch.length).to.equal(grown);
          const frames = batch.take(max);
          for (const frame of frames) expect(frame.length).to.be.at.most(max);
          expect(frames.length === 0 ? [] : messagesOf(frames)).to.deep.equal(others);
          expect(batch.length).to.equal(0);
          expect(batch.take(max)).to.deep.equal([]);
        },
      ),
    );
  });

  it('keeps the newest heartbeat of a group and member', () => {
    const batch = new OutgoingBatch();
    const group = 3 as GroupId;
    for (const round of [1, 2, 3]) batch.add(group, FROM, heartbeat(round));
    batch.add(4 as GroupId, FROM, heartbeat(7));
    batch.add(group, FROM, heartbeat(9, 5));
    const rounds = messagesOf(batch.take(1_000))?.map(({ group: id, message }) => [id, (message as Heartbeat).round]);
    expect(rounds).to.deep.equal([
      [3, 3],
      [4, 7],
      [3, 9],
    ]);
    batch.add(group, FROM, heartbeat(1));
    expect(messagesOf(batch.take(1_000))).to.have.length(1);
  });

  it('is quiet while it holds heartbeats and their answers only', () => {
    const batch = new OutgoingBatch();
    batch.add(1 as GroupId, FROM, heartbeat(1));
    batch.add(1 as GroupId, FROM, { ...heartbeat(1), type: 'heartbeatReply', isBehind: false } as never);
    expect(batch.isQuiet).to.equal(true);
    batch.add(1 as GroupId, FROM, { type: 'timeoutNow', to: FROM, term: 1 as Term });
    expect(batch.isQuiet).to.equal(false);
    batch.clear();
    expect(batch.isQuiet).to.equal(true);
  });

  it('gives frames away that later messages do not touch', () => {
    const batch = new OutgoingBatch();
    batch.add(1 as GroupId, FROM, heartbeat(1));
    const [first] = batch.take(1_000);
    batch.add(1 as GroupId, FROM, heartbeat(2));
    batch.take(1_000);
    const [envelope] = messagesOf([first ?? Buffer.alloc(0)]) ?? [];
    expect(envelope?.message).to.deep.equal(heartbeat(1));
  });
});

describe('a queue of frames', () => {
  function queue() {
    let bytes = 0;
    const made = new FrameQueue((by) => {
      bytes += by;
    });
    return { made, bytes: () => bytes };
  }

  it('hands them over in order, to a reader that waits and to one that comes later', async () => {
    const { made, bytes } = queue();
    const early = made.next();
    made.push(Buffer.of(1));
    made.push(Buffer.of(2, 2));
    made.push(Buffer.of(3));
    expect(bytes()).to.equal(3);
    made.end();
    expect((await early).value).to.deep.equal(Buffer.of(1));
    const rest: (number | undefined)[] = [];
    for await (const frame of made) rest.push(frame[0]);
    expect(rest).to.deep.equal([2, 3]);
    expect(bytes()).to.equal(0);
  });

  it('that is dropped forgets what waits and fails its reader', async () => {
    for (const isWaiting of [true, false]) {
      const { made, bytes } = queue();
      const reading = isWaiting ? made.next() : undefined;
      if (!isWaiting) made.push(Buffer.alloc(100));
      made.drop(RpcError.of('CONNECTION_LOST', 'gone'));
      const failure = await (reading ?? made.next()).catch((error: Error) => error);
      expect(failure).to.have.property('reason', 'CONNECTION_LOST');
      made.push(Buffer.alloc(50));
      expect(bytes()).to.equal(0);
    }
  });

  it('that its reader leaves takes nothing more', async () => {
    const { made, bytes } = queue();
    made.push(Buffer.alloc(100));
    await made.return();
    made.push(Buffer.alloc(100));
    expect(bytes()).to.equal(0);
    expect((await made.next()).done).to.equal(true);
  });
});

describe('the link that messages take', () => {
  function link() {
    let pings = 0;
    const made = {
      isUsable: true,
      pongs: 0,
      ping: () => {
        pings += 1;
        return pings;
      },
    };
    return made as typeof made & PeerLink;
  }

  /** Sends one message. */
  function say(inUse: LinkInUse, best: PeerLink, nowMs: number): PeerLink | undefined {
    const chosen = inUse.choose(best, nowMs);
    inUse.sent(best);
    return chosen;
  }

  it('changes when all that it carried has arrived', () => {
    const [first, better] = [link(), link()];
    const inUse = new LinkInUse();
    expect(say(inUse, first, 1_000)).to.equal(first);
    expect(say(inUse, better, 1_001)).to.equal(first);
    first.pongs = 1;
    expect(say(inUse, better, 1_002)).to.equal(better);
    expect(say(inUse, first, 1_003)).to.equal(better);
  });

  it('stays while a message may be under way', () => {
    const [first, better] = [link(), link()];
    const inUse = new LinkInUse();
    say(inUse, first, 0);
    for (let nowMs = 1; nowMs < 900; nowMs += 1) {
      expect(say(inUse, better, nowMs)).to.equal(first);
      first.pongs = nowMs - 1; // always one behind
    }
  });

  it('changes at once when it has ended', () => {
    const [first, better] = [link(), link()];
    const inUse = new LinkInUse();
    say(inUse, first, 1_000);
    Object.assign(first, { isUsable: false });
    expect(say(inUse, better, 1_001)).to.equal(better);
  });

  it('changes after a while when messages never pause', () => {
    const [first, better] = [link(), link()];
    const inUse = new LinkInUse();
    say(inUse, first, 0);
    let nowMs = 0;
    while (say(inUse, better, nowMs) === first) nowMs += 5;
    expect(nowMs).to.be.within(900, 1_100);
  });
});
