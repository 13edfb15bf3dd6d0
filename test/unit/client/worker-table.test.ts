import { expect } from 'chai';
import { nodeId } from '../../../src/base/index.js';
import { type WorkerChange, WorkerTable } from '../../../src/client/worker-table.js';
import type { WorkerRecord } from '../../../src/ports/index.js';

function worker(id: string, fields: Partial<WorkerRecord> = {}): WorkerRecord {
  return {
    id: nodeId(id),
    instance: 'i1',
    address: { host: '127.0.0.1', port: 1 },
    bulkPort: undefined,
    tags: {},
    methods: [],
    state: 'active',
    leaseMs: 1_000,
    revision: 1,
    ...fields,
  };
}

function describeChange(change: WorkerChange): string {
  return change.type === 'removed'
    ? `removed ${change.worker.id} ${change.cause}`
    : `${change.type} ${change.worker.id}`;
}

function tableOf(...workers: WorkerRecord[]): { table: WorkerTable; changes: string[] } {
  const table = new WorkerTable();
  table.reset({ epoch: 'e', revision: 5, workers }, 0, 0);
  const changes: string[] = [];
  table.onChange((change) => changes.push(describeChange(change)));
  return { table, changes };
}

describe('WorkerTable', () => {
  it('lists workers by id, the same array until something changes', () => {
    const { table } = tableOf(worker('w2'), worker('w1'));
    expect(table.list().map(({ id }) => id)).to.deep.equal(['w1', 'w2']);
    expect(table.list()).to.equal(table.list());
  });

  it('ignores changes that it has already', () => {
    const { table, changes } = tableOf(worker('w1'));
    table.apply([{ type: 'removed', revision: 5, id: nodeId('w1'), instance: 'i1', cause: 'expired' }]);
    expect(changes).to.deep.equal([]);
    table.apply([{ type: 'removed', revision: 6, id: nodeId('w1'), instance: 'i1', cause: 'expired' }]);
    expect(changes).to.deep.equal(['removed w1 expired']);
    expect(table.position).to.deep.equal({ epoch: 'e', revision: 6 });
  });

  it('takes all changes of one revision, however far apart revisions are', () => {
    const { table, changes } = tableOf(worker('w1'), worker('w2'));
    table.apply([
      { type: 'removed', revision: 900, id: nodeId('w1'), instance: 'i1', cause: 'replaced' },
      { type: 'put', revision: 900, worker: worker('w3', { revision: 900 }) },
    ]);
    expect(changes).to.deep.equal(['removed w1 replaced', 'added w3']);
    expect(table.position).to.deep.equal({ epoch: 'e', revision: 900 });
    table.reached(1_000);
    table.reached(10);
    expect(table.position).to.deep.equal({ epoch: 'e', revision: 1_000 });
  });

  it('does not remove the successor of the instance that was removed', () => {
    const { table } = tableOf(worker('w1', { instance: 'i2' }));
    table.apply([{ type: 'removed', revision: 6, id: nodeId('w1'), instance: 'i1', cause: 'expired' }]);
    expect(table.size).to.equal(1);
  });

  it('takes a snapshot of a settled director as the whole truth', () => {
    const { table, changes } = tableOf(worker('w1'), worker('w2'));
    table.reset({ epoch: 'f', revision: 1, workers: [worker('w2'), worker('w3')] }, 100, 100);
    expect(changes).to.deep.equal(['updated w2', 'added w3', 'removed w1 expired']);
  });

  it('takes the failure detector’s word for the process that is registered, not for its successor', () => {
    const { table } = tableOf(worker('w1'), worker('w2'));
    const heard: string[] = [];
    table.onLiveness((id, liveness) => heard.push(`${id} ${liveness}`));
    table.setLiveness(nodeId('w1'), 'suspected');
    table.setLiveness(nodeId('w1'), 'suspected');
    table.setLiveness(nodeId('w2'), 'failed');
    table.setLiveness(nodeId('w9'), 'failed');
    expect(table.livenessOf(nodeId('w9'))).to.equal('alive');
    table.apply([{ type: 'put', revision: 6, worker: worker('w1', { revision: 6, state: 'draining' }) }]);
    expect(table.livenessOf(nodeId('w1'))).to.equal('suspected');
    table.apply([{ type: 'put', revision: 7, worker: worker('w1', { revision: 7, instance: 'i2' }) }]);
    table.apply([{ type: 'removed', revision: 8, id: nodeId('w2'), instance: 'i1', cause: 'expired' }]);
    table.apply([{ type: 'put', revision: 9, worker: worker('w2', { revision: 9 }) }]);
    expect(table.livenessOf(nodeId('w2'))).to.equal('alive');
    expect(heard).to.deep.equal(['w1 suspected', 'w2 failed', 'w1 alive']);
  });

  it('keeps what a young director has not confirmed until it must have', () => {
    const { table, changes } = tableOf(worker('w1'), worker('w2'), worker('w3'));
    table.reset({ epoch: 'f', revision: 1, workers: [worker('w1')] }, 1_000, 0);
    table.apply([{ type: 'put', revision: 2, worker: worker('w2', { revision: 2 }) }]);
    table.settle(999);
    expect(table.size).to.equal(3);
    table.settle(1_000);
    expect(changes).to.deep.equal(['updated w1', 'updated w2', 'removed w3 expired']);
  });
});
