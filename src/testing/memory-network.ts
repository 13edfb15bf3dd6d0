import { Prng } from '../base/index.js';
import { MemoryNetwork, type MemoryNetworkOptions } from '../io/memory/index.js';
import { systemClock } from '../io/system/index.js';
import { ClassScheduler } from '../lanes/index.js';

/**
 * A `MemoryNetwork` with everything it needs: the system clock, a generator with a fixed seed and the scheduler that
 * production uses. Give a `SimulatedClock` to run in virtual time.
 */
export function createMemoryNetwork(options: Partial<MemoryNetworkOptions> = {}): MemoryNetwork {
  return new MemoryNetwork({
    clock: systemClock,
    random: new Prng('memory network'),
    scheduler: () => new ClassScheduler(),
    ...options,
  });
}
