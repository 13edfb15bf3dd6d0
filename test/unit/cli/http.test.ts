import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { type HttpEndpoint, startHttpEndpoint } from '../../../src/cli/http/http-endpoint.js';
import { countersOf, formatMetrics, single } from '../../../src/cli/http/prometheus.js';
import { silentLogger } from '../../../src/index.js';
import { rejects } from '../../support/rejects.js';

describe('metrics', () => {
  it('are the Prometheus text format, labels escaped', () => {
    const metric = {
      name: 'workers',
      type: 'gauge' as const,
      help: 'Workers.',
      samples: [{ labels: { state: 'a"b\\c\nd', zone: 'z' }, value: 2 }, { value: 0.5 }],
    };
    expect(formatMetrics([metric])).to.equal(
      '# HELP flotilla_workers Workers.\n# TYPE flotilla_workers gauge\n' +
        'flotilla_workers{state="a\\"b\\\\c\\nd",zone="z"} 2\nflotilla_workers 0.5\n',
    );
  });

  it('name counters in snake case with _total, and skip what is no number', () => {
    expect(countersOf({ callsStarted: 3, name: 'x' })).to.deep.equal([
      single('counter', 'calls_started_total', 'Count of calls started.', 3),
    ]);
  });
});

describe('the HTTP endpoint', () => {
  let endpoint: HttpEndpoint;
  let trouble: string | undefined;
  before(async () => {
    const view = { status: () => ({ big: 1n }), metrics: () => [single('gauge', 'up', 'Up.', 1)] };
    endpoint = await startHttpEndpoint({ listen: '127.0.0.1:0', view, trouble: () => trouble, logger: silentLogger });
  });
  after(async () => await endpoint.close());

  async function get(path: string, method = 'GET'): Promise<{ status: number; type: string | null; body: string }> {
    const response = await fetch(`http://${endpoint.address}${path}`, { method });
    return { status: response.status, type: response.headers.get('content-type'), body: await response.text() };
  }

  it('says whether the node is well, and why not', async () => {
    expect(await get('/healthz')).to.include({ status: 200, body: 'ok\n' });
    trouble = 'no leader';
    expect(await get('/healthz')).to.include({ status: 503, body: 'no leader\n' });
    trouble = undefined;
  });

  it('serves status as JSON and metrics as text', async () => {
    expect(await get('/status?x')).to.deep.equal({ status: 200, type: 'application/json', body: '{"big":"1"}\n' });
    const metrics = await get('/metrics');
    expect(metrics.type).to.match(/^text\/plain; version=0\.0\.4/);
    expect(metrics.body).to.include('\nflotilla_up 1\n');
  });

  it('is read-only and knows no other path', async () => {
    expect(await get('/status', 'POST')).to.include({ status: 405 });
    expect(await get('/status', 'HEAD')).to.include({ status: 200, body: '' });
    expect(await get('/')).to.include({ status: 404 });
    expect(await get('/healthz/..%2f')).to.include({ status: 404 });
  });

  it('says when its port is taken', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const listen = `127.0.0.1:${(other.address() as AddressInfo).port}`;
    const options = {
      listen,
      view: { status: () => 0, metrics: () => [] },
      trouble: () => undefined,
      logger: silentLogger,
    };
    await rejects(startHttpEndpoint(options), /--http .* is in use/, 'ADDRESS_IN_USE');
    other.close();
  });
});
