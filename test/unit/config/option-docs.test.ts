import { expect } from 'chai';
import { STRATEGY_NAMES } from '../../../src/client/balance/create-strategy.js';
import type { OutlierOptions } from '../../../src/client/outlier.js';
import {
  gossipNodeOptions,
  OPTION_DOCS,
  parseOptions,
  parseTransportOptions,
  type Settings,
  schedulerSettings,
} from '../../../src/config/index.js';
import { GOSSIP_PROFILES, type GossipOptions, gossipOptions } from '../../../src/gossip/index.js';
import { resolveTransportOptions, TRANSPORT_DEFAULTS, type TransportOptions } from '../../../src/io/quic/options.js';
import { SCHEDULER_DEFAULTS } from '../../../src/lanes/options.js';
import { type BackoffOptions, RECONNECT_BACKOFF, RETRY_BACKOFF } from '../../../src/rpc/backoff.js';
import { RetryBudget } from '../../../src/rpc/retry-budget.js';

describe('OPTION_DOCS', () => {
  it('describes every option that the defaults have', () => {
    const keys = OPTION_DOCS.map(({ key }) => key);
    expect(new Set(keys).size).to.equal(keys.length);
    for (const key of leaves(parseOptions())) expect(keys, key).to.include(key);
  });

  it('says what each is, its default and what is allowed, in one line', () => {
    for (const { key, what, default: standard, allowed } of OPTION_DOCS) {
      for (const text of [what, standard, allowed]) {
        expect(text, key).to.be.a('string').with.length.above(0);
        expect(text, key).to.not.match(/\n|undefined|\[object/);
      }
    }
  });

  it('says what a larger and a smaller value costs, for every number', () => {
    for (const { key, kind, larger, smaller } of OPTION_DOCS) {
      if (kind === 'choice' || kind === 'flag' || kind === 'text') continue;
      if (key.startsWith('compression.') && key !== 'compression.aboveBytes') continue;
      expect(larger, key).to.be.a('string');
      expect(smaller, key).to.be.a('string');
    }
  });

  it('gives the key as it is written in a file, and the presets that set it', () => {
    const doc = OPTION_DOCS.find(({ key }) => key === 'network.bulk.windowBytes');
    expect(doc).to.include({ fileKey: 'network.bulk.window_bytes', allowed: '65536..268435456', kind: 'size' });
    expect(doc?.presets).to.include({ lan: '32MiB' });
    expect(doc?.presets).to.not.have.property('local');
  });
});

describe('defaults and ranges agree with the parts that read them', () => {
  it('transport: as in io/quic', () => {
    expect(parseTransportOptions()).to.deep.equal(TRANSPORT_DEFAULTS);
    const taken: TransportOptions = parseTransportOptions({ idleTimeoutMs: 100, connectionWindowBytes: 65_536 });
    expect(resolveTransportOptions(taken)).to.deep.equal(taken);
  });

  it('transport: the ends of each range are accepted by io/quic, and what lies beyond is not', () => {
    const others = { keepAliveMs: 0, streamWindowBytes: 16_384, connectionWindowBytes: 256 * 2 ** 20 };
    for (const { key, allowed } of OPTION_DOCS) {
      const name = /^transport\.(\w+)$/.exec(key)?.[1];
      const [, low, high] = /(\d+)\.\.(\d+)$/.exec(allowed) ?? [];
      if (name === undefined || low === undefined || high === undefined) continue;
      // A keep-alive is bounded by the idle timeout before the end of its own range.
      const ends = name === 'keepAliveMs' ? [Number(low)] : [Number(low), Number(high)];
      for (const end of ends) {
        const accepted = parseTransportOptions({ ...others, [name]: end });
        expect(resolveTransportOptions(accepted), key).to.deep.equal(accepted);
      }
      expect(() => resolveTransportOptions({ ...others, [name]: Number(high) + 1 }), key).to.throw();
      expect(() => resolveTransportOptions({ ...others, [name]: -1 }), key).to.throw();
    }
  });

  it('gossip: the profiles’ values, and ranges that gossip accepts', () => {
    for (const { key, default: text, kind } of OPTION_DOCS) {
      const name = /^gossip\.(\w+)$/.exec(key)?.[1] as keyof GossipOptions | 'profile' | 'clockToleranceMs' | undefined;
      if (name === undefined || name === 'profile' || name === 'clockToleranceMs' || kind === 'choice') continue;
      for (const profile of ['local', 'lan', 'wan'] as const) {
        const part = text.split(/, (?=\d)/).find((each) => !each.includes('(') || each.includes(profile));
        expect(part?.replace(/ \(.*/, ''), `${key} of ${profile}`).to.equal(String(GOSSIP_PROFILES[profile][name]));
      }
    }
  });

  it('gossip: as GossipNode takes it, with 0 for never and every end of a range', () => {
    const never = { pushPullIntervalMs: 0, reconnectIntervalMs: 0, stallToleranceMs: 0 };
    const { profile, options, clockToleranceMs } = gossipNodeOptions(
      parseOptions({ gossip: { profile: 'wan', partitionPolicy: 'hold', probeIntervalMs: '6s', ...never } }).gossip,
    );
    expect([profile, clockToleranceMs]).to.deep.equal(['wan', 120_000]);
    const resolved = gossipOptions(profile, options);
    expect(resolved).to.include({
      probeIntervalMs: 6_000,
      probeTimeoutMs: 3_000,
      stallToleranceMs: Number.POSITIVE_INFINITY,
    });
    expect(resolved.partitionPolicy({ missing: [], liveCount: 1, share: 0 })).to.equal('hold');
    for (const { key, allowed } of OPTION_DOCS) {
      const name = /^gossip\.(\w+)$/.exec(key)?.[1];
      const [, low, high] = /([\d.]+)\.\.([\d.]+)$/.exec(allowed) ?? [];
      if (name === undefined || low === undefined || high === undefined) continue;
      for (const end of [Number(low), Number(high)]) {
        const { gossip } = parseOptions({ gossip: { [name]: end } });
        const range = { probeIntervalMs: 3_600_000, probeTimeoutMs: 1 };
        expect(
          () =>
            gossipOptions('lan', {
              ...range,
              ...gossipNodeOptions(gossip).options,
              ...(name === 'probeTimeoutMs' ? { probeIntervalMs: 3_600_000 } : {}),
            }),
          key,
        ).to.not.throw();
      }
    }
  });

  it('scheduler: as in lanes', () => {
    expect(schedulerSettings(parseOptions())).to.deep.equal(SCHEDULER_DEFAULTS);
  });

  it('backoff, retry budget and strategies: as in rpc and client', () => {
    const { retry, reconnect, outlier } = parseOptions();
    const backoffs: BackoffOptions[] = [retry.backoff, reconnect];
    expect(backoffs).to.deep.equal([RETRY_BACKOFF, RECONNECT_BACKOFF]);
    expect(new RetryBudget(retry.budget).tokens).to.equal(new RetryBudget().tokens);
    const outlierOptions: OutlierOptions = outlier;
    expect(outlierOptions.consecutiveFailures).to.equal(5);
    const strategies = OPTION_DOCS.find(({ key }) => key === 'balancing.strategy')?.allowed;
    expect(strategies).to.equal(STRATEGY_NAMES.join(', '));
  });
});

function leaves(settings: Settings): string[] {
  const walk = (value: unknown, path: string): string[] =>
    typeof value === 'object' && value !== null
      ? Object.entries(value).flatMap(([key, inner]) => walk(inner, path === '' ? key : `${path}.${key}`))
      : [path];
  return walk(settings, '');
}
