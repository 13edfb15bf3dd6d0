import { expect } from 'chai';
import fc from 'fast-check';
import { nodeId } from '../../../src/base/index.js';
import { datagramHeaderSize, messageSize } from '../../../src/gossip/codec/datagram-codec.js';
import {
  decodeDatagram,
  decodeSyncPush,
  decodeSyncReply,
  decodeSyncRequest,
  encodeDatagram,
  encodeSyncPush,
  encodeSyncReply,
  encodeSyncRequest,
  GOSSIP_BOUNDS,
} from '../../../src/gossip/index.js';
import { alive, entry, id, message, number } from './arbitraries.js';

const sender = nodeId('w1');
const messages = fc.array(message, { maxLength: 20 });

/** Tags come back without a prototype. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

describe('the codec of gossip datagrams', () => {
  it('gives back what was encoded, in the size that was foretold', () => {
    fc.assert(
      fc.property(id, messages, (from, sent) => {
        const bytes = encodeDatagram(from, sent);
        expect(plain(decodeDatagram(bytes))).to.deep.equal(plain({ sender: from, messages: sent }));
        const foretold = sent.reduce((sum, each) => sum + messageSize(each), datagramHeaderSize(from));
        expect(bytes.length).to.equal(foretold);
      }),
    );
  });

  it('answers arbitrary bytes with a datagram or one line, and never throws', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        const decoded = decodeDatagram(bytes);
        if (typeof decoded !== 'string') expect(decoded.sender).to.match(/^[A-Za-z0-9]/);
      }),
      { numRuns: 2_000 },
    );
  });

  it('answers changed and cut datagrams with a datagram or one line, and never throws', () => {
    fc.assert(
      fc.property(messages, fc.nat(), fc.nat(255), fc.nat(), (sent, at, byte, cut) => {
        const bytes = encodeDatagram(sender, sent);
        bytes[at % bytes.length] = byte;
        const decoded = decodeDatagram(bytes.subarray(0, 1 + (cut % bytes.length)));
        if (typeof decoded !== 'string') expect(decoded.messages.length).to.be.at.most(bytes.length / 2);
      }),
      { numRuns: 2_000 },
    );
  });

  it('skips a message of an unknown type and fields that a newer version added', () => {
    const ack = Buffer.from(encodeDatagram(sender, [{ type: 'ack', seq: 7 }]));
    const head = ack.subarray(0, datagramHeaderSize(sender));
    const unknown = Buffer.of(99, 3, 1, 2, 3);
    const longerAck = Buffer.of(2, 4, 8, 0xff, 0xff, 0xff);
    const decoded = decodeDatagram(Buffer.concat([head, unknown, ack.subarray(head.length), longerAck]));
    expect(decoded).to.deep.equal({
      sender,
      messages: [
        { type: 'ack', seq: 7 },
        { type: 'ack', seq: 8 },
      ],
    });
  });

  it('refuses another version, a foreign id, too many messages and padded numbers', () => {
    const good = encodeDatagram(sender, [{ type: 'ack', seq: 7 }]);
    expect(decodeDatagram(Uint8Array.from([9, ...good.subarray(1)]))).to.match(/version/);
    expect(decodeDatagram(Uint8Array.of(1, 2, 0x2f, 0x2f))).to.match(/node id/);
    expect(decodeDatagram(Uint8Array.of(1, 1, 0x61, 2, 2, 0x87, 0x00))).to.match(/padded/);
    expect(decodeDatagram(Uint8Array.of(1, 1, 0x61, 2, 6, 0xff, 0xff, 0xff, 0xff, 0x7f, 0))).to.match(/32 bits/);
    const many = Array(GOSSIP_BOUNDS.datagramMessagesMax + 1).fill({ type: 'ack', seq: 1 });
    expect(decodeDatagram(encodeDatagram(sender, many))).to.match(/too many messages/);
  });

  it('keeps a tag named __proto__ a tag', () => {
    const tags = Object.defineProperty({}, '__proto__', { value: 'x', enumerable: true });
    const fact = { type: 'alive', id: sender, incarnation: 1, address: { host: '10.0.0.1', port: 1 }, tags } as const;
    const decoded = decodeDatagram(encodeDatagram(sender, [fact]));
    if (typeof decoded === 'string' || decoded.messages[0]?.type !== 'alive') throw new Error('not decoded');
    expect(Object.keys(decoded.messages[0].tags)).to.deep.equal(['__proto__']);
    expect(({} as { x?: string }).x).to.equal(undefined);
  });
});

describe('the codec of push-pull exchanges', () => {
  const digest = fc.array(number, { minLength: 256, maxLength: 256 }).map((words) => Uint32Array.from(words));
  const buckets = fc.uniqueArray(fc.nat(255)).map((list) => list.sort((a, b) => a - b));
  const entries = fc.array(entry, { maxLength: 8 });

  it('gives back requests, replies and pushes', () => {
    fc.assert(
      fc.property(alive, digest, buckets, entries, (self, words, differing, held) => {
        const request = { self, digest: words };
        expect(plain(decodeSyncRequest(encodeSyncRequest(request)))).to.deep.equal(plain(request));
        const reply = { sender, buckets: differing, entries: held };
        expect(plain(decodeSyncReply(encodeSyncReply(reply)))).to.deep.equal(plain(reply));
        const push = { sender, entries: held };
        expect(plain(decodeSyncPush(encodeSyncPush(push)))).to.deep.equal(plain(push));
      }),
      { numRuns: 50 },
    );
  });

  it('never throws on arbitrary or changed bytes', () => {
    const decoders = [decodeSyncRequest, decodeSyncReply, decodeSyncPush];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), entries, fc.nat(), fc.nat(255), (bytes, held, at, byte) => {
        const changed = encodeSyncReply({ sender, buckets: [1, 2], entries: held });
        changed[at % changed.length] = byte;
        for (const decode of decoders) {
          for (const input of [bytes, changed]) {
            const decoded = decode(input);
            expect(typeof decoded === 'string' || typeof decoded === 'object').to.equal(true);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  it('refuses a count that the bytes cannot hold before it takes memory for it', () => {
    const claim = Buffer.from(encodeSyncPush({ sender, entries: [] }));
    claim.writeUInt32BE(0xffff_ffff, claim.length - 4);
    expect(decodeSyncPush(claim)).to.match(/too many members/);
    claim.writeUInt32BE(60_000, claim.length - 4);
    expect(decodeSyncPush(claim)).to.match(/end early/);
  });
});
