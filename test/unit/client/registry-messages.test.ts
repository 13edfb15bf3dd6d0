import { expect } from 'chai';
import fc from 'fast-check';
import { RpcError } from '../../../src/base/index.js';
import { decodeLeaseReply, decodeWatchMessage } from '../../../src/client/protocol/index.js';

const WORKER = {
  id: 'w1',
  instance: 'i1',
  address: { host: '127.0.0.1', port: 7 },
  tags: { zone: 'a' },
  methods: [{ name: 'a.b', kind: 'unary', idempotent: true }],
  state: 'active',
  leaseMs: 3_000,
  revision: 4,
};

const SNAPSHOT = {
  type: 'snapshot',
  epoch: 'e',
  revision: 4,
  settledInMs: 0,
  heartbeatMs: 500,
  workers: [WORKER],
  more: false,
};

function reasonOf(decode: () => unknown): string {
  try {
    decode();
  } catch (error) {
    return error instanceof RpcError ? error.reason : String(error);
  }
  return 'decoded';
}

describe('registry messages', () => {
  it('decode to what was sent, without what this version does not know', () => {
    const message = decodeWatchMessage({ ...SNAPSHOT, workers: [{ ...WORKER, colour: 'red' }], more: false, extra: 1 });
    expect(message).to.deep.equal({ ...SNAPSHOT, workers: [{ ...WORKER, bulkPort: undefined }] });
  });

  it('name the directors of the cluster, where the director knows them', () => {
    const directors = ['127.0.0.1:7401', '[::1]:7402'];
    for (const message of [
      { ...SNAPSHOT, directors },
      { type: 'resumed', epoch: 'e', revision: 4, settledInMs: 0, heartbeatMs: 500, directors },
      { type: 'directors', directors },
    ]) {
      expect(decodeWatchMessage(message)).to.have.deep.property('directors', directors);
    }
    expect(decodeLeaseReply({ leaseMs: 1, directors })).to.deep.equal({ leaseMs: 1, directors });
    const tooMany = Array.from({ length: 65 }, () => 'a:1');
    expect(reasonOf(() => decodeLeaseReply({ leaseMs: 1, directors: tooMany }))).to.equal('PEER_VIOLATION');
    expect(reasonOf(() => decodeWatchMessage({ type: 'directors', directors: ['a'.repeat(301)] }))).to.equal(
      'PEER_VIOLATION',
    );
  });

  it('of a type that this version does not know count as a sign of life', () => {
    expect(decodeWatchMessage({ type: 'from the future' })).to.deep.equal({ type: 'heartbeat', revision: 0 });
  });

  it('that are malformed are refused as PEER_VIOLATION, naming the fault', () => {
    for (const wrong of [
      { ...SNAPSHOT, heartbeatMs: 0 },
      { ...SNAPSHOT, revision: -1 },
      { ...SNAPSHOT, workers: [{ ...WORKER, id: '../etc' }] },
      { ...SNAPSHOT, workers: [{ ...WORKER, address: { host: '', port: 7 } }] },
      { ...SNAPSHOT, workers: [{ ...WORKER, address: { host: 'h', port: 70_000 } }] },
      { type: 'changes', changes: [{ type: 'moved' }] },
      { type: 'heartbeat' },
      { type: 7 },
      null,
      'snapshot',
    ]) {
      expect(
        reasonOf(() => decodeWatchMessage(wrong)),
        JSON.stringify(wrong),
      ).to.equal('PEER_VIOLATION');
    }
    expect(reasonOf(() => decodeLeaseReply({ leaseMs: 0 }))).to.equal('PEER_VIOLATION');
    const short = { id: 'k', key: new Uint8Array(47) };
    expect(reasonOf(() => decodeLeaseReply({ leaseMs: 1, ticketKey: short }))).to.equal('PEER_VIOLATION');
  });

  it('never throw anything else, whatever a peer sends', () => {
    fc.assert(
      fc.property(fc.anything(), fc.anything(), (anything, other) => {
        const messages = [anything, { ...SNAPSHOT, workers: anything }, { ...SNAPSHOT, epoch: other }];
        for (const message of messages) {
          expect(reasonOf(() => decodeWatchMessage(message))).to.be.oneOf(['decoded', 'PEER_VIOLATION']);
        }
        expect(reasonOf(() => decodeLeaseReply({ leaseMs: other, ticketKey: anything }))).to.be.oneOf([
          'decoded',
          'PEER_VIOLATION',
        ]);
      }),
    );
  });
});
