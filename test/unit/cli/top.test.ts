import { expect } from 'chai';
import { LiveScreen } from '../../../src/cli/top/live-screen.js';
import { NodeRows } from '../../../src/cli/top/node-rows.js';
import { formatTop } from '../../../src/cli/top/top-table.js';
import { type NodeAnswer, type NodeStats, RpcError } from '../../../src/index.js';

const NONE = { count: 0, p50Ms: 0, p99Ms: 0 };
const IDLE = { inFlight: 0, started: 0, failed: 0, handlerMs: NONE, recentHandlerMs: NONE };

function answer(id: string, uptimeMs: number, data: Partial<NodeStats['calls']['data']>, health?: number): NodeAnswer {
  const role = id.startsWith('d') ? 'director' : 'worker';
  const fields = { tags: {}, methods: [], ...(health === undefined ? {} : { health }) };
  return {
    member: { id, role, address: `127.0.0.1:${7_000 + Number(id.slice(1))}`, state: 'active', ...fields },
    ok: true,
    stats: {
      ...{ id, role, uptimeMs, isDraining: false, connections: 1, inFlight: data.inFlight ?? 0 },
      calls: { control: { ...IDLE, started: uptimeMs }, data: { ...IDLE, ...data }, bulk: IDLE },
    },
  };
}

function silent(id: string): NodeAnswer {
  const { member } = answer(id, 0, {});
  return { member, ok: false, error: RpcError.of('DEADLINE', 'no answer in time') };
}

describe('flotilla top', () => {
  it('takes rates from one look to the next by the node’s own clock, health checks left out', () => {
    const rows = new NodeRows();
    const [first] = rows.next([answer('w1', 10_000, { started: 5_000, failed: 50 })]);
    expect(first).not.to.have.any.keys('callsPerS', 'failuresPerS', 'p99Ms', 'health', 'loopP99Ms');
    const [second] = rows.next([answer('w1', 12_000, { started: 5_400, failed: 51 })]);
    expect(second).to.include({ callsPerS: 200, failuresPerS: 0.5 });
  });

  it('counts from zero at a node that was started again, and anew at one that was silent', () => {
    const rows = new NodeRows();
    rows.next([answer('w1', 60_000, { started: 5_000 })]);
    expect(rows.next([answer('w1', 500, { started: 50 })])[0]?.callsPerS).to.equal(100);
    const [gone] = rows.next([silent('w1')]);
    expect(gone).to.deep.include({
      state: 'silent',
      error: { code: 'DEADLINE_EXCEEDED', reason: 'DEADLINE', message: 'no answer in time' },
    });
    expect(rows.next([answer('w1', 2_000, { started: 60 })])[0]).not.to.have.property('callsPerS');
  });

  it('shows recent handler times, those of bulk calls where these are most, and the health when it is known', () => {
    const recentHandlerMs = { count: 5, p50Ms: 2, p99Ms: 4 };
    const mostlyBulk = answer('w1', 1, { recentHandlerMs }, 0.75) as Extract<NodeAnswer, { ok: true }>;
    const bulk = { ...IDLE, recentHandlerMs: { count: 9, p50Ms: 20, p99Ms: 40 } };
    const { stats } = mostlyBulk;
    const [row] = new NodeRows().next([{ ...mostlyBulk, stats: { ...stats, calls: { ...stats.calls, bulk } } }]);
    expect(row).to.include({ p50Ms: 20, p99Ms: 40, health: 0.75 });
    expect(new NodeRows().next([mostlyBulk])[0]).to.include({ p50Ms: 2, p99Ms: 4 });
  });

  it('is a line about the cluster and a line per node', () => {
    const rows = new NodeRows();
    rows.next([answer('d1', 1_000, {}), answer('w1', 1_000, { started: 0 }), answer('w2', 1_000, {})]);
    const recentHandlerMs = { count: 5, p50Ms: 0.25, p99Ms: 4 };
    const worker = answer('w1', 3_000, { started: 3_000, inFlight: 3, recentHandlerMs }, 1);
    const text = formatTop(rows.next([answer('d1', 3_000, {}), worker, silent('w2')]));
    expect(text.split('\n')).to.deep.equal([
      '1 director, 2 workers, 1 silent, 3 calls in progress, 1,500 calls/s',
      '',
      'ID  ROLE      STATE              HEALTH  IN FLIGHT  CALLS/S  FAILED/S  P50 MS  P99 MS  LOOP P99 MS  UPTIME  ADDRESS',
      'd1  director  active                  -          0        0         0       -       -            -   3.0 s  127.0.0.1:7001',
      'w1  worker    active               1.00          3    1,500         0   0.250     4.0            -   3.0 s  127.0.0.1:7001',
      'w2  worker    silent (DEADLINE)       -          -        -         -       -       -            -       -  127.0.0.1:7002',
    ]);
  });
});

describe('a live screen', () => {
  it('is drawn over itself on a terminal, cut to its size, and leaves the first screen as it was', () => {
    let written = '';
    const write = (text: string) => {
      written += text;
    };
    const screen = new LiveScreen({ isTTY: true, columns: 5, rows: 3, write });
    screen.show('one\ntwo and more\nthree\nfour');
    screen.show('1');
    screen.end();
    expect(written).to.equal(
      '\u001b[?1049h\u001b[?25l\u001b[Hone\u001b[K\ntwo a\u001b[K\u001b[J' +
        '\u001b[H1\u001b[K\u001b[J' +
        '\u001b[?25h\u001b[?1049l',
    );
  });

  it('is one text after the other elsewhere', () => {
    let written = '';
    const write = (text: string) => {
      written += text;
    };
    const screen = new LiveScreen({ write });
    screen.show('a\nb');
    screen.show('c');
    screen.end();
    expect(written).to.equal('a\nb\n\nc\n');
  });
});
