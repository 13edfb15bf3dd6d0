import { expect } from 'chai';
import {
  clientStream,
  Director,
  defineService,
  implement,
  type NodeId,
  RpcError,
  serverStream,
  unary,
  Worker,
} from '../../../src/index.js';
import type { Endpoint } from '../../../src/ports/index.js';
import { closeEndpoints, endpoint, pemFor } from '../quic/support.js';
import { frame, headers, named, numbered, PageClient, type PageFrame, pack, unpack, until } from './page-client.js';

const Probe = defineService('probe', {
  echo: unary<unknown, unknown>({ idempotent: true }),
  fail: unary<null, null>(),
  never: unary<null, null>(),
  greet: unary<null, string>(),
  bytes: unary<number, Uint8Array>(),
  upTo: serverStream<number, number>(),
  sum: clientStream<number, number>(),
  forever: serverStream<null, number>(),
});

const TYPE = { reply: 0x11, error: 0x12, message: 0x21, end: 0x22, headers: 0x23, goingAway: 0x03 } as const;

/** `u8 code` and the map of an ERROR. */
function errorOf({ type, body }: PageFrame): { code: number; fields: Record<string, unknown> } {
  expect(type).to.equal(TYPE.error);
  return { code: body.readUInt8(2), fields: unpack(body.subarray(3)) as Record<string, unknown> };
}

/** The payload of a REPLY without headers. */
function replyOf({ type, flags, body }: PageFrame): unknown {
  expect({ type, flags }).to.deep.equal({ type: TYPE.reply, flags: 0 });
  return unpack(body.subarray(2));
}

