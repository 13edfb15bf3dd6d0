import { expect } from 'chai';
import { LoadRecord } from '../../../src/cli/load/load-record.js';
import { milliseconds, Progress } from '../../../src/cli/load/progress.js';
import { createReport, formatReport } from '../../../src/cli/load/report.js';
import { WorkerCalls } from '../../../src/cli/load/worker-calls.js';
import { RpcError } from '../../../src/index.js';

function exampleReport(failures: number) {
  const record = new LoadRecord();
  for (let ms = 1; ms <= 100; ms += 1) record.success(ms);
  for (let i = 0; i < failures; i += 1) record.failure(RpcError.of('DEADLINE', 'took too long'));
  const workers = new WorkerCalls();
  workers.update([
    { id: 'w10', calls: 25 },
    { id: 'w2', calls: 75 },
  ]);
  return createReport({
    method: 'echo.echo',
    payloadBytes: 64,
    plan: { concurrency: 8, durationMs: 2_000, ratePerSecond: undefined },
    outcome: { elapsedMs: 2_000, unsent: 0 },
    record,
    retries: 3,
    rescues: 2,
    workers,
  });
}

describe('the report of a load test', () => {
  it('has throughput, percentiles, calls per worker, errors and retries', () => {
    const report = exampleReport(2);
    expect(report).to.include({ calls: 100, failed: 2, retries: 3, rescues: 2, throughput: 50 });
    expect(report.durationMs).to.equal(2_000);
    expect(report.latencyMs.p50).to.be.closeTo(50, 0.1);
    expect(report.latencyMs.p99).to.be.closeTo(99, 0.1);
    expect(report.latencyMs.max).to.be.closeTo(100, 0.1);
    expect(report.workers).to.deep.equal({ w2: 75, w10: 25 });
    expect(report.errors).to.deep.equal([
      { code: 'DEADLINE_EXCEEDED', reason: 'DEADLINE', count: 2, message: 'took too long' },
    ]);
  });

  it('is readable', () => {
    const text = formatReport(exampleReport(0));
    expect(text).to.match(/^method +echo\.echo, 64 bytes, 8 callers$/m);
    expect(text).to.match(/^calls +100 answered, 0 failed, 3 retries, 2 sent to another worker as well$/m);
    expect(text).to.match(/^p99\.9 +100 ms$/m);
    expect(text).to.match(/^w2 +75 +75\.0 %$/m);
    expect(text).to.not.include('ERROR');
    expect(formatReport(exampleReport(1))).to.match(/^DEADLINE_EXCEEDED \(DEADLINE\) +1 +took too long$/m);
  });

  it('is all zeros, not NaN, when nothing was answered', () => {
    const report = createReport({
      method: 'a.b',
      payloadBytes: undefined,
      plan: { concurrency: 1, durationMs: 1, ratePerSecond: 5 },
      outcome: { elapsedMs: 0, unsent: 7 },
      record: new LoadRecord(),
      retries: 0,
      rescues: 0,
      workers: new WorkerCalls(),
    });
    expect(report.latencyMs).to.deep.equal({ p50: 0, p90: 0, p99: 0, p999: 0, max: 0 });
    expect(report.throughput).to.equal(0);
    expect(formatReport(report)).to.include('7 due but not sent');
  });
});

describe('calls per worker', () => {
  it('go on where they were when a client counts a restarted worker from zero', () => {
    const calls = new WorkerCalls();
    calls.skip([{ id: 'w1', calls: 1 }]);
    calls.update([{ id: 'w1', calls: 11 }]);
    calls.update([]);
    calls.update([{ id: 'w1', calls: 5 }]);
    calls.update([{ id: 'w1', calls: 2 }]);
    calls.update([{ id: 'w1', calls: 4 }]);
    expect(calls.counts()).to.deep.equal([['w1', 10 + 5 + 2 + 2]]);
  });
});

describe('progress', () => {
  function shown(isTTY: boolean): string {
    let text = '';
    const record = new LoadRecord();
    const output = { isTTY, columns: 60, write: (more: string) => (text += more) };
    const progress = new Progress(output, record, 10_000);
    for (let i = 0; i < 2_000; i += 1) record.success(2);
    progress.show(1_000);
    record.failure(new Error('x'));
    progress.show(2_000);
    progress.end();
    return text;
  }

  it('is a plain line each second where there is no terminal', () => {
    expect(shown(false)).to.equal('1/10 s  2,000/s  p50 2 ms  p99 2 ms\n2/10 s  1/s  p50 2 ms  p99 2 ms  1 failed\n');
  });

  it('is one line drawn again, cut to the width, and taken away on a terminal', () => {
    const text = shown(true);
    expect(text).to.not.include('\n');
    expect(text.endsWith('\r\u001b[K')).to.equal(true);
    const lines = text.split('\r\u001b[K').filter((line) => line !== '');
    expect(lines).to.have.length(2);
    expect(lines[0]).to.match(/^\[##\.{22}\] 1\/10 s {2}2,000\/s/);
    for (const line of lines) expect(line.length).to.be.lessThan(60);
  });

  it('gives latencies three digits', () => {
    expect([0.43812, 12.06, 1_234.5].map(milliseconds)).to.deep.equal(['0.438 ms', '12.1 ms', '1230 ms']);
  });
});
