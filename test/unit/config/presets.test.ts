import { expect } from 'chai';
import {
  callSettings,
  endpointSettings,
  mergeOptions,
  type Options,
  PRESET_NAMES,
  PRESET_TEXTS,
  parseOptions,
  schedulerSettings,
  serverLimits,
} from '../../../src/config/index.js';

const MiB = 2 ** 20;

describe('presets', () => {
  for (const name of PRESET_NAMES) {
    it(`${name} is valid, documented and changes something`, () => {
      const settings = parseOptions(mergeOptions(name, undefined));
      expect(settings).to.not.deep.equal(parseOptions());
      expect(PRESET_TEXTS[name]).to.not.equal('');
      const { main, bulk } = endpointSettings(settings);
      for (const endpoint of [main, bulk]) {
        expect(endpoint.streamWindowBytes).to.be.at.most(endpoint.connectionWindowBytes);
        expect(endpoint.keepAliveMs).to.be.below(endpoint.idleTimeoutMs);
      }
      expect(settings.lease.ttlMs * settings.lease.renewRatio).to.be.at.least(2 * 20);
    });
  }

  it('lays flags over file over preset, key by key', () => {
    const file: Options = { transport: { idleTimeoutMs: '90s' }, rpc: { lanes: 8 } };
    const flags: Options = { rpc: { timeoutMs: '3s', lanes: undefined } };
    const settings = parseOptions(mergeOptions('wan', file, flags));
    expect(settings.transport).to.include({ congestionControl: 'bbr', idleTimeoutMs: 90_000, keepAliveMs: 20_000 });
    expect(settings.rpc).to.include({ lanes: 8, timeoutMs: 3_000 });
  });

  it('leaves its arguments as they are', () => {
    const file: Options = { transport: { idleTimeoutMs: '90s' } };
    mergeOptions('wan', file, { transport: { keepAliveMs: 0 } });
    expect(file).to.deep.equal({ transport: { idleTimeoutMs: '90s' } });
    expect(parseOptions(mergeOptions('wan', undefined)).transport.keepAliveMs).to.equal(20_000);
  });

  it('refuses a name that is no preset', () => {
    expect(() => mergeOptions('moon', undefined))
      .to.throw('option preset is "moon"; allowed: local, lan, cloud, wan, development')
      .with.property('code', 'OPTION_INVALID');
    expect(() => mergeOptions('toString', undefined)).to.throw(/preset is "toString"/);
  });
});

describe('settings derived for the parts of a node', () => {
  it('give both sockets the transport’s settings unless a class says otherwise', () => {
    const settings = parseOptions({ transport: { idleTimeoutMs: '20s' } });
    expect(endpointSettings(settings)).to.deep.equal({ main: settings.transport, bulk: settings.transport });
  });

  it('add up what control and data need on their shared connection', () => {
    const { main, bulk } = endpointSettings(
      parseOptions({
        network: {
          control: { windowBytes: '1MiB', streamsMax: 10, keepAliveMs: '5s' },
          data: { windowBytes: '8MiB', streamsMax: 20, keepAliveMs: 0 },
          bulk: { windowBytes: '32MiB', streamsMax: 9, keepAliveMs: 0 },
        },
      }),
    );
    expect(main).to.include({ connectionWindowBytes: 9 * MiB, streamsMax: 30, keepAliveMs: 5_000 });
    expect(bulk).to.include({
      connectionWindowBytes: 32 * MiB,
      streamWindowBytes: 32 * MiB,
      streamsMax: 9,
      keepAliveMs: 0,
    });
  });

  it('count a class that is silent with its share, within the transport’s limits', () => {
    const dataOnly = endpointSettings(parseOptions({ network: { data: { windowBytes: '1MiB' } } })).main;
    expect(dataOnly).to.include({ connectionWindowBytes: 3 * MiB, streamWindowBytes: 3 * MiB, streamsMax: 1_024 });
    const large = endpointSettings(parseOptions({ network: { data: { windowBytes: '256MiB' } } })).main;
    expect(large.connectionWindowBytes).to.equal(256 * MiB);
  });

  it('turn off the shared keep-alive only when both classes do, or the one that says anything', () => {
    const keepAlive = (network: Options['network']): number =>
      endpointSettings(parseOptions({ network })).main.keepAliveMs;
    expect(keepAlive({ control: { keepAliveMs: 0 }, data: { keepAliveMs: 0 } })).to.equal(0);
    expect(keepAlive({ control: { keepAliveMs: 0 }, data: { keepAliveMs: 700 } })).to.equal(700);
    expect(keepAlive({ data: { keepAliveMs: 0 } })).to.equal(0);
  });

  it('give each class its own call limits, else those of rpc', () => {
    const settings = parseOptions({
      rpc: { timeoutMs: 500 },
      network: { control: { timeoutMs: 70 }, bulk: { concurrentCallsMax: 4 } },
    });
    expect(callSettings(settings)).to.deep.equal({
      classTimeoutsMs: { control: 70, data: 500, bulk: 500 },
      classCallsMax: { bulk: 4 },
    });
  });

  it('give a server its limits', () => {
    const rpc = { concurrentCallsMax: 5, connectionsPerPeerMax: 7, messageBytesMax: 2_048 };
    const settings = parseOptions({ rpc, network: { data: { concurrentCallsMax: 3 } } });
    expect(serverLimits(settings)).to.deep.equal({ ...rpc, classCallsMax: { data: 3 } });
  });

  it('name the scheduler’s shares as it does', () => {
    const network: Options['network'] = { control: { reserveBytes: 1 }, data: { quantumBytes: 2_048 } };
    expect(schedulerSettings(parseOptions({ network }))).to.deep.equal({
      controlReserveBytes: 1,
      streamQuantumBytes: 2_048,
      bulkQuantumBytes: 65_536,
    });
  });
});
