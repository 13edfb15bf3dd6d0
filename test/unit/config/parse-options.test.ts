import { expect } from 'chai';
import * as fc from 'fast-check';
import { FlotillaError, LIMITS } from '../../../src/base/index.js';
import {
  OPTION_DOCS,
  parseClientOptions,
  parseDirectorOptions,
  parseOptions,
  parseTransportOptions,
  parseWorkerOptions,
} from '../../../src/config/index.js';

describe('parseOptions', () => {
  it('fills in every default', () => {
    const settings = parseOptions();
    expect(settings.rpc).to.deep.equal({
      timeoutMs: 30_000,
      concurrentCallsMax: 8_192,
      connectionsPerPeerMax: 1_024,
      messageBytesMax: LIMITS.messageBytesDefault,
      lanes: 4,
    });
    expect(settings.lease).to.deep.equal({ ttlMs: 3_000, renewRatio: 1 / 3 });
    expect(settings.balancing).to.deep.equal({ strategy: 'leastConnections', zoneSpillFactor: 2 });
    expect(settings.network.isolation).to.equal('sockets');
  });

  it('treats undefined as not given, also within groups', () => {
    expect(parseOptions({ rpc: { lanes: undefined }, retry: undefined })).to.deep.equal(parseOptions());
  });

  it('reads durations and sizes with units', () => {
    const { transport, rpc } = parseOptions({
      transport: { idleTimeoutMs: '2m', handshakeTimeoutMs: '1.5s', connectionAgeMsMax: '2h', keepAliveMs: '250ms' },
      rpc: { messageBytesMax: '8MiB' },
    });
    expect(transport).to.include({
      idleTimeoutMs: 120_000,
      handshakeTimeoutMs: 1_500,
      connectionAgeMsMax: 7_200_000,
      keepAliveMs: 250,
    });
    expect(rpc.messageBytesMax).to.equal(8 * 2 ** 20);
  });

  it('names the option, its value and what is allowed', () => {
    const cases: [unknown, string][] = [
      [{ transport: { idleTimeoutMs: -5 } }, 'option transport.idleTimeoutMs is -5; allowed: 100..3600000'],
      [{ transport: { idleTimeoutMs: '5 days' } }, 'option transport.idleTimeoutMs is "5 days"; allowed: 100..3600000'],
      [
        { transport: { connectionAgeMsMax: 5 } },
        'option transport.connectionAgeMsMax is 5; allowed: 0 (off) or 1000..2592000000',
      ],
      [
        { transport: { congestionControl: 'vegas' } },
        'option transport.congestionControl is "vegas"; allowed: cubic, reno, bbr',
      ],
      [{ transport: { earlyData: 1 } }, 'option transport.earlyData is 1; allowed: true, false'],
      [
        { transport: { datagramBytesMax: 'big' } },
        'option transport.datagramBytesMax is "big"; allowed: auto or 1200..65507',
      ],
      [{ transport: [] }, 'option transport is []; allowed: a group of options'],
      [{ rpc: { lanes: 2.5 } }, 'option rpc.lanes is 2.5; allowed: 1..64'],
      [{ rpc: { lanes: '4' } }, 'option rpc.lanes is "4"; allowed: 1..64'],
      [
        { rpc: { messageBytesMax: '65MiB' } },
        `option rpc.messageBytesMax is "65MiB"; allowed: 1024..${LIMITS.messageBytesMax}`,
      ],
      [{ rpc: { timeoutMs: Number.NaN } }, 'option rpc.timeoutMs is NaN; allowed: 1..86400000'],
      [
        { retry: { budget: { tokensPerSuccess: null } } },
        'option retry.budget.tokensPerSuccess is null; allowed: 0..1',
      ],
      [{ balancing: { zone: 'a b' } }, 'option balancing.zone is "a b"; allowed: 1..64 characters without white space'],
      [
        { compression: { streams: 'on' } },
        `option compression.streams is "on"; allowed: off, auto or 0..${LIMITS.messageBytesMax}`,
      ],
      [5, 'options are 5; allowed: an object'],
      [null, 'options are null; allowed: an object'],
    ];
    for (const [input, message] of cases) expect(messageOf(() => parseOptions(input))).to.equal(message);
  });

  it('names an unknown key and the nearest known one', () => {
    const cases: [unknown, string][] = [
      [
        { transport: { idleTimeotMs: 5 } },
        'unknown option transport.idleTimeotMs; did you mean transport.idleTimeoutMs?',
      ],
      [
        { network: { bulk: { window: 5 } } },
        'unknown option network.bulk.window; known here: windowBytes, streamsMax, timeoutMs, concurrentCallsMax, keepAliveMs, quantumBytes',
      ],
      [{ Transport: {} }, 'unknown option Transport; did you mean transport?'],
      [{ ttlMs: 5 }, 'unknown option ttlMs; did you mean lease.ttlMs?'],
      [{ retry: { baseMs: 5 } }, 'unknown option retry.baseMs; did you mean retry.backoff.baseMs or reconnect.baseMs?'],
      [
        { rpc: { toString: 5 } },
        'unknown option rpc.toString; known here: timeoutMs, concurrentCallsMax, connectionsPerPeerMax, messageBytesMax, lanes',
      ],
      [
        { 'a\nb': 5 },
        'unknown option "a\\nb"; known here: transport, network, rpc, retry, reconnect, lease, balancing, outlier, compression, raft, gossip',
      ],
    ];
    for (const [input, message] of cases) expect(messageOf(() => parseOptions(input))).to.equal(message);
  });

  it('reports everything that is wrong at once, in one line', () => {
    const message = messageOf(() => parseOptions({ rpc: { lanes: 0 }, lease: { renewRatio: 1 } }));
    expect(message).to.equal('option rpc.lanes is 0; allowed: 1..64; option lease.renewRatio is 1; allowed: 0.05..0.8');
  });

  it('cuts long values short', () => {
    expect(messageOf(() => parseOptions({ rpc: { lanes: 'x'.repeat(10_000) } })).length).to.be.below(120);
  });

  it('answers any input with settings or OPTION_INVALID', () => {
    const groups = Object.keys(parseOptions());
    const keys = fc.oneof(
      fc.string(),
      fc.constantFrom(...groups, ...OPTION_DOCS.map(({ key }) => key.split('.').at(-1) ?? '')),
    );
    const input = fc.oneof(
      fc.anything(),
      fc.dictionary(keys, fc.oneof(fc.anything(), fc.dictionary(keys, fc.anything()))),
    );
    return fc.assert(
      fc.property(input, (value) => {
        try {
          parseOptions(value);
        } catch (error) {
          expect(error).to.be.instanceOf(FlotillaError);
          expect((error as FlotillaError).message).to.not.include('\n');
        }
      }),
    );
  });
});

