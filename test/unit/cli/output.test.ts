import { expect } from 'chai';
import { readableLine } from '../../../src/cli/logging.js';
import { toJson, toReadable } from '../../../src/cli/output.js';
import { parseReadyLine, readyLine } from '../../../src/cli/ready-line.js';
import { formatPairs, formatTable } from '../../../src/cli/table.js';

describe('printed messages', () => {
  it('are JSON on one line, keys in their order', () => {
    expect(toJson({ counts: { a: 2, b: 1 }, total: 3 })).to.equal('{"counts":{"a":2,"b":1},"total":3}');
    expect(toJson(undefined)).to.equal('null');
  });

  it('have bytes as base64 and bigints as decimal text, at any depth', () => {
    const bytes = Buffer.from('hello').subarray(1, 3);
    expect(toJson({ list: [bytes, new Uint8Array([1]), 2n ** 64n], at: new Date(0) })).to.equal(
      '{"list":["ZWw=","AQ==","18446744073709551616"],"at":"1970-01-01T00:00:00.000Z"}',
    );
  });

  it('keep a key such as __proto__', () => {
    expect(toJson(JSON.parse('{"__proto__":{"constructor":1n}}'.replace('1n', '1')))).to.equal(
      '{"__proto__":{"constructor":1}}',
    );
  });

  it('are indented for people, and text as it is', () => {
    expect(toReadable('two\nlines')).to.equal('two\nlines');
    expect(toReadable({ n: 1n })).to.equal('{\n  "n": "1"\n}');
    expect(toReadable(Buffer.from('hi'))).to.equal('aGk=');
    expect(toReadable(undefined)).to.equal('undefined');
  });
});

describe('tables', () => {
  it('align their columns and leave no trailing space', () => {
    const rows = [
      { name: 'a', calls: 1 },
      { name: 'longer', calls: 1_000 },
    ];
    const text = formatTable(
      [
        { title: 'CALLS', value: (row) => String(row.calls), align: 'right' },
        { title: 'NAME', value: (row) => row.name },
      ],
      rows,
    );
    expect(text).to.equal('CALLS  NAME\n    1  a\n 1000  longer');
  });

  it('have their titles also without rows', () => {
    expect(formatTable([{ title: 'ID', value: String }], [])).to.equal('ID');
  });

  it('of names and values align the values', () => {
    expect(
      formatPairs([
        ['id', 'd1'],
        ['address', ''],
      ]),
    ).to.equal('id       d1\naddress');
  });
});

describe('the ready line', () => {
  const line = 'flotilla: ready role=director id=d1 address=127.0.0.1:7401 http=127.0.0.1:9100';

  it('is as the contract says, further fields behind', () => {
    const ready = { role: 'director', id: 'd1', address: '127.0.0.1:7401', http: '127.0.0.1:9100' };
    expect(readyLine(ready)).to.equal(line);
    expect(parseReadyLine(line)).to.deep.equal(ready);
  });

  it('is told from other lines', () => {
    expect(parseReadyLine('flotilla: ready')).to.equal(undefined);
    expect(parseReadyLine('flotilla: ready role=worker id=w1')).to.equal(undefined);
    expect(parseReadyLine(` ${line}`)).to.equal(undefined);
  });
});

describe('a log line on a terminal', () => {
  it('has time, level, who, message and fields', () => {
    const json =
      '{"level":"warn","time":"2026-01-02T03:04:05.678Z","role":"worker","id":"w1","attempt":2,"msg":"lost"}';
    expect(readableLine(json)).to.equal('03:04:05.678 warn  worker w1: lost (attempt=2)\n');
  });

  it('has an error as its message', () => {
    const json =
      '{"level":"error","time":"2026-01-02T03:04:05.678Z","error":{"message":"no","stack":"Error: no"},"msg":"x"}';
    expect(readableLine(json)).to.equal('03:04:05.678 error x (error=no)\n');
  });
});
