import { expect } from 'chai';
import { RpcError } from '../../../src/base/index.js';
import { bidiStream, type Caller, clientStream, defineService, serviceClient } from '../../../src/rpc/index.js';
import { rejects } from '../../support/rejects.js';

const Upload = defineService('upload', {
  store: clientStream<string, number>(),
  chat: bidiStream<string, string>(),
});

describe('the client of a service', () => {
  it('refuses what is not an iterable of messages by name, before a call is made', async () => {
    const caller: Partial<Caller> = {};
    const client = serviceClient(Upload, caller as Caller);
    const wrong = 42 as unknown as string[];
    await rejects(client.store(wrong), /^upload.store takes an iterable or async iterable of messages$/);
    expect(() => client.chat(wrong)).to.throw(RpcError, 'upload.chat takes an iterable');
  });
});
