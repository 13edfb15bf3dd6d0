import { expect } from 'chai';
import { Prng, RpcError } from '../../../src/base/index.js';
import type { SessionKeeper } from '../../../src/client/metadata/client-session.js';
import { runCommand } from '../../../src/client/metadata/command-call.js';
import type { MetadataPort } from '../../../src/drivers/metadata/index.js';
import type { KvAnswer } from '../../../src/kv/index.js';
import { encodeReply } from '../../../src/kv/reply-codec.js';
import { SimulatedClock } from '../../../src/testing/index.js';

/** What a command ends with when a director answers it so. */
async function answeredWith(bytes: Uint8Array): Promise<unknown> {
  const port: Pick<MetadataPort, 'execute'> = { execute: (_request, _timeoutMs, settle) => settle.resolve(bytes) };
  const host = { port: port as MetadataPort, clock: new SimulatedClock(), random: new Prng('x') };
  const request = {
    command: { type: 'compact', revision: 7 } as const,
    repeat: 'freely' as const,
    ...{ consistency: undefined, timeoutMs: 1_000, signal: undefined },
  };
  return await runCommand({ ...host, sessions: undefined as unknown as SessionKeeper }, request).catch(
    (error: unknown) => error,
  );
}

function reply(answer: KvAnswer): Uint8Array {
  return encodeReply({ revision: 9, answer });
}

describe('client/metadata: the answer to a command', () => {
  it('is what the command asks for', async () => {
    const answer = { type: 'compacted', more: false } as const;
    expect(await answeredWith(reply(answer))).to.deep.equal({ revision: 9, answer });
  });

  it('is the error that it names', async () => {
    const error = await answeredWith(reply({ type: 'error', reason: 'KV_COMPACTED', message: 'gone' }));
    expect(error).to.be.instanceOf(RpcError);
    expect(error).to.include({ reason: 'KV_COMPACTED', message: 'gone' });
  });

  for (const [fact, bytes, reason] of [
    ['is no answer when it is one to another command', reply({ type: 'revoked', keys: 1 }), 'PEER_VIOLATION'],
    ['is no answer when it cannot be read', Buffer.from('x'), 'MESSAGE_UNDECODABLE'],
  ] as const) {
    it(`${fact}: the command may be executed`, async () => {
      expect(await answeredWith(bytes)).to.include({ reason, maybeExecuted: true });
    });
  }
});
