import { expect } from 'chai';
import fc from 'fast-check';
import { LIMITS, RpcError } from '../../../src/base/index.js';
import { checkMessage, decodeMessage, encodeMessage } from '../../../src/wire/index.js';
import { MessageEncoder } from '../../../src/wire/message.js';
import { readReference } from './reference-decoder.js';

/** What may be sent, as JavaScript values. */
const values = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom(null, undefined, true, false, -0, 2 ** 31, 2 ** 32, -(2 ** 31) - 1, Number.MAX_SAFE_INTEGER),
    fc.integer(),
    fc.double({ noNaN: true }),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }).filter((n) => n > 2n ** 53n || n < -(2n ** 53n)),
    fc.string({ unit: 'binary', maxLength: 80 }),
    fc.date({ noInvalidDate: true, min: new Date(0), max: new Date('2500-01-01') }),
    fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
    fc.array(tie('value'), { maxLength: 20 }),
    fc.dictionary(
      fc.string({ unit: 'binary', maxLength: 20 }).filter((key) => key !== '__proto__'),
      tie('value'),
      { maxKeys: 20 },
    ),
  ),
})).value;

function encoded(value: unknown): Buffer {
  const { bytes, start, end } = encodeMessage(value);
  return Buffer.from(bytes.subarray(start, end));
}

function decoded(bytes: Buffer): unknown {
  return decodeMessage(bytes, 0, bytes.length);
}

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex');
}

function faultOf(bytes: Buffer): string | undefined {
  return checkMessage(bytes, 0, bytes.length);
}

