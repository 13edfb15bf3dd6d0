import { expect } from 'chai';
import {
  FlotillaError,
  REASONS,
  RPC_CODES,
  RPC_REASONS,
  RpcError,
  type RpcReason,
  SETUP_REASONS,
} from '../../../src/base/index.js';

const rpcReasons = Object.keys(RPC_REASONS) as RpcReason[];

describe('base: error tables', () => {
  it('list the sixteen gRPC codes at their number minus one', () => {
    // google/rpc/code.proto; OK is 0.
    const numbers = { CANCELLED: 1, DEADLINE_EXCEEDED: 4, RESOURCE_EXHAUSTED: 8, UNAVAILABLE: 14, UNAUTHENTICATED: 16 };
    expect(RPC_CODES).to.have.length(16);
    expect(new Set(RPC_CODES).size).to.equal(16);
    for (const [code, number] of Object.entries(numbers)) expect(RPC_CODES[number - 1]).to.equal(code);
  });

  it('give every reason a known code, a meaning and a remedy of one line', () => {
    for (const [reason, row] of Object.entries(REASONS)) {
      expect(reason).to.match(/^[A-Z][A-Z_]*$/);
      expect(RPC_CODES, reason).to.include(row.code);
      for (const text of [row.meaning, row.remedy]) expect(text, reason).to.match(/^[^\n]{10,}[^.\n]$/);
    }
  });

  it('do not use a reason both for calls and for setup', () => {
    for (const reason of Object.keys(SETUP_REASONS)) expect(rpcReasons).to.not.include(reason);
    expect(Object.keys(REASONS)).to.have.length(rpcReasons.length + Object.keys(SETUP_REASONS).length);
  });

  it('mark nothing UNAVAILABLE that a retry could not help', () => {
    for (const reason of rpcReasons) {
      if (REASONS[reason].code === 'UNAVAILABLE') expect(REASONS[reason].retryable, reason).to.equal(true);
    }
  });
});

describe('base: RpcError', () => {
  it('takes code and flags from the reason’s row', () => {
    for (const reason of rpcReasons) {
      const error = RpcError.of(reason, 'text');
      const { code, retryable, maybeExecuted } = REASONS[reason];
      expect(error).to.include({ reason, code, retryable, maybeExecuted, message: 'text', name: 'RpcError' });
    }
  });

  it('lets a single error differ from its row', () => {
    const error = RpcError.of('OVERLOADED', 'busy', { retryable: false, retryAfterMs: 20, details: { queue: 3 } });
    expect(error).to.deep.include({ retryable: false, maybeExecuted: false, retryAfterMs: 20, details: { queue: 3 } });
  });

  it('stays the same but for maybeExecuted when the call may have been executed all the same', () => {
    const error = RpcError.of('NOT_CONNECTED', 'away', { details: 7, retryAfterMs: 20 });
    const { code, reason, retryable } = error;
    const executed = error.asMaybeExecuted();
    const same = { code, reason, retryable, message: 'away', details: 7, retryAfterMs: 20 };
    expect(executed).to.include({ ...same, maybeExecuted: true, cause: error });
    expect(executed.asMaybeExecuted()).to.equal(executed);
  });

  it('is of reason APPLICATION when made by a handler with a code only', () => {
    const error = new RpcError('NOT_FOUND', 'no such user');
    expect(error).to.include({ code: 'NOT_FOUND', reason: 'APPLICATION', retryable: false, maybeExecuted: true });
    expect(error).to.not.have.property('cause');
  });

  it('is made from any thrown value, and from an RpcError is that error', () => {
    const original = RpcError.of('DEADLINE', 'late');
    expect(RpcError.from(original)).to.equal(original);
    const plain = new Error('boom');
    expect(RpcError.from(plain)).to.include({ code: 'UNKNOWN', message: 'boom', cause: plain });
    const setup = new FlotillaError('FILTER_INVALID', 'no such filter');
    expect(RpcError.from(setup)).to.include({
      reason: 'INPUT_INVALID',
      message: 'no such filter',
      maybeExecuted: false,
    });
    expect(RpcError.from('text')).to.include({ code: 'UNKNOWN', message: 'text' });
    expect(RpcError.from(undefined)).to.include({ code: 'UNKNOWN', message: 'undefined' });
    const aborted = new AbortController();
    aborted.abort();
    expect(RpcError.from(aborted.signal.reason)).to.include({ code: 'CANCELLED', reason: 'CANCELLED_BY_CALLER' });
  });
});

describe('base: FlotillaError', () => {
  it('carries a code of the table and its cause', () => {
    const cause = new Error('EADDRINUSE');
    const error = new FlotillaError('ADDRESS_IN_USE', 'port 7401 is taken', { cause });
    expect(error).to.include({ code: 'ADDRESS_IN_USE', name: 'FlotillaError', cause });
    expect(error).to.be.instanceOf(Error);
  });
});