describe('parseTransportOptions', () => {
  it('lets the keep-alive and the stream window follow smaller limits', () => {
    expect(parseTransportOptions({ idleTimeoutMs: 900 }).keepAliveMs).to.equal(300);
    expect(parseTransportOptions({ connectionWindowBytes: '1MiB' }).streamWindowBytes).to.equal(2 ** 20);
  });

  it('refuses a keep-alive that comes after the idle timeout', () => {
    expect(messageOf(() => parseTransportOptions({ keepAliveMs: '30s' }))).to.equal(
      'option transport.keepAliveMs is 30000; allowed: 0 (off) or less than transport.idleTimeoutMs (30000)',
    );
    expect(messageOf(() => parseOptions({ network: { bulk: { keepAliveMs: '1m' } } }))).to.equal(
      'option network.bulk.keepAliveMs is 60000; allowed: 0 (off) or less than transport.idleTimeoutMs (30000)',
    );
    expect(parseTransportOptions({ keepAliveMs: 0 }).keepAliveMs).to.equal(0);
  });

  it('refuses a stream window above the connection’s', () => {
    expect(messageOf(() => parseTransportOptions({ streamWindowBytes: '32MiB' }))).to.match(
      /^option transport\.streamWindowBytes is 33554432; allowed: up to transport\.connectionWindowBytes/,
    );
  });
});

describe('options of the roles', () => {
  it('hold the groups that the role reads', () => {
    const common = ['transport', 'network', 'rpc', 'compression'];
    expect(parseClientOptions()).to.have.all.keys(...common, 'retry', 'reconnect', 'balancing', 'outlier');
    expect(parseWorkerOptions()).to.have.all.keys(...common, 'reconnect', 'lease', 'gossip');
    expect(parseDirectorOptions({})).to.have.all.keys(...common, 'reconnect', 'lease', 'raft', 'gossip');
  });

  it('check the groups of other roles too, so that one file serves all', () => {
    expect(parseWorkerOptions({ balancing: { strategy: 'p2c' } })).to.not.have.property('balancing');
    expect(() => parseWorkerOptions({ balancing: { strategy: 'p3c' } })).to.throw(/balancing\.strategy is "p3c"/);
  });

  it('turn compression into sizes above which each kind is compressed', () => {
    const { compression } = parseClientOptions({
      compression: {
        aboveBytes: '4KiB',
        requests: 'auto',
        responses: '1KiB',
        streams: 'off',
        algorithm: 'deflate-raw',
      },
    });
    expect(compression).to.deep.equal({
      algorithm: 'deflate-raw',
      requests: 4_096,
      responses: 1_024,
      streams: Number.POSITIVE_INFINITY,
      registry: 4_096,
      snapshots: 4_096,
    });
  });
});

function messageOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    expect(error).to.be.instanceOf(FlotillaError);
    expect((error as FlotillaError).code).to.equal('OPTION_INVALID');
    return (error as FlotillaError).message;
  }
  return 'no error';
}
