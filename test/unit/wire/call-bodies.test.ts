import { expect } from 'chai';
import fc from 'fast-check';
import {
  LIMITS,
  REASONS,
  RPC_CODES,
  RPC_REASONS,
  RpcError,
  type RpcReason,
  SendBuffer,
} from '../../../src/base/index.js';
import {
  chooseVersion,
  decodeMessage,
  encodeMessage,
  encodeMethodName,
  FLAG,
  parseHello,
  parseHelloAck,
  readCallHead,
  readErrorBody,
  writeCallHead,
  writeErrorBody,
} from '../../../src/wire/index.js';

const headersArbitrary = fc.dictionary(
  fc
    .string({ unit: 'binary', maxLength: 30 })
    .map((key) => key.toLowerCase())
    .filter((key) => key !== '__proto__'),
  fc.string({ unit: 'binary', maxLength: 60 }),
  { maxKeys: 6 },
);

const heads = fc.record({
  timeoutMs: fc.nat(0xffff_ffff),
  method: fc.oneof(fc.nat(0xffff), fc.stringMatching(/^[a-z]{1,20}\.[A-Za-z]{1,20}$/)),
  headers: fc.option(headersArbitrary, { nil: undefined }),
});

type Head = typeof heads extends fc.Arbitrary<infer T> ? T : never;

function written(write: (out: SendBuffer) => void): Buffer {
  const out = new SendBuffer(8);
  write(out);
  return Buffer.from(out.view(out.length));
}

function headBytes({ timeoutMs, method, headers }: Head): { flags: number; bytes: Buffer } {
  const flags = (typeof method === 'string' ? FLAG.NAMED : 0) | (headers === undefined ? 0 : FLAG.HEADERS);
  const wireMethod = typeof method === 'string' ? encodeMethodName(method) : method;
  return { flags, bytes: written((out) => writeCallHead(out, timeoutMs, wireMethod, headers)) };
}

/** Fails when `act` throws anything but an `RpcError` of the reason. */
function onlyThrows(reason: RpcReason, act: () => unknown): boolean {
  try {
    act();
    return false;
  } catch (error) {
    expect(error).to.be.instanceOf(RpcError).with.property('reason', reason);
    return true;
  }
}

describe('the head of a call', () => {
  it('comes back as it was written, between other bytes', () => {
    fc.assert(
      fc.property(heads, fc.uint8Array({ maxLength: 9 }), fc.uint8Array({ maxLength: 9 }), (head, before, payload) => {
        const { flags, bytes } = headBytes(head);
        const around = Buffer.concat([before, bytes, payload]);
        const read = readCallHead(flags, around, before.length, around.length);
        expect(read.timeoutMs).to.equal(head.timeoutMs);
        expect(read.methodName ?? read.methodNumber).to.equal(head.method);
        expect(read.headers).to.deep.equal(head.headers);
        expect(read.payloadStart).to.equal(before.length + bytes.length);
      }),
    );
  });

  it('that ends early is undecodable at every length', () => {
    fc.assert(
      fc.property(heads, (head) => {
        const { flags, bytes } = headBytes(head);
        for (let end = 0; end < bytes.length; end++) {
          expect(
            onlyThrows('MESSAGE_UNDECODABLE', () => readCallHead(flags, bytes, 0, end)),
            `${end}`,
          ).to.equal(true);
        }
      }),
    );
  });

  it('of any bytes throws only MESSAGE_UNDECODABLE and ends within its frame', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(255), fc.nat(60), (noise, flags, cut) => {
        const bytes = Buffer.from(noise);
        const end = Math.min(cut, bytes.length);
        onlyThrows('MESSAGE_UNDECODABLE', () => {
          const head = readCallHead(flags, bytes, 0, end);
          expect(head.payloadStart).to.be.at.most(end);
        });
      }),
      { numRuns: 1_000 },
    );
  });

  it('has the names of its headers in lower case', () => {
    const { flags, bytes } = headBytes({ timeoutMs: 0, method: 1, headers: { 'Request-Id': 'R1' } });
    expect(readCallHead(flags, bytes, 0, bytes.length).headers).to.deep.equal({ 'request-id': 'R1' });
  });

  it('does not keep the headers of the call before it', () => {
    const first = headBytes({ timeoutMs: 1, method: 1, headers: { a: 'b' } });
    expect(readCallHead(first.flags, first.bytes, 0, first.bytes.length).headers).to.deep.equal({ a: 'b' });
    const second = headBytes({ timeoutMs: 1, method: 1, headers: undefined });
    expect(readCallHead(second.flags, second.bytes, 0, second.bytes.length).headers).to.equal(undefined);
  });

  it('has headers of strings within their size, on both sides', () => {
    const write = (headers: unknown) => () =>
      headBytes({ timeoutMs: 0, method: 1, headers: headers as Record<string, string> });
    expect(write({ a: 1 }))
      .to.throw(RpcError)
      .with.property('reason', 'INPUT_INVALID');
    expect(write({ a: 'x'.repeat(LIMITS.headersBytesMax) }))
      .to.throw(RpcError)
      .with.property('reason', 'INPUT_INVALID');
    for (const map of [{ a: 1 }, { a: null }, { a: {} }, [], 'text', null, new Date(0)]) {
      const { bytes, start, end } = encodeMessage(map);
      const size = Buffer.alloc(2);
      size.writeUInt16BE(end - start);
      const body = Buffer.concat([Buffer.alloc(6), size, bytes.subarray(start, end)]);
      const refused = onlyThrows('MESSAGE_UNDECODABLE', () => readCallHead(FLAG.HEADERS, body, 0, body.length));
      expect(refused || Object.keys(map as object).length === 0, JSON.stringify(map)).to.equal(true);
    }
    const long = Buffer.alloc(8 + LIMITS.headersBytesMax + 1);
    long.writeUInt16BE(LIMITS.headersBytesMax + 1, 6);
    expect(onlyThrows('MESSAGE_UNDECODABLE', () => readCallHead(FLAG.HEADERS, long, 0, long.length))).to.equal(true);
  });

  it('takes no method name that is longer than its length byte can say', () => {
    expect(encodeMethodName('a'.repeat(255))).to.have.length(255);
    expect(() => encodeMethodName('ä'.repeat(128)))
      .to.throw(RpcError)
      .with.property('reason', 'INPUT_INVALID');
  });
});

