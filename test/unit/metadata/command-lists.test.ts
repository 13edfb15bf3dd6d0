import { expect } from 'chai';
import { decodeByteList, encodeByteList, LIMITS, RpcError } from '../../../src/base/index.js';
import { CommandGatherer } from '../../../src/client/metadata/command-gatherer.js';
import { GatheredReplies } from '../../../src/drivers/metadata/gathered-replies.js';
import type { SharedPut } from '../../../src/drivers/metadata/index.js';
import { decodeReply, encodeRequest, type KvCommand, prefixRange } from '../../../src/kv/index.js';
import type { CommandSettle } from '../../../src/ports/index.js';
import { MetadataCluster } from '../../support/metadata-cluster.js';

function put(key: string): KvCommand {
  return { type: 'put', key, value: Buffer.from('v'), lease: 0, returnPrevious: false };
}

interface Sent {
  readonly commands: readonly string[];
  readonly timeoutMs: number;
  readonly settle: CommandSettle;
}

/** A gatherer whose calls are kept, and what the commands given to it have heard. */
class Gathering {
  readonly sent: Sent[] = [];
  readonly heard: string[] = [];
  readonly kept: string[] = [];
  private readonly gatherer = new CommandGatherer({
    sendOne: (request, timeoutMs, settle) => this.sent.push({ commands: [textOf(request)], timeoutMs, settle }),
    sendList: (requests, timeoutMs, settle) =>
      this.sent.push({ commands: (decodeByteList(requests) ?? []).map(textOf), timeoutMs, settle }),
  });

  add(name: string, timeoutMs = 1_000): void {
    const put: SharedPut = {
      bytesMax: name.length,
      write: (to) => {
        to.append(Buffer.from(name));
        if (name === UNENCODABLE) throw RpcError.of('KV_INVALID', 'no encoding');
      },
      keep: (request) => this.kept.push(textOf(request)),
      resolve: (reply) => this.heard.push(`${name}: ${textOf(reply)}`),
      resolveFrom: (replies, from, to) => this.heard.push(`${name}: ${textOf(replies.subarray(from, to))}`),
      reject: ({ reason, maybeExecuted }) => this.heard.push(`${name}: ${reason}${maybeExecuted ? '?' : ''}`),
    };
    this.gatherer.add(put, timeoutMs);
  }
}

function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString();
}

const UNENCODABLE = 'unencodable';

