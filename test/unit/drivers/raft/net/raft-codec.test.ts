import { expect } from 'chai';
import fc from 'fast-check';
import { messageBytes, writeMessage } from '../../../../../src/drivers/raft/net/raft-codec.js';
import { type Envelope, readMessages } from '../../../../../src/drivers/raft/net/raft-decode.js';
import type { LogEntry } from '../../../../../src/ports/index.js';
import { entryBytes, writeEntry } from '../../../../../src/wal/index.js';
import { anyEntry, anyEnvelope } from './arbitraries.js';

function encode(envelopes: readonly Envelope[]): Buffer {
  const size = envelopes.reduce((sum, { message }) => sum + messageBytes(message), 0);
  const bytes = Buffer.alloc(size);
  let at = 0;
  for (const { group, from, message } of envelopes) {
    const end = writeMessage(bytes, at, group, from, message);
    expect(end - at, message.type).to.equal(messageBytes(message));
    at = end;
  }
  return bytes;
}

describe('the codec of Raft messages', () => {
  it('brings every sequence of messages back as it was, in exactly the bytes that it announced', () => {
    fc.assert(
      fc.property(fc.array(anyEnvelope, { maxLength: 6 }), (envelopes) => {
        expect(readMessages(encode(envelopes))).to.deep.equal(envelopes);
      }),
      { numRuns: 1_000 },
    );
  });

  it('reads every type of message', () => {
    const seen = new Set<string>();
    for (const { message } of fc.sample(anyEnvelope, 2_000)) seen.add(message.type);
    expect(seen.size).to.equal(14);
  });

  it('carries entries in the bytes that the log file has', () => {
    fc.assert(
      fc.property(anyEntry, (entry: LogEntry) => {
        const [sample] = fc.sample(anyEnvelope, 1) as [Envelope];
        const previous = { index: 1, term: 1 };
        const message = { ...sample.message, type: 'appendRequest', previous, entries: [entry], commit: 0 };
        const bytes = encode([{ ...sample, message } as unknown as Envelope]);
        const stored = Buffer.alloc(entryBytes(entry));
        writeEntry(stored, 0, entry);
        expect(bytes.subarray(bytes.length - stored.length)).to.deep.equal(stored);
      }),
    );
  });

  it('refuses every batch that is cut anywhere', () => {
    fc.assert(
      fc.property(anyEnvelope, fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (envelope, where) => {
        const bytes = encode([envelope]);
        const cut = Math.max(1, Math.floor(bytes.length * where));
        expect(readMessages(bytes.subarray(0, cut))).to.equal(undefined);
      }),
      { numRuns: 500 },
    );
  });

  it('makes of changed bytes either nothing or valid messages, and never throws', () => {
    const change = fc.record({ at: fc.nat(), value: fc.nat(255) });
    let refused = 0;
    fc.assert(
      fc.property(
        fc.array(anyEnvelope, { minLength: 1, maxLength: 3 }),
        fc.array(change, { minLength: 1, maxLength: 8 }),
        (envelopes, changes) => {
          const bytes = encode(envelopes);
          for (const { at, value } of changes) bytes[at % bytes.length] = value;
          const read = readMessages(bytes);
          if (read === undefined) refused += 1;
          else expect(readMessages(encode(read))).to.deep.equal(read);
        },
      ),
      { numRuns: 2_000 },
    );
    expect(refused).to.be.greaterThan(100);
  });

  it('makes nothing of garbage', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 400 }), (garbage) => {
        const read = readMessages(Buffer.from(garbage));
        if (read !== undefined) expect(encode(read).length).to.equal(garbage.length);
      }),
      { numRuns: 2_000 },
    );
  });

  it('refuses numbers that are not whole, not exact or below their least', () => {
    const heartbeat = { type: 'heartbeat', to: 2, term: 3, commit: 4, round: 5 };
    const envelope = { group: 0, from: 1, message: heartbeat } as unknown as Envelope;
    for (const value of [-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY, -0]) {
      for (const at of [4, 12, 20, 28, 36]) {
        const bytes = encode([envelope]);
        bytes.writeDoubleLE(value, at);
        expect(readMessages(bytes), `${value} at ${at}`).to.equal(undefined);
      }
    }
    const nobody = encode([envelope]);
    nobody.writeDoubleLE(0, 4);
    expect(readMessages(nobody)).to.equal(undefined);
  });
});