describe('messages', () => {
  it('carries a Uint8Array and a Buffer as the same bytes, whatever their length', () => {
    for (const length of [0, 1, 255, 256, 65_535, 65_536, 200_000]) {
      const bytes = Uint8Array.from({ length }, (_, index) => index % 251);
      const inside = encoded({ before: 1, bytes, after: 'x' });
      expect(inside.equals(encoded({ before: 1, bytes: Buffer.from(bytes), after: 'x' }))).to.equal(true);
      const value = decoded(inside) as { bytes: Buffer; after: string };
      expect(value.after).to.equal('x');
      expect(value.bytes.equals(bytes)).to.equal(true);
      expect(encoded(bytes)[0]).to.equal([0xc4, 0xc5, 0xc6][Number(length > 255) + Number(length > 65_535)]);
    }
  });

  it('come back as they were sent', () => {
    fc.assert(
      fc.property(values, (value) => {
        const bytes = encoded(value);
        expect(faultOf(bytes)).to.equal(undefined);
        // The encoder writes -0 as the integer 0.
        expect(normal(decoded(bytes))).to.deep.equal(normal(value));
      }),
    );
  });

  it('are refused when anything is missing or follows', () => {
    fc.assert(
      fc.property(values, (value) => {
        const bytes = encoded(value);
        for (let cut = 0; cut < bytes.length; cut++) {
          expect(faultOf(bytes.subarray(0, cut)), `cut at ${cut}`).to.be.oneOf(['truncated', 'extension']);
        }
        expect(faultOf(Buffer.concat([bytes, Buffer.of(0xc0)]))).to.equal('trailing');
      }),
    );
  });

  it('are read within their bounds only', () => {
    fc.assert(
      fc.property(values, fc.nat(20), fc.nat(20), (value, before, after) => {
        const bytes = encoded(value);
        const around = Buffer.concat([Buffer.alloc(before, 0xc1), bytes, Buffer.alloc(after, 0xc1)]);
        expect(normal(decodeMessage(around, before, before + bytes.length))).to.deep.equal(normal(value));
        expect(() => decodeMessage(around, before, before + bytes.length - 1)).to.throw(RpcError);
      }),
    );
  });

  it('that pass the check decode to what an independent decoder reads, whatever the bytes', () => {
    let accepted = 0;
    fc.assert(
      fc.property(mutated(values), (bytes) => {
        const fault = faultOf(bytes);
        if (fault !== undefined) {
          expect(() => decoded(bytes))
            .to.throw(RpcError)
            .with.property('reason', 'MESSAGE_UNDECODABLE');
          return;
        }
        accepted++;
        expect(printed(decoded(bytes))).to.deep.equal(printed(readReference(bytes)));
      }),
      { numRuns: 2_000 },
    );
    expect(accepted).to.be.above(100);
  });

  it('of random bytes never throw anything but MESSAGE_UNDECODABLE', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
        try {
          decoded(Buffer.from(bytes));
        } catch (error) {
          expect(error).to.be.instanceOf(RpcError).with.property('reason', 'MESSAGE_UNDECODABLE');
          expect((error as RpcError).message).to.not.include('\n');
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it('cannot reach the prototype of what is decoded', () => {
    const bytes = hex('81 a9 5f5f70726f746f5f5f 81 a8 706f6c6c75746564 01');
    const value = decoded(bytes) as object;
    expect((value as { polluted?: number }).polluted).to.equal(undefined);
    expect(Object.getPrototypeOf(value)).to.equal(Object.prototype);
    expect(({} as { polluted?: number }).polluted).to.equal(undefined);
  });

  it('do not share memory with the bytes they came from', () => {
    const bytes = encoded({ data: Buffer.from('data'), text: 'text'.repeat(40) });
    const value = decoded(bytes) as { data: Buffer; text: string };
    bytes.fill(0);
    expect(value.data.toString()).to.equal('data');
    expect(value.text).to.equal('text'.repeat(40));
  });

  it('without an encoding are refused, and the next one is encoded well', () => {
    const cycle: unknown[] = [];
    cycle.push(cycle);
    for (const value of [Symbol('s'), cycle]) {
      expect(() => encodeMessage(value))
        .to.throw(RpcError)
        .with.property('reason', 'INPUT_INVALID');
      expect(decoded(encoded({ a: 1 }))).to.deep.equal({ a: 1 });
    }
  });

  it('of types that JSON and bytes cannot express are refused by the receiver', () => {
    for (const value of [new Set([1]), new Float32Array(2), /a/, new Error('a')]) {
      expect(faultOf(encoded(value)), String(value)).to.equal('extension');
    }
  });

  it('of one encoder stay while another encodes', () => {
    const own = new MessageEncoder();
    const first = own.encode({ a: 'first' });
    encodeMessage({ b: 'second' });
    expect(decodeMessage(first.bytes, first.start, first.end)).to.deep.equal({ a: 'first' });
  });

  it('of many megabytes do not make the encoder keep their memory', () => {
    const encoder = new MessageEncoder();
    const large = encoder.encode(Buffer.alloc(8 * 1024 * 1024));
    expect(large.end - large.start).to.be.above(8 * 1024 * 1024);
    expect(encoder.encode(1).bytes.length).to.be.below(2 * 1024 * 1024);
  });
});

describe('the check of messages', () => {
  it('refuses nesting beyond its bound without recursing', () => {
    const nested = (depth: number) => Buffer.concat([Buffer.alloc(depth, 0x91), Buffer.of(0xc0)]);
    expect(faultOf(nested(LIMITS.messageDepthMax))).to.equal(undefined);
    expect(faultOf(nested(LIMITS.messageDepthMax + 1))).to.equal('tooDeep');
    expect(faultOf(nested(1_000_000))).to.equal('tooDeep');
    const maps = Buffer.concat([Buffer.from('8101'.repeat(100), 'hex'), Buffer.of(0xc0)]);
    expect(faultOf(maps)).to.equal('tooDeep');
  });

  it('refuses counts that the bytes cannot hold', () => {
    for (const bomb of ['dc ffff', 'dd ffffffff', 'de ffff', 'df ffffffff', 'df 80000000 01', '9f', '8f 01 01']) {
      expect(faultOf(hex(bomb)), bomb).to.equal('truncated');
    }
  });

  it('refuses lengths that the bytes cannot hold', () => {
    for (const bomb of ['d9 ff 61', 'da ffff 61', 'db ffffffff 61', 'c4 ff', 'c5 ffff', 'c6 ffffffff 00', 'bf 61']) {
      expect(faultOf(hex(bomb)), bomb).to.equal('truncated');
    }
  });

  it('refuses more values than its bound', () => {
    const flat = (count: number) => {
      const bytes = Buffer.alloc(5 + count, 0xc0);
      bytes[0] = 0xdd;
      bytes.writeUInt32BE(count, 1);
      return bytes;
    };
    expect(faultOf(flat(LIMITS.messageElementsMax - 1))).to.equal(undefined);
    expect(faultOf(flat(LIMITS.messageElementsMax))).to.equal('tooMany');
  });

  it('counts values that are slow to build several times', () => {
    const many = (count: number, item: string) => {
      const head = Buffer.from('dd00000000', 'hex');
      head.writeUInt32BE(count, 1);
      return Buffer.concat([head, Buffer.from(item.repeat(count), 'hex')]);
    };
    const max = LIMITS.messageElementsMax;
    for (const [item, cost] of [
      ['a0', 1],
      ['80', 3],
      ['d6ff00000000', 4],
      ['c400', 10],
    ] as const) {
      expect(faultOf(many(Math.floor((max - 1) / cost), item)), item).to.equal(undefined);
      expect(faultOf(many(Math.ceil((max + 1) / cost), item)), item).to.equal('tooMany');
    }
    const map = (keys: number) =>
      encoded(Object.fromEntries(Array.from({ length: keys }, (_, i) => [`key ${i}`, null])));
    expect(faultOf(map(1_000))).to.equal(undefined);
    expect(faultOf(map(40_000))).to.equal(undefined);
    expect(faultOf(map(60_000))).to.equal('tooMany');
  });

  it('refuses extension types but timestamps and undefined', () => {
    for (const allowed of ['d40000', `d6ff${'00'.repeat(4)}`, `d7ff${'00'.repeat(8)}`, `c70cff${'00'.repeat(12)}`]) {
      expect(faultOf(hex(allowed)), allowed).to.equal(undefined);
    }
    const refused = [
      'd40001',
      'd4720a',
      'd46900',
      'd50000 00',
      `d600${'00'.repeat(4)}`,
      `d700${'00'.repeat(8)}`,
      `d8ff${'00'.repeat(16)}`,
      `c70bff${'00'.repeat(11)}`,
      `c70c00${'00'.repeat(12)}`,
      'c70065',
      'c80001 65 00',
      'c900000001 78 00',
    ];
    for (const bytes of refused) expect(faultOf(hex(bytes)), bytes).to.equal('extension');
  });

  it('refuses the reserved byte', () => {
    expect(faultOf(hex('c1'))).to.equal('reserved');
    expect(faultOf(hex('92 01 c1'))).to.equal('reserved');
    expect(faultOf(hex('c4 01 c1'))).to.equal(undefined);
  });

  it('refuses keys that are no strings or integers', () => {
    for (const key of [
      'c0',
      'c3',
      'ca 00000000',
      'cb 0000000000000000',
      'c4 00',
      '90',
      '80',
      'd40000',
      'd6ff00000000',
    ]) {
      expect(faultOf(hex(`81 ${key} 01`)), key).to.equal('key');
      // As a value, and in an array, it may stand.
      expect(faultOf(hex(`81 01 ${key}`)), key).to.equal(undefined);
      expect(faultOf(hex(`92 01 ${key}`)), key).to.equal(undefined);
    }
    for (const key of [
      '00',
      'ff',
      'cc 01',
      'cf 0000000000000001',
      'd3 ffffffffffffffff',
      'a0',
      'd9 00',
      'db 00000000',
    ]) {
      expect(faultOf(hex(`81 ${key} 01`)), key).to.equal(undefined);
    }
  });

  it('takes an empty range for a message that is missing', () => {
    expect(faultOf(Buffer.alloc(0))).to.equal('truncated');
    expect(checkMessage(Buffer.of(1, 2, 3), 2, 2)).to.equal('truncated');
    expect(checkMessage(Buffer.of(1, 2, 3), 3, 2)).to.equal('truncated');
  });
});

/** Valid encodings with some bytes changed, and arrays of them: close enough to valid to be accepted at times. */
function mutated(source: fc.Arbitrary<unknown>): fc.Arbitrary<Buffer> {
  const changes = fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { maxLength: 3 });
  return fc.tuple(source, changes).map(([value, list]) => {
    const bytes = encoded(value);
    for (const [at, byte] of list) if (bytes.length > 0) bytes[at % bytes.length] = byte;
    return bytes;
  });
}

function normal(value: unknown): unknown {
  if (value === 0) return 0;
  if (Array.isArray(value)) return value.map(normal);
  if (typeof value !== 'object' || value === null || value instanceof Date || Buffer.isBuffer(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, normal(entry)]));
}

/** A text that tells types apart and hides the order of keys. */
function printed(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(printed).join()}]`;
  if (Buffer.isBuffer(value)) return `bytes ${value.toString('hex')}`;
  if (value instanceof Date) return `date ${value.getTime()}`;
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).map(([key, entry]) => `${JSON.stringify(key)}:${printed(entry)}`);
    return `{${entries.sort().join()}}`;
  }
  return `${typeof value} ${String(value === 0 ? 0 : value)}`;
}
