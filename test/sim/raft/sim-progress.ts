import { SafetyViolation } from './sim-checks.js';
import type { SimMember } from './sim-member.js';
import type { SimWorld } from './sim-world.js';

/** Virtual time to recover. */
const CALM_MS = 20_000;
/** What every client must get done after the faults. */
const ANSWERS_MIN = 4;

/**
 * After the faults: every client gets answers again, every member that can comes to the same entry and the same state.
 *
 * @throws Error that says who is where, SafetyViolation when states differ
 */
export async function demandProgress(world: SimWorld): Promise<void> {
  const deadlineMs = world.nowMs + CALM_MS;
  const before = world.clients.map((client) => client.answered);
  const areServed = () => world.clients.every((client, at) => client.answered >= (before[at] ?? 0) + ANSWERS_MIN);
  await world.events.run(deadlineMs, areServed);
  if (!areServed()) throw new Error(`clients get no answers after healing: ${describe(world)}`);
  for (const client of world.clients) client.stop();
  await world.events.run(deadlineMs, () => isEven(world));
  if (!isEven(world)) throw new Error(`members do not come to the same entry: ${describe(world)}`);
  const states = membersOf(world).map((member) => [member.id, member.stateHash()] as const);
  const [first] = states;
  const other = states.find(([, hash]) => hash !== first?.[1]);
  if (other !== undefined) throw new SafetyViolation(`states differ in the end: members ${first?.[0]} and ${other[0]}`);
}

/** One leader, no membership change on its way, and everybody has applied everything. */
function isEven(world: SimWorld): boolean {
  const status = world.leader()?.core?.status();
  if (status === undefined || status.config.outgoing.length > 0 || status.commit < status.lastIndex) return false;
  const members = membersOf(world);
  return members.length > 0 && members.every((member) => member.isLive && member.appliedIndex === status.lastIndex);
}

/** Members of the leader's configuration that have a disk. */
function membersOf(world: SimWorld): SimMember[] {
  const { members } = world.leader()?.core?.status().config ?? { members: [] };
  return members.flatMap(({ id }) => world.members.get(id) ?? []).filter((member) => !member.isLost);
}

function describe(world: SimWorld): string {
  return [...world.members.values()].map(describeMember).join('');
}

function describeMember(member: SimMember): string {
  const { core, appliedIndex, isLost, isLive, id } = member;
  if (core === undefined) return `\n  ${id} never started`;
  const { role, term, commit, lastIndex, config, peers } = core.status();
  const progress = peers.map((peer) => `${peer.id}:${peer.state}@${peer.match}`).join(' ');
  const where = `${isLost ? '(lost)' : ''}${isLive ? '' : '(down)'}`;
  return `\n  ${id}${where} ${role} t${term} commit ${commit} last ${lastIndex} applied ${appliedIndex} voters ${config.voters}/${config.outgoing} learners ${config.learners} ${progress}`;
}