describe('the body of an ERROR frame', () => {
  const errors = fc
    .record({
      code: fc.constantFrom(...RPC_CODES),
      message: fc.string({ maxLength: 100 }),
      reason: fc.constantFrom(...(Object.keys(RPC_REASONS) as RpcReason[])),
      // That key comes back under another name (see the check of messages).
      details: fc.option(
        fc.jsonValue().filter((value) => !JSON.stringify(value).includes('__proto__')),
        { nil: undefined },
      ),
      retryable: fc.boolean(),
      maybeExecuted: fc.boolean(),
      retryAfterMs: fc.option(fc.nat(10_000), { nil: undefined }),
    })
    .map(
      ({ code, message, retryAfterMs, ...rest }) =>
        new RpcError(code, message, { ...rest, ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }),
    );

  function fieldsOf({ code, reason, message, details, retryable, maybeExecuted, retryAfterMs }: RpcError) {
    return JSON.stringify({ code, reason, message, details, retryable, maybeExecuted, retryAfterMs });
  }

  it('comes back as it was written', () => {
    fc.assert(
      fc.property(errors, fc.nat(0xffff), (error, load) => {
        const bytes = written((out) => writeErrorBody(out, load, error));
        expect(bytes.readUInt16BE(0)).to.equal(load);
        expect(fieldsOf(readErrorBody(bytes, 0, bytes.length)).replaceAll('-0', '0')).to.equal(
          fieldsOf(error).replaceAll('-0', '0'),
        );
      }),
    );
  });

  it('that is damaged in any way still reads as an error', () => {
    fc.assert(
      fc.property(errors, fc.nat(200), fc.nat(255), fc.nat(200), (error, at, byte, cut) => {
        const bytes = written((out) => writeErrorBody(out, 1, error));
        bytes[at % bytes.length] = byte;
        for (const end of [bytes.length, cut % bytes.length]) {
          const read = readErrorBody(bytes, 0, end);
          expect(read).to.be.instanceOf(RpcError);
          expect(RPC_CODES).to.include(read.code);
          expect(REASONS).to.have.property(read.reason);
          expect(read.retryAfterMs ?? 0).to.be.at.least(0);
        }
      }),
      { numRuns: 500 },
    );
  });

  it('says how long to wait in a number of milliseconds that a timer can take', () => {
    for (const retryAfterMs of [Number.POSITIVE_INFINITY, Number.NaN, -1, 1e300, '5', null]) {
      const { bytes, start, end } = encodeMessage({ message: 'm', retryAfterMs });
      const body = Buffer.concat([Buffer.of(0, 0, 8), bytes.subarray(start, end)]);
      const read = readErrorBody(body, 0, body.length);
      expect(read.retryAfterMs === undefined || read.retryAfterMs <= 0x7fff_ffff, String(retryAfterMs)).to.equal(true);
    }
  });

  it('never carries a stack, a cause, or details that make it too long for a lane', () => {
    const cause = new Error('secret cause');
    const bytes = written((out) =>
      writeErrorBody(out, 0, RpcError.of('APPLICATION', 'm'.repeat(100_000), { cause, details: 'd'.repeat(100_000) })),
    );
    expect(bytes.length).to.be.below(LIMITS.laneFrameBytesMax / 2);
    expect(bytes.includes('secret')).to.equal(false);
    expect(bytes.includes('call-bodies')).to.equal(false);
    const symbol = written((out) => writeErrorBody(out, 0, RpcError.of('APPLICATION', 'm', { details: Symbol('s') })));
    expect(readErrorBody(symbol, 0, symbol.length).message).to.equal('m');
  });
});

