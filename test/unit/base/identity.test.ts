import { expect } from 'chai';
import fc from 'fast-check';
import {
  FlotillaError,
  identityUri,
  NODE_ROLES,
  nodeId,
  nodeRole,
  parseIdentityUri,
  serverNameOf,
} from '../../../src/base/index.js';

const idText = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);

describe('base: identities', () => {
  it('takes node ids of 1-64 letters, digits, dots, underscores and dashes', () => {
    fc.assert(fc.property(idText, (text) => nodeId(text) === text));
    expect(nodeId('x'.repeat(64))).to.have.length(64);
  });

  it('refuses other node ids and unknown roles with ID_INVALID', () => {
    for (const text of ['', '.a', '-a', '_a', 'a b', 'a/b', 'ä', 'x'.repeat(65), 'a\n']) {
      expect(() => nodeId(text), JSON.stringify(text))
        .to.throw(FlotillaError)
        .with.property('code', 'ID_INVALID');
    }
    expect(() => nodeRole('boss')).to.throw(FlotillaError, /"boss" is not one of director, worker, client/);
    for (const role of NODE_ROLES) expect(nodeRole(role)).to.equal(role);
  });

  it('reads the identity URIs it writes', () => {
    fc.assert(
      fc.property(fc.constantFrom(...NODE_ROLES), idText, (role, id) => {
        expect(parseIdentityUri(identityUri(role, nodeId(id)))).to.deep.equal({ role, id });
      }),
    );
    expect(identityUri('worker', nodeId('w1'))).to.equal('flotilla://worker/w1');
  });

  it('takes no URI that is not exactly one of its own', () => {
    const bad = [
      '',
      'flotilla://worker/',
      'flotilla://worker',
      'flotilla://boss/w1',
      'flotilla://WORKER/w1',
      'flotilla://worker/w1/x',
      'flotilla://worker/w1?x',
      'http://worker/w1',
      ' flotilla://worker/w1',
      'flotilla://worker/w1\n',
    ];
    for (const uri of bad) expect(parseIdentityUri(uri), JSON.stringify(uri)).to.equal(undefined);
    fc.assert(fc.property(fc.webUrl(), (uri) => parseIdentityUri(uri) === undefined));
  });

  it('gives every role a server name of its own', () => {
    expect(new Set(NODE_ROLES.map(serverNameOf)).size).to.equal(NODE_ROLES.length);
    expect(serverNameOf('director')).to.equal('director.flotilla.internal');
  });
});