describe('client/metadata: commands of one turn', () => {
  it('go into one call, and each hears its own reply', async () => {
    const { sent, heard } = await gathered((given) => ['a', 'b', 'c'].map((name) => given.add(name)));
    expect(sent.map(({ commands }) => commands)).to.deep.equal([['a', 'b', 'c']]);
    sent[0]?.settle.resolve(encodeByteList(['1', '2', '3'].map((text) => Buffer.from(text))));
    expect(heard).to.deep.equal(['a: 1', 'b: 2', 'c: 3']);
  });

  it('go as they are when there is only one', async () => {
    const { sent, heard } = await gathered((given) => given.add('a'));
    expect(sent.map(({ commands }) => commands)).to.deep.equal([['a']]);
    sent[0]?.settle.resolve(Buffer.from('1'));
    expect(heard).to.deep.equal(['a: 1']);
  });

  it('go into several calls when they are many or long', async () => {
    const many = await gathered((given) => {
      for (let i = 0; i < 600; i += 1) given.add(`${i}`);
    });
    expect(many.sent.map(({ commands }) => commands.length)).to.deep.equal([256, 256, 88]);
    const long = await gathered((given) => {
      for (let i = 0; i < 10; i += 1) given.add('x'.repeat(8_000));
    });
    for (const { commands } of long.sent) {
      expect(commands.join('').length).to.be.below(LIMITS.laneFrameBytesMax);
    }
    expect(long.sent.flatMap(({ commands }) => commands).length).to.equal(10);
  });

  it('share the shortest time, unless that is much shorter than their own', async () => {
    const { sent } = await gathered((given) => {
      given.add('a', 1_000);
      given.add('b', 800);
      given.add('c', 10_000);
    });
    expect(sent.map(({ commands, timeoutMs }) => [commands, timeoutMs])).to.deep.equal([
      [['a', 'b'], 800],
      [['c'], 10_000],
    ]);
    const falling = await gathered((given) => {
      for (const timeoutMs of [4_000, 2_000, 1_000, 500]) given.add('x', timeoutMs);
    });
    expect(falling.sent.map(({ commands, timeoutMs }) => [commands.length, timeoutMs])).to.deep.equal([
      [2, 2_000],
      [2, 500],
    ]);
  });

  it('hear an error that is not theirs alone', async () => {
    const { sent, heard } = await gathered((given) => ['a', 'b'].map((name) => given.add(name)));
    sent[0]?.settle.reject(RpcError.of('NO_LEADER', 'none'));
    expect(heard).to.deep.equal(['a: NO_LEADER', 'b: NO_LEADER']);
  });

  it('keep what they were sent as when it is to be sent again', async () => {
    const { sent, kept } = await gathered((given) => ['a', 'b'].map((name) => given.add(name)));
    expect(kept).to.deep.equal([]);
    sent[0]?.settle.reject(RpcError.of('NO_LEADER', 'none'));
    expect(kept).to.deep.equal(['a', 'b']);
    expect((await gathered((given) => given.add('a'))).kept).to.deep.equal(['a']);
  });

  it('go without one that cannot be encoded', async () => {
    const { sent } = await gathered((given) => {
      given.add('a');
      expect(() => given.add(UNENCODABLE))
        .to.throw(RpcError)
        .with.property('reason', 'KV_INVALID');
      given.add('b');
    });
    expect(sent.map(({ commands }) => commands)).to.deep.equal([['a', 'b']]);
    const alone = await gathered((given) => expect(() => given.add(UNENCODABLE)).to.throw(RpcError));
    expect(alone.sent).to.deep.equal([]);
  });

  it('may be executed when the answer is no list of one reply for each', async () => {
    for (const answer of [Buffer.from('x'), encodeByteList([Buffer.from('1')])]) {
      const { sent, heard } = await gathered((given) => ['a', 'b'].map((name) => given.add(name)));
      sent[0]?.settle.resolve(answer);
      expect(heard).to.deep.equal(['a: PEER_VIOLATION?', 'b: PEER_VIOLATION?']);
    }
  });
});

async function gathered(add: (gathering: Gathering) => void): Promise<Gathering> {
  const gathering = new Gathering();
  add(gathering);
  await Promise.resolve();
  return gathering;
}

describe('client/metadata: calls of one turn', () => {
  it('reach the leader in their order, whether or not they may share a call', async () => {
    const cluster = new MetadataCluster();
    const { metadata } = cluster.connect();
    await cluster.run(metadata.put('k', 'warm'));
    const long = 'x'.repeat(20_000);
    const last = metadata.put('k', 'last');
    const done = [
      metadata.put('a', 'short'),
      metadata.put('a', long),
      metadata.put('b', long),
      metadata.put('b', 'short'),
    ];
    await cluster.run(Promise.all([...done, last]));
    expect((await cluster.run(metadata.get('a')))?.text()).to.equal(long);
    expect((await cluster.run(metadata.get('b')))?.text()).to.equal('short');
    await cluster.close();
  });
});

describe('metadata: replies to commands that came together', () => {
  const unknown = RpcError.of('PROPOSAL_UNKNOWN', 'no answer');
  const lost = RpcError.of('PROPOSAL_LOST', 'the leader changed');
  const cases: readonly [string, readonly (string | RpcError)[], string][] = [
    ['are a list when all have one', ['1', '2'], '1,2'],
    ['are an error when none was executed', [lost, lost], 'PROPOSAL_LOST'],
    ['are an error that leaves open what was executed when another was', ['1', lost], 'PROPOSAL_UNKNOWN?'],
    ['are an error that leaves it open when that of one does', [lost, unknown, lost], 'PROPOSAL_UNKNOWN?'],
  ];
  for (const [fact, ends, expected] of cases) {
    it(fact, () => {
      const heard: string[] = [];
      const replies = new GatheredReplies(ends.length, {
        resolve: (list) => heard.push((decodeByteList(list) ?? []).map(textOf).join()),
        reject: ({ reason, maybeExecuted }) => heard.push(`${reason}${maybeExecuted ? '?' : ''}`),
      });
      for (const [at, end] of ends.entries()) {
        expect(heard).to.deep.equal([]);
        if (end instanceof RpcError) replies.at(at).reject(end);
        else replies.at(at).resolve(Buffer.from(end));
      }
      expect(heard).to.deep.equal([expected]);
    });
  }
});