describe('the hello', () => {
  const hello = { versions: [1], features: ['gzip'], id: 'c1', role: 'client', messageBytesMax: 1_000 };
  const ack = { version: 1, features: [], id: 'w1', role: 'worker', messageBytesMax: 1_000, methods: ['a.b'] };

  function overWire(value: unknown): unknown {
    const { bytes, start, end } = encodeMessage(value);
    return decodeMessage(bytes, start, end);
  }

  it('comes back as it was written, with keys of later versions left out', () => {
    expect(parseHello(overWire({ ...hello, later: { a: 1 } }))).to.deep.equal(hello);
    expect(parseHelloAck(overWire({ ...ack, later: [1] }))).to.deep.equal({
      ...ack,
      bulkPort: undefined,
      draining: false,
    });
    expect(parseHelloAck(overWire({ ...ack, bulkPort: 7402, draining: true }))).to.include({
      bulkPort: 7402,
      draining: true,
    });
  });

  it('with any field missing or of another type is a violation or has that field’s default', () => {
    const other = fc.oneof(fc.jsonValue(), fc.constantFrom(undefined, -1, 1.5, '', 'x'.repeat(300), [[]], {}));
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(hello)), other, (key, value) => {
        onlyThrows('PEER_VIOLATION', () => {
          const read = parseHello({ ...hello, [key]: value });
          expect(read.messageBytesMax).to.be.within(1, LIMITS.messageBytesMax);
          expect(read.versions.length).to.be.at.most(16);
        });
        onlyThrows('PEER_VIOLATION', () => parseHelloAck({ ...ack, [key]: value }));
      }),
    );
    for (const value of [null, undefined, 1, 'text', [], [hello], Buffer.alloc(3)]) {
      expect(onlyThrows('PEER_VIOLATION', () => parseHello(value))).to.equal(true);
      expect(onlyThrows('PEER_VIOLATION', () => parseHelloAck(value))).to.equal(true);
    }
  });

  it('has lists of bounded length', () => {
    expect(onlyThrows('PEER_VIOLATION', () => parseHello({ ...hello, versions: Array(17).fill(1) }))).to.equal(true);
    expect(onlyThrows('PEER_VIOLATION', () => parseHello({ ...hello, features: Array(65).fill('a') }))).to.equal(true);
    expect(onlyThrows('PEER_VIOLATION', () => parseHelloAck({ ...ack, methods: Array(65_537).fill('a') }))).to.equal(
      true,
    );
    expect(parseHello({ ...hello, messageBytesMax: Number.MAX_SAFE_INTEGER }).messageBytesMax).to.equal(
      LIMITS.messageBytesMax,
    );
  });

  it('settles on a version that both speak', () => {
    expect(chooseVersion([1])).to.equal(1);
    expect(chooseVersion([7, 1])).to.equal(1);
    expect(chooseVersion([2, 3])).to.equal(undefined);
    expect(chooseVersion([])).to.equal(undefined);
  });
});
