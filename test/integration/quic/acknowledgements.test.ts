import { expect } from 'chai';
import { closeEndpoints, connect, endpoint, listen, openStream, pause, until, write } from './support.js';

describe('acknowledgements', () => {
  afterEach(closeEndpoints);

  it('travel in an answer that is ready a turn later', async () => {
    const server = await endpoint('worker', 'w1');
    const client = await endpoint('client', 'c1');
    listen(server, (watched) => {
      watched.react = (own, data) => {
        setImmediate(() => {
          own.stream?.out.append(data);
          own.stream?.flush();
        });
      };
    });
    const connection = await connect(client, server).open();
    const asked = openStream(connection, 'control');
    write(asked, 'first');
    await until('the first answer', () => asked.text() === 'first');
    await pause(50);
    const before = server.counters.datagramsSent;
    for (let i = 0; i < ROUNDS; i += 1) {
      const { size } = asked;
      write(asked, 'again');
      await until('an answer', () => asked.size === size + 5);
      await pause(20);
    }
    // One each, and some where this machine was too busy; twice as many when acknowledgements go by themselves.
    expect(server.counters.datagramsSent - before).to.be.within(ROUNDS, 1.5 * ROUNDS);
  });

  it('are sent by themselves when no answer comes', async () => {
    const server = await endpoint('worker', 'w1');
    const client = await endpoint('client', 'c1');
    const accepted = listen(server);
    const connection = await connect(client, server).open();
    const asked = openStream(connection, 'control');
    write(asked, 'first');
    await until('the first message', () => accepted[0]?.streams[0]?.size === 5);
    await pause(50);
    const before = server.counters.datagramsSent;
    for (let i = 0; i < ROUNDS; i += 1) {
      write(asked, 'again');
      await pause(20);
    }
    await until('the last message', () => accepted[0]?.streams[0]?.size === 5 * (ROUNDS + 1));
    await until('the acknowledgements', () => server.counters.datagramsSent - before >= ROUNDS / 2);
  });
});

const ROUNDS = 20;
