import type { DriverFaults } from './sim-host.js';
import type { WorldOptions } from './sim-world.js';

/** Mistakes that implementations of Raft have made; the simulation must notice each. */
export interface Mutant {
  readonly name: string;
  readonly faults?: DriverFaults;
  readonly rules?: NonNullable<WorldOptions['rules']>;
}

export const MUTANTS: readonly Mutant[] = [
  { name: 'acknowledges before it is durable', faults: { acknowledgesEarly: true } },
  { name: 'forgets its vote in a restart', faults: { forgetsVote: true } },
  { name: 'commits entries of older terms by counting', rules: { mayCommitByCount: () => true } },
  { name: 'answers reads before it committed in its term', rules: { mayServeReads: () => true } },
  {
    name: 'counts learners',
    rules: {
      replicatedTo: ({ voters, outgoing, learners }, matchOf) => {
        const reached = (ids: typeof voters) => {
          const values = [...ids, ...learners].map(matchOf).sort((a, b) => b - a);
          return ids.length === 0 ? Number.POSITIVE_INFINITY : (values[ids.length >> 1] ?? 0);
        };
        return Math.min(reached(voters), reached(outgoing));
      },
    },
  },
  { name: 'executes a command each time it comes', faults: { skipsDeduplication: true } },
  { name: 'answers reads from its own state at once', faults: { readsLocally: true } },
  { name: 'keeps its lease while it hands leadership over', rules: { mayUseLease: () => true } },
];
