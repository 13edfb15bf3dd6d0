import { expect } from 'chai';
import fc from 'fast-check';
import { encodePutReply, encodeReply, putReplyBytes } from '../../../src/kv/reply-codec.js';

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
      }),
    );
  });
});