describe('a client written from the wire protocol page', () => {
  const aborts: string[] = [];
  let client: Endpoint;
  let director: Director;
  let worker: Worker;

  const probe = implement(Probe, {
    echo: (input) => input,
    fail: () => {
      throw new RpcError('NOT_FOUND', 'there is none', { details: { wanted: 'one' } });
    },
    never: (_, { signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => {
          aborts.push((signal.reason as RpcError).reason);
          reject(signal.reason);
        });
      }),
    greet: (_, context) => {
      context.setHeader('served-by', 'w1');
      return `hello ${context.peer.id} from ${context.headers.place}`;
    },
    bytes: (size) => Buffer.alloc(size, 7),
    upTo: async function* (last, context) {
      context.setHeader('last', String(last));
      for (let number = 1; number <= last; number += 1) yield number;
    },
    sum: async (numbers) => {
      let sum = 0;
      for await (const number of numbers) sum += number;
      return sum;
    },
    forever: async function* (_, { signal }) {
      signal.addEventListener('abort', () => aborts.push((signal.reason as RpcError).reason));
      for (let number = 0; ; number += 1) yield number;
    },
  });

  before(async () => {
    client = await endpoint('client', 'c1');
    director = await Director.start({ listen: '127.0.0.1:0', tls: await pemFor('director', 'd1') });
    worker = await startWorker();
  });

  after(async () => {
    await worker.close();
    await director.close();
    await closeEndpoints();
  });

  async function startWorker(): Promise<Worker> {
    return Worker.start({
      listen: '127.0.0.1:0',
      join: `127.0.0.1:${director.address.port}`,
      tls: await pemFor('worker', 'w1'),
      tags: { zone: 'a' },
      services: [probe],
    });
  }

  function toDirector(): Promise<PageClient> {
    return PageClient.connect(client, { address: director.address, role: 'director', id: undefined }, { id: 'c1' });
  }

  function toWorker(features: readonly string[] = []): Promise<PageClient> {
    const target = { address: worker.address, role: 'worker', id: 'w1' as NodeId } as const;
    return PageClient.connect(client, target, { id: 'c1', features });
  }

  it('finds the workers at a director, and hears of changes', async () => {
    const page = await toDirector();
    const watch = page
      .call('flotilla.registry.watch', 1)
      .send(frame(TYPE.message, 0, 1, pack({})))
      .end();
    const first = await page.frame(watch, ({ type }) => type === TYPE.message);
    const { epoch, revision, settledInMs, heartbeatMs, ...snapshot } = unpack(first.body) as Record<string, unknown>;
    const [found] = snapshot.workers as Record<string, unknown>[];
    expect(epoch).to.be.a('string');
    expect([revision, settledInMs, heartbeatMs].every((value) => typeof value === 'number')).to.equal(true);
    expect({ type: snapshot.type, more: snapshot.more, workers: (snapshot.workers as unknown[]).length }).to.deep.equal(
      {
        type: 'snapshot',
        more: false,
        workers: 1,
      },
    );
    expect(found).to.include({ id: 'w1', state: 'active' });
    expect(Object.keys(found as object).sort()).to.deep.equal([
      'address',
      'bulkPort',
      'id',
      'instance',
      'leaseMs',
      'methods',
      'revision',
      'state',
      'tags',
    ]);
    expect(found?.address).to.deep.equal({ host: '127.0.0.1', port: worker.address.port });
    expect(found?.tags).to.deep.equal({ zone: 'a' });
    expect(found?.methods).to.deep.include({ name: 'probe.echo', kind: 'unary', idempotent: true });

    await worker.close();
    const changes = (): Record<string, unknown>[] =>
      watch
        .frames()
        .slice(1)
        .map(({ body }) => unpack(body) as Record<string, unknown>)
        .filter(({ type }) => type === 'changes')
        .flatMap((message) => message.changes as Record<string, unknown>[]);
    await until('the removal', () => changes().some(({ type }) => type === 'removed'));
    expect(changes().find(({ type }) => type === 'removed')).to.include({ id: 'w1', cause: 'deregistered' });
    worker = await startWorker();
    await until('the new one', () => changes().at(-1)?.type === 'put');
    const [again] = changes().slice(-1) as { worker: { instance: string } }[];
    expect(again?.worker.instance).to.be.a('string').that.does.not.equal(found?.instance);
    watch.stream.reset(6);
    watch.stream.stop(6);
  });

  it('reads what the director says about the cluster, and may not register', async () => {
    const page = await toDirector();
    page.lane.send(
      frame(0x10, 0x01, 1, Buffer.concat([named('flotilla.cluster.members', 1_000), pack({})])),
      frame(0x10, 0x01, 2, Buffer.concat([named('flotilla.cluster.status', 1_000), pack({})])),
      frame(0x10, 0x01, 3, Buffer.concat([named('flotilla.node.ping', 1_000), pack({})])),
      frame(
        0x10,
        0x01,
        4,
        Buffer.concat([named('flotilla.registry.deregister', 0), pack({ id: 'w1', instance: 'x' })]),
      ),
    );
    const { members } = replyOf(await page.answer(1)) as { members: Record<string, unknown>[] };
    expect(members.map(({ id, role, state }) => ({ id, role, state }))).to.deep.equal([
      { id: 'd1', role: 'director', state: 'active' },
      { id: 'w1', role: 'worker', state: 'active' },
    ]);
    expect(replyOf(await page.answer(2))).to.include({ id: 'd1', leaseMs: 3_000 });
    expect(replyOf(await page.answer(3))).to.deep.equal({});
    expect(errorOf(await page.answer(4)).fields.reason).to.equal('FORBIDDEN');
  });

  it('is told version, identity, common features and the numbers of the methods', async () => {
    const { ack } = await toWorker(['gzip', 'teleport']);
    expect(ack).to.include({ version: 1, id: 'w1', role: 'worker', messageBytesMax: 4_194_304, draining: false });
    expect(ack.features).to.deep.equal(['gzip']);
    expect(ack.methods).to.include.members(['probe.echo', 'flotilla.node.ping']);
  });

  it('calls by name and by number, with any valid encoding of any value', async () => {
    const page = await toWorker();
    const value = { text: 'ä', list: [1, -1, 1.5, null, true], bytes: Buffer.of(1, 2), nested: { deep: 'yes' } };
    const number = (page.ack.methods as string[]).indexOf('probe.echo');
    page.lane.send(
      frame(0x10, 0x01, 7, Buffer.concat([named('probe.echo', 1_000), pack(value)])),
      frame(
        0x10,
        0x00,
        8,
        Buffer.concat([numbered(number, 0), Buffer.from('93d40000d6ff00000001d6ff00000000', 'hex')]),
      ),
    );
    expect(replyOf(await page.answer(7))).to.deep.equal(value);
    expect(replyOf(await page.answer(8))).to.deep.equal([undefined, new Date(1_000), new Date(0)]);
  });

  it('sends and gets headers', async () => {
    const page = await toWorker();
    const head = Buffer.concat([named('probe.greet', 0), headers({ place: 'afar' })]);
    page.lane.send(frame(0x10, 0x03, 9, Buffer.concat([head, pack(null)])));
    const { type, flags, body } = await page.answer(9);
    expect({ type, flags }).to.deep.equal({ type: TYPE.reply, flags: 0x02 });
    const payloadAt = 4 + body.readUInt16BE(2);
    expect(unpack(body.subarray(4, payloadAt))).to.deep.equal({ 'served-by': 'w1' });
    expect(unpack(body.subarray(payloadAt))).to.equal('hello c1 from afar');
  });

  it('gets errors as number and map', async () => {
    const page = await toWorker();
    page.lane.send(
      frame(0x10, 0x01, 1, Buffer.concat([named('probe.fail', 0), pack(null)])),
      frame(0x10, 0x01, 2, Buffer.concat([named('probe.nothing', 0), pack(null)])),
      frame(0x10, 0x01, 3, Buffer.concat([named('probe.echo', 0), Buffer.of(0xd4, 0x01, 0x00)])),
      frame(0x10, 0x01, 4, Buffer.concat([named('probe.upTo', 0), pack(1)])),
    );
    const failed = errorOf(await page.answer(1));
    expect(failed.code).to.equal(5);
    expect(failed.fields).to.include({ reason: 'APPLICATION', message: 'there is none', maybeExecuted: true });
    expect(failed.fields.details).to.deep.equal({ wanted: 'one' });
    const unknown = errorOf(await page.answer(2));
    expect(unknown.code).to.equal(12);
    expect(unknown.fields).to.include({ reason: 'METHOD_UNKNOWN', retryable: false, maybeExecuted: false });
    expect(errorOf(await page.answer(3)).fields.reason).to.equal('MESSAGE_UNDECODABLE');
    expect(errorOf(await page.answer(4)).fields.reason).to.equal('KIND_MISMATCH');
  });

  it('cancels a call, and its time runs out', async () => {
    const page = await toWorker();
    aborts.length = 0;
    page.lane.send(
      frame(0x10, 0x01, 1, Buffer.concat([named('probe.never', 0), pack(null)])),
      frame(0x10, 0x01, 2, Buffer.concat([named('probe.never', 5), pack(null)])),
    );
    expect(errorOf(await page.answer(2))).to.have.property('code', 4);
    page.control.send(frame(0x13, 0, 1));
    expect(errorOf(await page.answer(1))).to.have.property('code', 1);
    expect(aborts).to.deep.equal(['DEADLINE', 'CANCELLED_BY_CALLER']);
  });

  it('gets a long reply on a stream that the server opens', async () => {
    const page = await toWorker();
    page.lane.send(frame(0x10, 0x01, 5, Buffer.concat([named('probe.bytes', 0), pack(100_000)])));
    await until('the reply stream', () => page.fromServer[0]?.ended === true);
    const [stream] = page.fromServer;
    expect(stream?.preamble()).to.deep.equal([4, 2]);
    const [reply, ...rest] = stream?.frames(2) ?? [];
    expect(rest).to.deep.equal([]);
    expect(reply?.callId).to.equal(5);
    expect(replyOf(reply as PageFrame)).to.deep.equal(Buffer.alloc(100_000, 7));
  });

  it('reads a server stream', async () => {
    const page = await toWorker();
    const call = page
      .call('probe.upTo', 21)
      .send(frame(TYPE.message, 0, 21, pack(3)))
      .end();
    await until('the end', () => call.ended);
    const [head, ...rest] = call.frames();
    const last = rest.pop() as PageFrame;
    expect({ type: head?.type, length: head?.body.readUInt16BE(0) }).to.deep.equal({
      type: TYPE.headers,
      length: (head?.body.length ?? 0) - 2,
    });
    expect(unpack(head?.body.subarray(2) as Buffer)).to.deep.equal({ last: '3' });
    expect(rest.map(({ type, body }) => [type, unpack(body)])).to.deep.equal([1, 2, 3].map((n) => [TYPE.message, n]));
    expect({ type: last.type, bytes: last.body.length }).to.deep.equal({ type: TYPE.end, bytes: 2 });
    expect(call.frames().every(({ callId }) => callId === 21)).to.equal(true);
  });

  it('sends a client stream, and a unary call with a long message', async () => {
    const page = await toWorker();
    const sum = page.call('probe.sum', 31);
    for (const number of [1, 2, 3]) sum.send(frame(TYPE.message, 0, 31, pack(number)));
    sum.end();
    const long = page
      .call('probe.echo', 32)
      .send(frame(TYPE.message, 0, 32, pack('x'.repeat(100_000))))
      .end();
    await until('both ends', () => sum.ended && long.ended);
    expect(sum.frames().map(({ type }) => type)).to.deep.equal([TYPE.message, TYPE.end]);
    expect(unpack(sum.frames()[0]?.body as Buffer)).to.equal(6);
    expect(long.frames().map(({ type }) => type)).to.deep.equal([TYPE.message, TYPE.end]);
    expect(unpack(long.frames()[0]?.body as Buffer)).to.have.length(100_000);
  });

  it('finds call id 0 in the error of a stream whose call was refused', async () => {
    const page = await toWorker();
    const refused = page.call('probe.nothing', 41).end();
    await until('the error', () => refused.ended);
    const [error] = refused.frames();
    expect(error?.callId).to.equal(0);
    expect(errorOf(error as PageFrame).fields.reason).to.equal('METHOD_UNKNOWN');
  });

  it('leaves a stream by resetting it', async () => {
    const page = await toWorker();
    aborts.length = 0;
    const endless = page
      .call('probe.forever', 51)
      .send(frame(TYPE.message, 0, 51, pack(null)))
      .end();
    await page.frame(endless, ({ type }) => type === TYPE.message);
    endless.stream.reset(6);
    endless.stream.stop(6);
    await until('the handler to hear of it', () => aborts.length > 0);
    expect(aborts).to.deep.equal(['CANCELLED_BY_CALLER']);
  });

  it('loses only the stream when its kind is unknown, and the connection when it breaks the rules of lanes', async () => {
    const page = await toWorker();
    const unknown = page.open().send(Buffer.of(99, 1));
    await until('the refusal', () => unknown.resetCode !== undefined);
    expect(unknown.resetCode).to.equal(2);
    page.lane.send(frame(0x7f, 0, 0), frame(0x10, 0x01, 1, Buffer.concat([named('probe.echo', 0), pack(1)])));
    expect(replyOf(await page.answer(1))).to.equal(1);
    page.lane.end();
    await until('the close', () => page.closeCode !== undefined);
    expect(page.closeCode).to.equal(2);
  });

  it('is closed with code 3 under a name that is not in its certificate', async () => {
    const target = { address: worker.address, role: 'worker', id: undefined } as const;
    const error = await PageClient.connect(client, target, { id: 'somebody' }).catch((thrown: Error) => thrown);
    expect((error as Error).message).to.include('code 3');
  });

  it('hears that the worker is going away', async () => {
    const page = await toWorker();
    const drained = worker.drain({ timeoutMs: 5_000 });
    expect((await page.frame(page.control, ({ type }) => type === TYPE.goingAway)).body).to.have.length(0);
    await drained;
  });
});
