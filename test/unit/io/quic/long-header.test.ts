import { expect } from 'chai';
import fc from 'fast-check';
import { parseLongHeader } from '../../../../src/io/quic/long-header.js';

function encode(first: number, version: number, dcid: Uint8Array, scid: Uint8Array, rest: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head[0] = first;
  head.writeUInt32BE(version, 1);
  return Buffer.concat([head, Buffer.from([dcid.length]), dcid, Buffer.from([scid.length]), scid, rest]);
}

const connectionId = fc.uint8Array({ maxLength: 20 });

describe('parseLongHeader', () => {
  it('reads version, ids and token of an Initial (RFC 9000, section 17.2.2)', () => {
    fc.assert(
      fc.property(connectionId, connectionId, fc.uint8Array({ maxLength: 63 }), (dcid, scid, token) => {
        const rest = Buffer.concat([Buffer.from([token.length]), token, Buffer.alloc(20)]);
        const header = parseLongHeader(encode(0xc3, 1, dcid, scid, rest));
        expect(header?.type).to.equal('initial');
        expect(header?.version).to.equal(1);
        expect(header?.dcid).to.deep.equal(Buffer.from(dcid));
        expect(header?.scid).to.deep.equal(Buffer.from(scid));
        expect(header?.token).to.deep.equal(Buffer.from(token));
      }),
    );
  });

  it('reads a token whose length takes two or four bytes (RFC 9000, section 16)', () => {
    const token = Buffer.alloc(200, 5);
    const two = Buffer.concat([Buffer.from([0x40, 200]), token]);
    const four = Buffer.concat([Buffer.from([0x80, 0, 0, 200]), token]);
    for (const rest of [two, four]) {
      expect(parseLongHeader(encode(0xc0, 1, token.subarray(0, 8), token.subarray(0, 0), rest))?.token).to.deep.equal(
        token,
      );
    }
  });

  it('tells the packet types apart by their two bits', () => {
    const types = [0xc0, 0xd0, 0xe0, 0xf0].map(
      (first) => parseLongHeader(encode(first, 1, new Uint8Array(8), new Uint8Array(8), new Uint8Array(4)))?.type,
    );
    expect(types).to.deep.equal(['initial', 'zeroRtt', 'handshake', 'retry']);
    const negotiation = parseLongHeader(encode(0x80, 0, new Uint8Array(8), new Uint8Array(8), new Uint8Array(4)));
    expect(negotiation?.type).to.equal('versionNegotiation');
  });

  it('refuses ids longer than 20 bytes in version 1 and takes them in others, to answer with our versions', () => {
    const long = new Uint8Array(21);
    expect(parseLongHeader(encode(0xc0, 1, long, long, new Uint8Array(4)))).to.equal(undefined);
    expect(parseLongHeader(encode(0xc0, 0x1a2a3a4a, long, long, new Uint8Array(4)))?.dcid).to.have.length(21);
  });

  it('refuses a header without the fixed bit and one with a short form', () => {
    expect(parseLongHeader(encode(0x80, 1, new Uint8Array(8), new Uint8Array(8), new Uint8Array(4)))).to.equal(
      undefined,
    );
    expect(parseLongHeader(encode(0x40, 1, new Uint8Array(8), new Uint8Array(8), new Uint8Array(4)))).to.equal(
      undefined,
    );
  });

  it('never throws, and never reads beyond the datagram', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (bytes, isLong) => {
        const datagram = Buffer.from(bytes);
        if (isLong && datagram.length > 4) {
          datagram[0] = 0xc0 | (datagram[0] ?? 0);
          datagram.writeUInt32BE(1, 1);
        }
        const header = parseLongHeader(datagram);
        if (header === undefined) return;
        expect(header.dcid.length + header.scid.length + header.token.length).to.be.below(datagram.length);
      }),
      { numRuns: 1_000 },
    );
  });
});
