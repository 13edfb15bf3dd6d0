import { expect } from 'chai';
import { RpcError } from '../../../../src/base/index.js';
import { handlerError } from '../../../../src/drivers/rpc/handler-error.js';
import { silentLogger } from '../../../../src/ports/index.js';

function told(thrown: unknown): RpcError {
  return handlerError(thrown, 'demo.run', silentLogger);
}

describe('the error of a handler', () => {
  it('does not carry the text of what is not an RpcError', () => {
    expect(told(new Error('secret'))).to.include({ reason: 'HANDLER_FAILED', maybeExecuted: true });
    expect(told(new Error('secret')).message).to.not.include('secret');
  });

  it('is passed on as it is when the handler made it', () => {
    for (const reason of ['FORBIDDEN', 'NOT_LEADER', 'LEASE_UNKNOWN', 'INPUT_INVALID', 'APPLICATION'] as const) {
      const thrown = RpcError.of(reason, 'no');
      expect(told(thrown), reason).to.equal(thrown);
    }
  });

  it('of a nested call speaks of no connection of the caller: its worker is not to blame', () => {
    for (const reason of ['CONNECTION_LOST', 'NOT_CONNECTED', 'DRAINING', 'NO_WORKER', 'CLOSED'] as const) {
      const thrown = RpcError.of(reason, 'the database is away', { details: { shard: 1 }, retryAfterMs: 5 });
      const { code, retryable } = thrown;
      const expected = { reason: 'APPLICATION', code, retryable, maybeExecuted: true, retryAfterMs: 5 };
      expect(told(thrown), reason).to.include({ ...expected, message: 'the database is away' });
      expect(told(thrown).details, reason).to.deep.equal({ shard: 1 });
    }
  });

  it('says that the call was executed when a nested one was late, cancelled or refused', () => {
    for (const reason of ['DEADLINE', 'CANCELLED_BY_CALLER', 'OVERLOADED'] as const) {
      const thrown = RpcError.of(reason, 'too late', { maybeExecuted: false });
      expect(told(thrown), reason).to.include({ reason, maybeExecuted: true, message: 'too late' });
    }
  });
});
