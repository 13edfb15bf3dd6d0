import type { MemberId } from '../../../src/ports/index.js';
import { SimFaults } from './sim-faults.js';
import type { SimMember } from './sim-member.js';
import { SimWorld, type WorldOptions } from './sim-world.js';

/** Time with faults, then time to recover, both virtual. */
const FAULTY_MS = 8_000;
const CALM_MS = 20_000;

/**
 * One run: faults with all checks on, then everything heals and the group must take writes again and bring every
 * member to the same state.
 *
 * @throws SafetyViolation, or an error that says what did not make progress
 */
export function simulate(options: WorldOptions): SimWorld['counts'] {
  const world = new SimWorld(options);
  const faults = new SimFaults(world);
  faults.start(FAULTY_MS);
  world.run(FAULTY_MS);
  faults.heal();
  demandProgress(world);
  return world.counts;
}

function demandProgress(world: SimWorld): void {
  const deadlineMs = world.nowMs + CALM_MS;
  let target = Number.POSITIVE_INFINITY;
  let inTerm = 0;
  const isSteady = () => {
    const leader = world.leader();
    if (leader === undefined || leader.core.status().commit < target) return false;
    return membersOf(world, leader).every((member) => member.state.index >= target);
  };
  const propose = () => {
    if (isSteady()) return;
    const leader = world.leader();
    const { term, lastIndex, config } = leader?.core.status() ?? {};
    // What an earlier leader appended may be lost: once more for each term.
    if (term !== undefined && lastIndex !== undefined && term !== inTerm && config?.outgoing.length === 0) {
      if (leader?.propose(Uint8Array.of(1, 2, 3)) === true) {
        target = lastIndex + 1;
        inTerm = term;
      }
    }
    world.after(100, propose);
  };
  propose();
  world.run(deadlineMs, isSteady);
  if (!isSteady()) throw new Error(`no progress after healing, waiting for ${target}: ${describe(world)}`);
}

/** Members of the leader's configuration whose machines have them. */
function membersOf(world: SimWorld, leader: SimMember): SimMember[] {
  const ids: MemberId[] = leader.core.status().config.members.map((member) => member.id);
  return ids.flatMap((id) => world.members.get(id) ?? []).filter((member) => member.isUp);
}

function describe(world: SimWorld): string {
  return [...world.members.values()]
    .map((member) => {
      const { role, term, commit, lastIndex, config, peers } = member.core.status();
      const progress = peers.map((peer) => `${peer.id}:${peer.state}@${peer.match}`).join(' ');
      const where = `${member.id}${member.isUp ? '' : '(down)'} ${role} t${term} commit ${commit} last ${lastIndex}`;
      return `\n  ${where} applied ${member.state.index} voters ${config.voters}/${config.outgoing} ${progress}`;
    })
    .join('');
}
