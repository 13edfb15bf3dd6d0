import { expect } from 'chai';
import { type FlotillaError, Worker, type WorkerOptions } from '../../../src/index.js';

async function refusal(tags: Readonly<Record<string, string>>): Promise<string> {
  const options = { join: '127.0.0.1:1', tls: {}, tags, services: [] } as unknown as WorkerOptions;
  return await Worker.start(options).then(
    () => 'started',
    (error: FlotillaError) => `${error.code}: ${error.message}`,
  );
}

describe('the tags of a worker', () => {
  it('are refused at its start when gossip could not carry them', async () => {
    const many = Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`tag${at}`, 'x']));
    expect(await refusal(many)).to.match(/^OPTION_INVALID: there are 41 tags; at most 32 are allowed/);
    expect(await refusal({ '~mine': 'x' })).to.match(/^OPTION_INVALID: tag "~mine": names that begin with ~/);
    expect(await refusal({ role: 'x'.repeat(600) })).to.match(/^OPTION_INVALID: the tags take \d+ bytes/);
  });
});
