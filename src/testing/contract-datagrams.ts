import assert from 'node:assert/strict';
import type { SocketAddress } from '../base/index.js';
import type { DatagramChannel, Endpoint } from '../ports/index.js';
import { type ContractHarness, echo, opened } from './contract-harness.js';
import { write } from './recording-handlers.js';

/** Datagrams of another protocol on the port of the endpoint. */
export function datagramFacts(current: () => ContractHarness): void {
  it('carries datagrams that are not QUIC, with their origin, beside connections', async () => {
    const harness = current();
    const { client, server } = harness.pair;
    const at = { server: receiver(server), client: receiver(client) };
    harness.serve = (stream) => echo(stream);
    const { connection } = await harness.open();
    const stream = opened(connection);
    write(stream.stream, 'a stream');
    at.client.channel.send(Uint8Array.of(5, 1, 2, 3), server.address);
    await harness.until('it is there', () => at.server.got.length === 1);
    const [first] = at.server.got;
    assert.deepEqual([first?.bytes, first?.from.port], [[5, 1, 2, 3], client.address.port]);
    at.server.channel.send(Uint8Array.of(0), (first as Got).from);
    await harness.until('the answer is there', () => at.client.got.length === 1);
    await harness.until('the stream is not disturbed', () => stream.text === 'a stream');
    assert.deepEqual([client.counters.foreignSent, client.counters.foreignReceived], [1, 1]);
  });

  it('drops and counts datagrams that nobody takes, and those that are too long', async () => {
    const harness = current();
    const { client, server } = harness.pair;
    const sender = receiver(client, 1_000);
    sender.channel.send(Uint8Array.of(5), server.address);
    await harness.until('it is dropped', () => server.counters.foreignDropped === 1);
    const taken = receiver(server, 10);
    sender.channel.send(new Uint8Array(11).fill(5), server.address);
    await harness.until('the long one is dropped', () => server.counters.foreignDropped === 2);
    sender.channel.send(new Uint8Array(10).fill(5), server.address);
    await harness.until('the short one is not', () => taken.got.length === 1);
  });

  it('does not send what is empty, too long or looks like QUIC, nor to nowhere, and never throws', async () => {
    const harness = current();
    const { client, server } = harness.pair;
    const sender = receiver(client, 10);
    const taken = receiver(server, 10);
    for (const bytes of [new Uint8Array(0), new Uint8Array(11), Uint8Array.of(0x40), Uint8Array.of(0xc0, 1)]) {
      sender.channel.send(bytes, server.address);
    }
    assert.equal(client.counters.foreignDropped, 4);
    sender.channel.send(Uint8Array.of(5), harness.pair.closedAddress);
    sender.channel.send(Uint8Array.of(5), { host: 'no-such-host.invalid', port: 1 });
    await harness.linger();
    assert.equal(taken.got.length, 0);
    await client.close();
    sender.channel.send(Uint8Array.of(5), server.address);
    await harness.linger();
    assert.equal(taken.got.length, 0);
  });
}

interface Got {
  readonly bytes: readonly number[];
  readonly from: SocketAddress;
}

function receiver(endpoint: Endpoint, bytesMax = 100): { readonly channel: DatagramChannel; readonly got: Got[] } {
  const got: Got[] = [];
  const channel = endpoint.datagrams((bytes, from) => got.push({ bytes: [...bytes], from }), { bytesMax });
  return { channel, got };
}
