import { expect } from 'chai';
import { pack, unpack } from 'msgpackr';
import { decodeMessage, type EncodedMessage, MessageEncoder } from '../../../src/wire/message.js';

const decode = ({ bytes, start, end }: EncodedMessage): unknown => decodeMessage(bytes, start, end);

describe('a message encoder', () => {
  it('keeps its message while another encoder encodes (headers are written while a payload waits)', () => {
    const payload = new MessageEncoder().encode({ text: 'a b a' });
    const headers = new MessageEncoder().encode({ currency: 'EUR', 'request-id': 'r1' });
    expect(decode(payload)).to.deep.equal({ text: 'a b a' });
    expect(decode(headers)).to.deep.equal({ currency: 'EUR', 'request-id': 'r1' });
  });

  it('leaves what the application packs with msgpackr alone', () => {
    const encoder = new MessageEncoder();
    encoder.encode('first');
    const theirs = pack({ theirs: 'x'.repeat(50) });
    encoder.encode({ ours: 'y'.repeat(500) });
    expect(unpack(theirs)).to.deep.equal({ theirs: 'x'.repeat(50) });
  });

  it('encodes on after a value that has no encoding, and after one longer than its buffer', () => {
    const encoder = new MessageEncoder();
    expect(() => encoder.encode(Symbol('none'))).to.throw();
    expect(decode(encoder.encode([1]))).to.deep.equal([1]);
    const long = 'x'.repeat(3_000_000);
    expect(decode(encoder.encode(long))).to.equal(long);
    expect(decode(encoder.encode([2]))).to.deep.equal([2]);
  });
});
