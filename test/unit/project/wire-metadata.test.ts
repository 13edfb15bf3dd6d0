import { expect } from 'chai';
import { TYPE } from '../../../src/drivers/raft/net/raft-codec.js';
import { COMMAND_CODES, decodeRequest } from '../../../src/kv/command-codec.js';
import { readProjectFile } from './project-root.js';

const page = readProjectFile('book/src/reference/wire-protocol.md');

describe('the wire protocol page about directors', () => {
  it('has a metadata request that sets a key', () => {
    const listing = /<!-- metadata-request -->\n```text\n([^`]*)```/.exec(page)?.[1] ?? '';
    const bytes = Buffer.from(listing.replace(/#.*$/gm, '').replace(/\s/g, ''), 'hex');
    const { command, origin, session } = decodeRequest(bytes);
    expect({ origin, session }).to.deep.equal({ origin: 'user', session: undefined });
    expect(command).to.deep.equal({
      type: 'put',
      key: 'k',
      value: Buffer.from('v'),
      lease: 0,
      returnPrevious: false,
    });
  });

  it('lists the commands of the metadata in the order of their codes', () => {
    const listing = /^commands {4}(.*?)^range {7}text/ms.exec(page)?.[1] ?? '';
    const named = [
      ...' '
        .repeat(12)
        .concat(listing)
        .matchAll(/^ {12}([a-zA-Z]+) /gm),
    ].map((match) => match[1]);
    expect(named).to.deep.equal(COMMAND_CODES);
  });

  for (const [name, number] of Object.entries(TYPE)) {
    it(`has the Raft message ${name} with its number`, () => {
      expect(page).to.match(new RegExp(`\\b${number} ${name}\\b`));
    });
  }
});
