import { expect } from 'chai';
import type { Connection } from '../../../src/ports/index.js';
import { bidiStream, defineService, implement, serviceClient, unary } from '../../../src/rpc/index.js';
import { collect, onBothTransports } from './world.js';

const Texts = defineService('texts', {
  echo: unary<string, string>(),
  chat: bidiStream<string, string>(),
  plainChat: bidiStream<string, string>({ compressible: false }),
});

onBothTransports('compression', (world) => {
  const text = 'a text that repeats itself, '.repeat(20_000);

  /** Counts what leaves the client's endpoint. */
  function sentBytes(): number {
    return world().clientEndpoint.counters.bytesSent;
  }

  function serve(compression?: object): Connection[] {
    const accepted: Connection[] = [];
    world().serve(
      implement(Texts, {
        echo: (input) => input,
        async *chat(lines) {
          for await (const line of lines) yield line;
        },
        async *plainChat(lines) {
          for await (const line of lines) yield line;
        },
      }),
      { compression, onAccept: (connection) => accepted.push(connection) },
    );
    return accepted;
  }

  for (const algorithm of ['gzip', 'deflate-raw'] as const) {
    it(`shortens requests, replies and stream messages with ${algorithm}, and changes none`, async () => {
      serve({ algorithm, aboveBytes: 1_000 });
      const channel = world().channel({ compression: { algorithm } });
      const client = serviceClient(Texts, channel);
      await world().run(client.echo('hello'));
      await world().until('the hello', () => channel.hello !== undefined);
      const replyBytes = () => world().serverEndpoint.counters.bytesSent;
      const [sentBefore, repliedBefore] = [sentBytes(), replyBytes()];
      expect(await world().run(client.echo(text, { compress: true }))).to.equal(text);
      expect(await world().run(client.echo(text.slice(0, 20_000), { compress: true }))).to.equal(text.slice(0, 20_000));
      expect(await world().run(collect(client.chat([text, 'b', text], { compress: true })))).to.deep.equal([
        text,
        'b',
        text,
      ]);
      expect(sentBytes() - sentBefore).to.be.below(text.length / 4);
      expect(replyBytes() - repliedBefore).to.be.below(text.length / 4);
    });
  }

  it('is left out where a message would not get shorter, or the call says so', async () => {
    serve();
    const channel = world().channel({ compression: { aboveBytes: 100 } });
    const client = serviceClient(Texts, channel);
    await world().run(client.echo('hello'));
    await world().until('the hello', () => channel.hello !== undefined);
    const before = sentBytes();
    expect(await world().run(client.echo(text, { compress: false }))).to.equal(text);
    expect(sentBytes() - before).to.be.above(text.length);
    for (const short of ['', 'x', 'kdWq0'])
      expect(await world().run(client.echo(short, { compress: true }))).to.equal(short);
  });

  it('has a size of its own for the messages of streaming calls, both ways', async () => {
    for (const streamsAboveBytes of [100, Number.POSITIVE_INFINITY]) {
      const policy = { aboveBytes: streamsAboveBytes === 100 ? Number.POSITIVE_INFINITY : 100, streamsAboveBytes };
      serve(policy);
      const channel = world().channel({ compression: policy });
      const client = serviceClient(Texts, channel);
      await world().until('the hello', () => {
        channel.connect();
        return channel.hello !== undefined;
      });
      const streamed = await sentBy(() => collect(client.chat([text])));
      const called = await sentBy(() => client.echo(text));
      const [short, long] = streamsAboveBytes === 100 ? [streamed, called] : [called, streamed];
      for (const bytes of short) expect(bytes).to.be.below(text.length / 4);
      for (const bytes of long) expect(bytes).to.be.above(text.length);
      await world().run(channel.close());
    }
  });

  it('is left out, both ways, for a streaming method that is not compressible', async () => {
    serve({ aboveBytes: 100 });
    const channel = world().channel({ compression: { aboveBytes: 100 } });
    const client = serviceClient(Texts, channel);
    await world().run(client.echo('hello'));
    await world().until('the hello', () => channel.hello !== undefined);
    for (const bytes of await sentBy(() => collect(client.chat([text])))) expect(bytes).to.be.below(text.length / 4);
    for (const bytes of await sentBy(() => collect(client.plainChat([text])))) expect(bytes).to.be.above(text.length);
  });

  /** What leaves each end for it. */
  async function sentBy(call: () => Promise<unknown>): Promise<number[]> {
    const ends = [world().clientEndpoint.counters, world().serverEndpoint.counters];
    const before = ends.map(({ bytesSent }) => bytesSent);
    await world().run(call());
    return ends.map(({ bytesSent }, i) => bytesSent - (before[i] ?? 0));
  }
});
