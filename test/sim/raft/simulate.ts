import { checkKvHistory } from '../../../src/testing/index.js';
import { SafetyViolation } from './sim-checks.js';
import type { SimCounts } from './sim-counts.js';
import { SimFaults } from './sim-faults.js';
import { demandProgress } from './sim-progress.js';
import { SimWorld, type WorldOptions } from './sim-world.js';

/** Virtual time with faults. */
const FAULTY_MS = 8_000;
/** Enough for some hundred operations of one key; a history that needs more is counted as undecided. */
const STEPS_MAX = 200_000;

/**
 * One run: faults with all checks on, then everything heals and the group must take writes again and bring every
 * member to the same state; in the end what the clients saw must be linearizable.
 *
 * @throws SafetyViolation, or an error that says what did not make progress
 */
export async function simulate(options: WorldOptions): Promise<SimCounts> {
  const world = new SimWorld(options);
  const faults = new SimFaults(world);
  faults.start(FAULTY_MS);
  await world.events.run(FAULTY_MS);
  faults.heal();
  await demandProgress(world);
  checkClients(world);
  world.counts.events = world.events.count;
  return world.counts;
}

function checkClients(world: SimWorld): void {
  for (const client of world.clients) client.close();
  const history = world.clients.flatMap((client) => client.history);
  const { verdict, keys, explanation } = checkKvHistory(history, { stepsMax: STEPS_MAX });
  if (verdict === 'violated') throw new SafetyViolation(`the clients' history: ${explanation}`);
  if (verdict === 'undecided') world.counts.undecided += keys.length;
}
