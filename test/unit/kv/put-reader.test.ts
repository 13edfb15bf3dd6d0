import { expect } from 'chai';
import fc from 'fast-check';
import { decodeRequest, encodeRequest } from '../../../src/kv/command-codec.js';
import { PutReader } from '../../../src/kv/put-reader.js';

describe('kv: the short way to read a put', () => {
  const key = fc.oneof(fc.string({ maxLength: 300 }), fc.string({ unit: 'binary', maxLength: 8 }));
  const number = fc.oneof(fc.nat(300), fc.maxSafeNat());

  it('gives what the decoder gives, or leaves the command to it', () => {
    const reader = new PutReader();
    let read = 0;
    const stamp = fc.record({ id: number, sequence: number, acknowledged: number });
    const value = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(stamp, key, value, fc.nat(1), fc.boolean(), (session, name, bytes, lease, returnPrevious) => {
        const command = { type: 'put', key: name, value: bytes, lease, returnPrevious } as const;
        const encoded = encodeRequest({ command, origin: 'user', session });
        const request = Buffer.concat([Buffer.from('before'), encoded, Buffer.from('behind')]);
        if (!reader.read(request, 6, 6 + encoded.length)) return;
        read += 1;
        const decoded = decodeRequest(encoded);
        const { id, sequence, acknowledged, valueStart, valueEnd } = reader;
        expect({ id, sequence, acknowledged }).to.deep.equal(decoded.session);
        const part = request.subarray(valueStart, valueEnd);
        expect({ ...decoded.command, value: undefined }).to.deep.equal({
          ...command,
          key: request.toString('latin1', reader.keyStart, reader.keyEnd),
          value: undefined,
        });
        expect(part.equals(bytes)).to.equal(true);
      }),
      { numRuns: 2_000 },
    );
    expect(read).to.be.above(0);
  });

  it('takes no bytes that the decoder refuses', () => {
    const reader = new PutReader();
    const command = { type: 'put', key: 'key', value: Buffer.from('value'), lease: 0, returnPrevious: false } as const;
    const session = { id: 300, sequence: 70_000, acknowledged: 69_000 };
    const good = Buffer.from(encodeRequest({ command, origin: 'user', session }));
    expect(reader.read(good, 0, good.length)).to.equal(true);
    for (let end = 0; end < good.length; end += 1) expect(reader.read(good, 0, end)).to.equal(false);
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), (at, byte) => {
        const bad = Buffer.from(good);
        bad[at] = byte;
        if (reader.read(bad, 0, bad.length)) expect(() => decodeRequest(bad)).to.not.throw();
      }),
      { numRuns: 1_000 },
    );
  });
});
