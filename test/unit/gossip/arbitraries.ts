import fc from 'fast-check';
import { nodeId } from '../../../src/base/index.js';
import type { Alive, GossipMessage, StateEntry } from '../../../src/gossip/index.js';

export const id = fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,20}$/).map(nodeId);
export const number = fc.integer({ min: 0, max: 0xffff_ffff });

export const address = fc.record({
  host: fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('localhost', 'node-7.example.org')),
  port: fc.integer({ min: 1, max: 65_535 }),
});

export const tags = fc.dictionary(fc.string({ maxLength: 8 }), fc.string({ unit: 'grapheme', maxLength: 6 }), {
  maxKeys: 8,
});

export const alive: fc.Arbitrary<Alive> = fc.record({
  type: fc.constant('alive' as const),
  id,
  incarnation: number,
  address,
  tags,
});

export const message: fc.Arbitrary<GossipMessage> = fc.oneof(
  fc.record({ type: fc.constant('ping' as const), seq: number, target: id }),
  fc.record({ type: fc.constantFrom('ack' as const, 'nack' as const), seq: number }),
  fc.record({ type: fc.constant('pingRequest' as const), seq: number, target: id, address, wantsNack: fc.boolean() }),
  alive,
  fc.record({ type: fc.constantFrom('suspect' as const, 'dead' as const), id, incarnation: number, by: id }),
  fc.record({ type: fc.constant('left' as const), id, incarnation: number }),
);

export const entry: fc.Arbitrary<StateEntry> = fc.record({
  state: fc.constantFrom('alive' as const, 'suspect' as const, 'dead' as const, 'left' as const),
  fact: alive,
});
