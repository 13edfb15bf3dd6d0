import { connectionFacts } from './contract-connections.js';
import { datagramFacts } from './contract-datagrams.js';
import { flowFacts } from './contract-flow.js';
import { ContractHarness, type MakePair } from './contract-harness.js';
import { sessionFacts } from './contract-sessions.js';
import { streamFacts } from './contract-streams.js';

/**
 * The facts that every implementation of `ports/transport` must satisfy, as a suite of tests: call it at the top of a
 * test file.
 *
 * ```ts
 * transportContract('memory transport', async () => ({ server, client, ..., close: async () => { ... } }));
 * ```
 *
 * It uses the `describe`, `it`, `beforeEach` and `afterEach` that the test runner (mocha) defines, so that nothing in
 * `src` imports a development dependency; calling it outside a test runner throws a ReferenceError. `makePair` is
 * called before each test.
 */
export function transportContract(name: string, makePair: MakePair): void {
  describe(`${name}: transport contract`, () => {
    let harness: ContractHarness;

    beforeEach(async () => {
      harness = new ContractHarness(await makePair());
    });

    afterEach(() => harness.close());

    const current = (): ContractHarness => harness;
    describe('connections', () => connectionFacts(current));
    describe('streams', () => streamFacts(current));
    describe('flow control and classes', () => flowFacts(current));
    describe('sessions', () => sessionFacts(current));
    describe('datagrams of another protocol', () => datagramFacts(current));
  });
}