describe('metadata store: lists of requests', () => {
  let cluster: MetadataCluster;
  beforeEach(async () => {
    cluster = new MetadataCluster();
    await cluster.run(
      cluster.leader.store.execute({ type: 'grantLease', ttlMs: 60_000, nowMs: 0 }, { origin: 'user' }),
    );
  });
  afterEach(() => cluster.close());

  const execute = (node: 'leader' | 'follower', list: Uint8Array): Promise<Uint8Array> =>
    cluster.run(
      new Promise((resolve, reject) => cluster[node].store.submitAllEncoded(list, undefined, { resolve, reject })),
    );
  const stamped = (command: KvCommand, sequence: number): Uint8Array =>
    encodeRequest({ command, origin: 'user', session: { id: 1, sequence, acknowledged: 0 } });
  const typesOf = (replies: Uint8Array): string[] =>
    (decodeByteList(replies) ?? []).map((reply) => decodeReply(reply).answer.type);

  for (const node of ['leader', 'follower'] as const) {
    it(`are executed in their order at a ${node}, each once, and each has its reply`, async () => {
      const list = encodeByteList([
        stamped(put('a'), 1),
        stamped(put(''), 2),
        stamped(put('b'), 3),
        stamped(put('a'), 1),
      ]);
      const replies = await execute(node, list);
      expect(typesOf(replies)).to.deep.equal(['put', 'error', 'put', 'put']);
      const { items } = cluster.leader.store.machine.range(
        { type: 'range', range: prefixRange(''), limit: 0, revision: 0, keysOnly: true, countOnly: false },
        'user',
      );
      expect(items.map(({ key, version }) => `${key} ${version}`)).to.deep.equal(['a 1', 'b 1']);
      expect(typesOf(await execute(node, list))).to.deep.equal(['put', 'error', 'put', 'put']);
      expect(cluster.leader.store.machine.revision).to.equal(2);
    });

    it(`are refused at a ${node} before anything is proposed, unless they are puts under a session`, async () => {
      const good = stamped(put('a'), 1);
      const session = { id: 1, sequence: 2, acknowledged: 0 };
      const range = { from: 'a', to: undefined };
      const ask = { type: 'range', range, limit: 0, revision: 0, keysOnly: false, countOnly: true } as const;
      for (const [command, origin, stamp] of [
        [put('b'), 'user', undefined],
        [put('b'), 'cluster', session],
        [{ ...put('b'), returnPrevious: true } as KvCommand, 'user', session],
        [{ type: 'delete', range, returnPrevious: false }, 'user', session],
        [ask, 'user', session],
        [{ type: 'txn', compare: [], thenOps: [ask], elseOps: [] }, 'user', session],
        [{ type: 'grantLease', ttlMs: 1_000, nowMs: 0 }, 'user', session],
      ] as const) {
        const list = encodeByteList([good, encodeRequest({ command, origin, session: stamp })]);
        const error = await execute(node, list).catch((thrown: unknown) => RpcError.from(thrown));
        expect(error, `${command.type} ${origin}`).to.have.property('reason', 'INPUT_INVALID');
      }
      expect(cluster.leader.store.machine.revision).to.equal(0);
    });

    it(`are refused at a ${node} when they are no list, empty, or too many`, async () => {
      const tooMany = Array.from({ length: LIMITS.kvSessionCommandsMax + 1 }, (_, at) => stamped(put('a'), at + 1));
      for (const [list, reason] of [
        [Buffer.from('nonsense'), 'INPUT_INVALID'],
        [Buffer.alloc(0), 'INPUT_INVALID'],
        [encodeByteList([]), 'INPUT_INVALID'],
        [Buffer.from([0xff, 0xff, 0xff, 0xff]), 'INPUT_INVALID'],
        [encodeByteList([stamped(put('a'), 1), Buffer.alloc(0)]), 'INPUT_INVALID'],
        [encodeByteList(tooMany), 'KV_TOO_LARGE'],
        [encodeByteList([Buffer.alloc(LIMITS.kvCommandBytesMax)]), 'KV_TOO_LARGE'],
      ] as const) {
        const error = await execute(node, list).catch((thrown: unknown) => RpcError.from(thrown));
        expect(error).to.have.property('reason', reason);
      }
    });
  }
});
