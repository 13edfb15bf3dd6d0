import { expect } from 'chai';
import type { NodeRole } from '../../../src/base/index.js';
import { Keyring } from '../../../src/gossip/index.js';
import { systemClock, systemRandom } from '../../../src/io/system/index.js';
import { closeEndpoints, endpoint } from '../quic/support.js';
import { CLUSTER, GossipHost, KEY } from './gossip-host.js';

const NODES = 30;
/** The profile for one machine, with half its times: what is awaited here comes sooner, on a slow machine as well. */
const OPTIONS = { probeIntervalMs: 500, stallToleranceMs: 250, pushPullIntervalMs: 5_000, reconnectIntervalMs: 2_000 };

describe(`${NODES} gossip nodes on real UDP and QUIC sockets`, function () {
  this.timeout(180_000);
  const hosts: GossipHost[] = [];
  const failed = new Map<string, Set<string>>();

  before(async () => {
    for (let i = 0; i < NODES; i += 1) await start(i === 0 ? 'director' : 'worker', `n${i}`);
  });

  after(async () => {
    for (const host of hosts) await host.kill();
    await closeEndpoints();
  });

  async function start(role: NodeRole, id: string): Promise<GossipHost> {
    const made = await endpoint(role, id);
    const keyring = new Keyring(CLUSTER, [KEY]);
    const base = { endpoint: made, clock: systemClock, random: systemRandom, keyring };
    const host = new GossipHost(role, id, { ...base, profile: 'local', options: OPTIONS });
    host.node.on('failed', ({ member }) => {
      const by = failed.get(member.id) ?? new Set();
      failed.set(member.id, by.add(id));
    });
    hosts.push(host);
    return host;
  }

  const up = () => hosts.filter(({ node }) => !gone.has(node.id));
  const gone = new Set<string>();
  const isAgreed = () => {
    const members = up();
    return members.every(({ node }) => {
      const alive = node.members().filter(({ state }) => state === 'alive');
      return alive.length === members.length && alive.every(({ id }) => !gone.has(id));
    });
  };

  it('find each other from one seed address', async () => {
    const seed = hosts[0]!.address;
    await Promise.all(hosts.slice(1).map(({ node }) => node.join([seed])));
    await until('all know all', isAgreed);
    expect(failed.size).to.equal(0);
    for (const { node } of hosts) expect(node.counters.datagrams.undecodable).to.equal(0);
  });

  it('all hear of one that stops without a word', async () => {
    const victim = hosts[7]!;
    gone.add(victim.id);
    await victim.kill();
    await until('all others hold it for dead', () => failed.get(victim.id)?.size === NODES - 1);
    await until('all agree', isAgreed);
  });

  it('take back one that stood still for ten seconds', async () => {
    const sleeper = hosts[11]!;
    sleeper.pause();
    await new Promise((resolve) => setTimeout(resolve, 10_000));
    sleeper.resume();
    await until('all agree', isAgreed);
    expect(
      [...failed.values()].some((by) => by.has(sleeper.id) && by.size === 1),
      'it holds nobody dead for its own absence',
    ).to.equal(false);
  });

  it('change keys without losing anyone', async () => {
    const before = failed.size;
    const next = new Uint8Array(32).fill(8);
    for (const { node } of up()) node.keyring.install(next);
    for (const { node } of up()) node.keyring.use(next);
    const opened = up().map(({ node }) => node.counters.datagrams.opened);
    await until('datagrams flow under the new key', () =>
      up().every(({ node }, i) => node.counters.datagrams.opened > opened[i]! + 4),
    );
    for (const { node } of up()) node.keyring.remove(KEY);
    const later = up().map(({ node }) => node.counters.datagrams.opened);
    await until('... and without the old one', () =>
      up().every(({ node }, i) => node.counters.datagrams.opened > later[i]! + 4),
    );
    expect(isAgreed()).to.equal(true);
    expect(failed.size).to.equal(before);
  });

  it('are not moved by replayed and forged datagrams from a stranger’s socket', async () => {
    const victim = hosts[3]!;
    const stranger = await endpoint('client', 'stranger');
    const channel = stranger.datagrams(() => {}, { bytesMax: 2_000 });
    const incarnations = () =>
      victim.node.members().map(({ id, incarnation, state }) => `${id} ${incarnation} ${state}`);
    const before = incarnations();
    const { datagrams } = victim.node.counters;
    const heard = victim.heard.slice(-20);
    for (const { bytes } of heard) {
      channel.send(bytes, victim.address);
      channel.send(
        Uint8Array.from(bytes, (byte, i) => (i === 60 ? byte ^ 1 : byte)),
        victim.address,
      );
    }
    const refused = () => {
      const { replayed, unopened, stale } = victim.node.counters.datagrams;
      return replayed + unopened + stale - (datagrams.replayed + datagrams.unopened + datagrams.stale);
    };
    await until('all are refused', () => refused() === 2 * heard.length);
    expect(victim.node.counters.datagrams.replayed).to.be.above(datagrams.replayed);
    expect(incarnations()).to.deep.equal(before);
    expect(isAgreed()).to.equal(true);
  });

  it('hear of a leave before the node is gone, and call nobody dead for it', async () => {
    const leaver = hosts[20]!;
    gone.add(leaver.id);
    await leaver.node.leave();
    await leaver.kill();
    await until('all know', () => up().every(({ node }) => node.member(leaver.id)?.state === 'left'));
    expect(failed.has(leaver.id)).to.equal(false);
  });
});

/** Real time passes: the machine may be slow, so that only the end of patience is a failure. */
async function until(what: string, holds: () => boolean): Promise<void> {
  const endMs = performance.now() + 90_000;
  while (!holds()) {
    if (performance.now() > endMs) throw new Error(`waited 90 s for: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
