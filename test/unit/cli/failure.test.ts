import { expect } from 'chai';
import { CommandFailure, errorJson, errorLine, exitCodeOf, UsageError } from '../../../src/cli/failure.js';
import { FlotillaError, RpcError } from '../../../src/index.js';

describe('a failed command', () => {
  it('ends with 1, or with 2 when what was typed cannot be', () => {
    expect(exitCodeOf(RpcError.of('NO_WORKER', 'x'))).to.equal(1);
    expect(exitCodeOf(new FlotillaError('CERT_MISSING', 'x'))).to.equal(1);
    expect(exitCodeOf(new CommandFailure('x'))).to.equal(1);
    expect(exitCodeOf('x')).to.equal(1);
    expect(exitCodeOf(new UsageError('x'))).to.equal(2);
    expect(exitCodeOf(new FlotillaError('OPTION_INVALID', 'x'))).to.equal(2);
    expect(exitCodeOf(new FlotillaError('FILTER_INVALID', 'x'))).to.equal(2);
  });

  it('says why on one line', () => {
    expect(errorLine(RpcError.of('NO_WORKER', 'no worker\n  serves a.b'))).to.equal(
      'flotilla: UNAVAILABLE (NO_WORKER): no worker serves a.b; see `flotilla members`',
    );
    expect(errorLine(RpcError.of('UNAUTHENTICATED', 'unknown authority'))).to.equal(
      'flotilla: UNAUTHENTICATED (UNAUTHENTICATED): unknown authority; give the certificates of that cluster with --certs',
    );
    expect(errorLine(RpcError.of('DEADLINE', 'late'))).to.equal('flotilla: DEADLINE_EXCEEDED (DEADLINE): late');
    expect(errorLine(new FlotillaError('CERT_MISSING', 'run it'))).to.equal('flotilla: CERT_MISSING: run it');
    expect(errorLine(new UsageError('no'))).to.equal('flotilla: no');
    expect(errorLine(undefined)).to.equal('flotilla: undefined');
  });

  it('says the same as JSON', () => {
    expect(errorJson(RpcError.of('INPUT_INVALID', 'bad', { details: { at: 1 } }))).to.deep.equal({
      error: {
        code: 'INVALID_ARGUMENT',
        reason: 'INPUT_INVALID',
        message: 'bad',
        retryable: false,
        maybeExecuted: false,
        details: { at: 1 },
      },
    });
    expect(errorJson(new FlotillaError('CERT_MISSING', 'x'))).to.deep.equal({
      error: { code: 'CERT_MISSING', message: 'x' },
    });
    expect(errorJson(new UsageError('x'))).to.deep.equal({ error: { code: 'USAGE', message: 'x' } });
    expect(errorJson(new Error('x'))).to.deep.equal({ error: { code: 'FAILED', message: 'x' } });
  });
});
