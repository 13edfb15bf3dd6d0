import { expect } from 'chai';
import fc from 'fast-check';
import { decodeHello, encodeHello, type LinkHello } from '../../../../../src/drivers/raft/net/link-frames.js';
import { decodeProposal, encodeProposal } from '../../../../../src/drivers/raft/net/proposal-codec.js';
import {
  decodeProgress,
  decodeTransfer,
  encodeBegin,
  encodeChunk,
  encodeEnd,
  encodeProgress,
} from '../../../../../src/drivers/raft/net/snapshot-frames.js';
import type { MemberId, Term } from '../../../../../src/ports/index.js';
import type { InstallSnapshot } from '../../../../../src/raft/index.js';
import { anyGroup, anyIndex, anyMember, anyTerm } from './arbitraries.js';

const anyText = fc.string({ maxLength: 60 });
const anyBytes = fc.uint8Array({ maxLength: 300 }).map((value) => Buffer.from(value));
const anyHello: fc.Arbitrary<LinkHello> = fc.record({
  classNumber: fc.nat(1),
  life: fc.uint8Array({ minLength: 8, maxLength: 8 }).map((value) => Buffer.from(value).toString('hex')),
  clusterId: anyText,
  address: fc.option(fc.record({ host: fc.constantFrom('10.1.2.3', '::1', 'd1.example'), port: fc.nat(65_535) }), {
    nil: undefined,
  }),
});
const anyInstall = fc.record({
  type: fc.constant('installSnapshot' as const),
  to: anyMember as fc.Arbitrary<MemberId>,
  term: anyTerm as fc.Arbitrary<Term>,
  meta: fc.record({ index: anyIndex, term: anyTerm, config: anyBytes }),
}) as fc.Arbitrary<InstallSnapshot>;
const anyChunk = fc.record({
  isCompressed: fc.boolean(),
  checksum: fc.nat(0xffff_ffff),
  plainBytes: fc.nat(0xffff_ffff),
  offset: fc.maxSafeNat(),
  bytes: anyBytes,
});

/** Frames with some bytes changed or cut. */
function damaged(frame: Buffer, changes: readonly (readonly [number, number])[], cut: number): Buffer {
  const bytes = Buffer.from(frame);
  for (const [at, value] of changes) bytes[at % bytes.length] = value;
  return bytes.subarray(0, bytes.length - (cut % bytes.length));
}

const anyDamage = fc.record({
  changes: fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 6 }),
  cut: fc.nat(3),
});

describe('the frames between directors', () => {
  it('bring back a hello', () => {
    fc.assert(
      fc.property(anyHello, (hello) => {
        expect(decodeHello(encodeHello(hello))).to.deep.equal(hello);
      }),
    );
  });

  it('bring back a proposal', () => {
    const anyProposal = fc.record({ clusterId: anyText, group: anyGroup, isUrgent: fc.boolean(), command: anyBytes });
    fc.assert(
      fc.property(anyProposal, (proposal) => {
        expect(decodeProposal(encodeProposal(proposal))).to.deep.equal(proposal);
      }),
    );
  });

  it('bring back all that a snapshot transfer says', () => {
    const anyBegin = fc.record({ clusterId: anyText, group: anyGroup, from: anyMember, message: anyInstall });
    fc.assert(
      fc.property(anyBegin, anyChunk, fc.maxSafeNat(), fc.nat(0xffff_ffff), (begin, chunk, sizeBytes, checksum) => {
        expect(decodeTransfer(encodeBegin(begin))).to.deep.equal({ type: 'begin', ...begin });
        expect(decodeTransfer(encodeChunk(chunk))).to.deep.equal({ type: 'chunk', ...chunk });
        expect(decodeTransfer(encodeEnd({ sizeBytes, checksum }))).to.deep.equal({ type: 'end', sizeBytes, checksum });
        expect(decodeProgress(encodeProgress(sizeBytes))).to.deep.equal({ receivedBytes: sizeBytes });
        expect(decodeProgress(encodeProgress(undefined))).to.deep.equal({ receivedBytes: undefined });
      }),
    );
  });

  it('that were damaged are read as something valid or as nothing, and never throw', () => {
    const anyFrame = fc.oneof(
      anyHello.map(encodeHello),
      anyChunk.map(encodeChunk),
      fc.record({ clusterId: anyText, group: anyGroup, from: anyMember, message: anyInstall }).map(encodeBegin),
      fc.record({ sizeBytes: fc.maxSafeNat(), checksum: fc.nat(0xffff_ffff) }).map(encodeEnd),
      fc.maxSafeNat().map(encodeProgress),
      anyBytes,
    );
    let nothing = 0;
    fc.assert(
      fc.property(anyFrame, anyDamage, (frame, { changes, cut }) => {
        const bytes = frame.length === 0 ? frame : damaged(frame, changes, cut);
        const hello = decodeHello(bytes);
        if (hello !== undefined) expect(decodeHello(encodeHello(hello))).to.deep.equal(hello);
        const transfer = decodeTransfer(bytes);
        if (transfer?.type === 'chunk') expect(encodeChunk(transfer).length).to.equal(bytes.length);
        const progress = decodeProgress(bytes);
        const proposal = decodeProposal(bytes);
        if (proposal !== undefined) expect(proposal.command.length).to.be.at.most(bytes.length);
        if (hello === undefined && transfer === undefined && progress === undefined) nothing += 1;
      }),
      { numRuns: 3_000 },
    );
    expect(nothing).to.be.greaterThan(300);
  });

  it('are nothing when they are not bytes', () => {
    for (const other of [undefined, null, 'text', 7, { type: 'begin' }, [1, 2]]) {
      expect(decodeTransfer(other)).to.equal(undefined);
      expect(decodeProgress(other)).to.equal(undefined);
      expect(decodeProposal(other)).to.equal(undefined);
    }
  });
});
