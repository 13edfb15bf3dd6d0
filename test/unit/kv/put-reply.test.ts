import { expect } from 'chai';
import fc from 'fast-check';
import { decodeReply, encodePutReply, encodeReply, putReplyBytes, readPutReply } from '../../../src/kv/reply-codec.js';

describe('kv: the short reply to a put', () => {
  it('is, byte by byte, what the encoder of all replies makes of it, and as long as it is counted for', () => {
    const edges = Array.from({ length: 8 }, (_, i) => 0x80 ** i).flatMap((scale) => [scale - 1, scale, scale + 1]);
    const revision = fc.oneof(fc.maxSafeNat(), fc.nat(300), fc.constantFrom(...edges, Number.MAX_SAFE_INTEGER));
    fc.assert(
      fc.property(revision, (at) => {
        const bytes = encodePutReply(at);
        const long = encodeReply({ revision: at, answer: { type: 'put', previous: undefined } });
        expect(Buffer.compare(bytes, long)).to.equal(0);
        expect(putReplyBytes(at)).to.equal(bytes.length);
        const inside = Buffer.concat([Buffer.from('ab'), bytes, Buffer.from('c')]);
        expect(readPutReply(inside, 2, inside.length - 1)).to.equal(at);
      }),
    );
  });

  it('is read like any reply, and no other bytes are taken for it', () => {
    const item = { key: 'k', value: Buffer.from('v'), createRevision: 1, modRevision: 2, version: 3, lease: 0 };
    const others = [
      encodeReply({ revision: 7, answer: { type: 'put', previous: item } }),
      encodeReply({ revision: 7, answer: { type: 'revoked', keys: 0 } }),
      encodeReply({ revision: 7, answer: { type: 'error', reason: 'KV_FULL', message: '' } }),
    ];
    for (const bytes of others) expect(readPutReply(bytes, 0, bytes.length)).to.equal(-1);
    const short = fc.uint8Array({ maxLength: 12 });
    const near = fc.tuple(fc.maxSafeNat(), fc.nat(12), fc.nat(255)).map(([revision, at, byte]) => {
      const bytes = Buffer.from(encodePutReply(revision));
      if (at < bytes.length) bytes[at] = byte;
      return bytes;
    });
    fc.assert(
      fc.property(fc.oneof(short, near), (bytes) => {
        const revision = readPutReply(bytes, 0, bytes.length);
        if (revision >= 0)
          expect(decodeReply(bytes)).to.deep.equal({ revision, answer: { type: 'put', previous: undefined } });
      }),
    );
  });
});
