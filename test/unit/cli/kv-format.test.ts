import { expect } from 'chai';
import fc from 'fast-check';
import { UsageError } from '../../../src/cli/failure.js';
import { entryJson, entryLine, eventJson, eventLine, oneLine } from '../../../src/cli/kv/entry-format.js';
import { parseTransaction } from '../../../src/cli/kv/parse-transaction.js';
import { selectionOf } from '../../../src/cli/kv/select-keys.js';
import { MetadataEntry } from '../../../src/index.js';

function entry(key: string, value: string | Uint8Array, lease = 0): MetadataEntry {
  return new MetadataEntry({ key, value: Buffer.from(value), createRevision: 3, modRevision: 5, version: 2, lease });
}

describe('keys and values on the command line', () => {
  it('take one line each, whatever they contain', () => {
    expect(entryLine(entry('a', 'b c'))).to.equal('a\tb c');
    expect(entryLine(entry('a\tb', 'c\nd\\'))).to.equal('a\\tb\tc\\nd\\\\');
    expect(entryLine(entry('a', Buffer.from([0xff, 0])))).to.equal('a\tbase64:/wA=');
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(JSON.parse(`"${oneLine(text).replaceAll('"', '\\"')}"`)).to.equal(text);
        expect(oneLine(text)).to.not.match(/[\t\n\r]/);
      }),
    );
  });

  it('are text in JSON where they are UTF-8, else base64', () => {
    const counts = { createRevision: 3, modRevision: 5, version: 2 };
    expect(entryJson(entry('a', 'ä\n'))).to.deep.equal({ key: 'a', value: 'ä\n', ...counts });
    expect(entryJson(entry('a', Buffer.from([0xff]), 9))).to.deep.equal({
      ...{ key: 'a', base64: '/w==', lease: 9 },
      ...counts,
    });
    expect(entryJson(entry('a', 'x'), true)).to.deep.equal({ key: 'a', ...counts });
  });

  it('say in an event what became of the key', () => {
    const put = { type: 'put', key: 'a', revision: 5, entry: entry('a', 'b'), previous: undefined } as const;
    const gone = { type: 'delete', key: 'a', revision: 6, entry: undefined, previous: undefined } as const;
    expect([eventLine(put), eventLine(gone)]).to.deep.equal(['5\tput\ta\tb', '6\tdelete\ta']);
    expect(eventJson(put)).to.include({ type: 'put', revision: 5, key: 'a', value: 'b' });
    expect(eventJson(gone)).to.deep.equal({ type: 'delete', revision: 6, key: 'a' });
  });
});

describe('a selection of keys on the command line', () => {
  it('is a prefix or a range, and all keys without either', () => {
    expect(selectionOf(undefined, {})).to.deep.equal({ prefix: '' });
    expect(selectionOf('a/', {})).to.deep.equal({ prefix: 'a/' });
    expect(selectionOf(undefined, { from: 'a' })).to.deep.equal({ from: 'a', to: undefined });
    expect(selectionOf(undefined, { to: 'b' })).to.deep.equal({ from: '', to: 'b' });
    expect(() => selectionOf('a', { to: 'b' })).to.throw(UsageError, "'--to'");
  });
});

describe('a transaction on the command line', () => {
  it('has the shape of the API, with bytes as base64', () => {
    const document = {
      if: [
        { key: 'a', exists: true },
        { key: 'a', value: { base64: '/w==' }, is: '!=' },
        { key: 'a', modRevision: 7, is: '<' },
      ],
      do: [
        { put: 'a', value: { json: { n: 1 } }, lease: 3, returnPrevious: true },
        { delete: { from: 'b', to: 'c' } },
        { get: { prefix: 'd' }, limit: 2, keysOnly: true },
      ],
    };
    const parsed = parseTransaction(document);
    expect(parsed.if?.[0]).to.deep.equal({ key: 'a', exists: true });
    expect(parsed.if?.[1]).to.deep.include({ key: 'a', value: Buffer.from([0xff]), is: '!=' });
    expect(parsed.if?.[2]).to.deep.include({ key: 'a', modRevision: 7, is: '<' });
    expect(parsed.do?.[0]).to.deep.include({ put: 'a', value: { json: { n: 1 } }, lease: 3, returnPrevious: true });
    expect(parsed.do?.[1]).to.deep.include({ delete: { from: 'b', to: 'c' } });
    expect(parsed.do?.[2]).to.deep.include({ get: { prefix: 'd' }, limit: 2, keysOnly: true });
    expect(parsed.else).to.deep.equal([]);
    expect(parseTransaction({})).to.deep.equal({ if: [], do: [], else: [] });
  });

  it('is refused with the place where it is wrong', () => {
    for (const [document, text] of [
      [[], 'the transaction is an object'],
      [{ when: [] }, 'has "when"; allowed: if, do, else'],
      [{ if: {} }, 'if is a list'],
      [{ if: [5] }, 'if[0] is an object'],
      [{ if: [{ key: 'a' }] }, 'if[0] needs one of exists, value'],
      [{ if: [{ key: 'a', exists: true, version: 1 }] }, 'if[0] needs one of'],
      [{ if: [{ key: '', exists: true }] }, 'if[0].key is text'],
      [{ if: [{ key: 'a', exists: 1 }] }, 'if[0].exists is true or false'],
      [{ if: [{ key: 'a', exists: true, is: '=' }] }, 'takes no "is"'],
      [{ if: [{ key: 'a', version: -1 }] }, 'if[0].version is a whole number'],
      [{ if: [{ key: 'a', version: 1, is: '<=' }] }, 'if[0].is is one of = != < >'],
      [{ do: [{}] }, 'do[0] needs one of put, delete, get'],
      [{ do: [{ put: 'a' }] }, 'do[0].value is text'],
      [{ do: [{ put: 'a', value: { base64: '?' } }] }, 'do[0].value is text'],
      [{ do: [{ put: 'a', value: 'b', ttl: 5 }] }, 'do[0] has "ttl"'],
      [{ do: [{ put: 'a', value: 'b' }, { delete: { to: 'b' } }] }, 'do[1].delete is a key'],
      [{ else: [{ get: { prefix: 'a', to: 'b' } }] }, 'else[0].get is a key'],
    ] as const) {
      expect(() => parseTransaction(document), JSON.stringify(document)).to.throw(UsageError, text);
    }
  });

  it('never fails in another way, whatever the document is', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (document) => {
        try {
          parseTransaction(document);
        } catch (error) {
          expect(error).to.be.instanceOf(UsageError);
        }
      }),
    );
  });
});
