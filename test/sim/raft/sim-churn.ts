import { nodeId, type Prng } from '../../../src/base/index.js';
import type { MemberId } from '../../../src/ports/index.js';
import type { ClusterConfig, MemberChange } from '../../../src/raft/index.js';
import type { SimMember } from './sim-member.js';
import { MACHINES, type SimWorld } from './sim-world.js';

/** Members come, go, change roles, and lose their disks and join again under another id. */
export class SimChurn {
  /** Membership changes one after another, with cuts just after they began. */
  readonly isOn: boolean;
  /** Their disks were damaged: they may turn out to be lost at their next start. */
  readonly endangered = new Set<SimMember>();
  private readonly world: SimWorld;
  private readonly random: Prng;
  private readonly rate: number;

  constructor(world: SimWorld) {
    this.world = world;
    this.random = world.random.fork('churn');
    this.isOn = this.random.chance(0.3);
    this.rate = this.random.chance(0.6) ? this.random.float() : 0.1;
  }

  changeSometimes(): void {
    if (this.hasLost() || this.random.chance(this.rate)) this.change();
  }

  change(): void {
    const leader = this.world.leader();
    if (leader?.core === undefined || leader.process.isStopped) return;
    const { config } = leader.core.status();
    const changes = this.drawChanges(leader, config);
    if (!this.keepsMajority(config, changes)) return;
    const { isAccepted } = leader.core.proposeConfig(changes, leader.nowMs);
    if (isAccepted && this.random.chance(0.4)) this.splitBy(leader);
    leader.pump();
  }

  /**
   * Whether this disk may be lost: at most one of any majority that may still be asked, until its member is replaced
   * and everybody knows.
   */
  mayLose(victim: SimMember): boolean {
    const known = [this.world.config, ...this.configsKnown()];
    const isFree = [...this.world.members.values()].every((member) => {
      const isSuspect = member !== victim && (member.isLost || this.endangered.has(member));
      return !isSuspect || known.every((config) => !isIn(config, member.id));
    });
    if (!isFree || this.world.config.outgoing.length > 0) return false;
    return known.every((config) =>
      [config.voters, config.outgoing].every((half) => !half.includes(victim.id) || half.length >= 3),
    );
  }

  /** The leader reaches nobody but learners, whose agreement must not be enough. */
  leaveToLearners(): void {
    const leader = this.world.leader();
    const { learners = [] } = leader?.core?.status().config ?? {};
    if (leader === undefined || leader.process.isStopped || learners.length === 0 || this.random.chance(0.3)) return;
    this.split(new Set([leader.id, ...learners]), 50 + this.random.float() * 500);
    leader.propose();
    leader.pump();
  }

  private drawChanges(leader: SimMember, { voters, learners, members }: ClusterConfig): MemberChange[] {
    const lost = members.find(({ id }) => this.world.members.get(id)?.isLost === true);
    if (lost !== undefined && this.random.chance(0.7)) return this.replacement(lost.id);
    const kind = this.random.float();
    const all = [...voters, ...learners];
    const any = all[this.random.int(all.length)] as MemberId;
    const free = MACHINES.filter((machine) => members.every(({ node }) => node !== machine));
    if (kind < 0.3 && free.length > 0) return [{ type: 'addLearner', node: nodeId(free[0] as string) }];
    if (kind < 0.55 && learners.length > 0) return [{ type: 'promote', id: this.pick(learners) }];
    if (kind < 0.65) return learners.map((id) => ({ type: 'promote' as const, id }));
    if (kind < 0.8) return this.some(voters).map((id) => ({ type: 'demote' as const, id }));
    if (kind < 0.9) return [{ type: 'remove', id: any }];
    return this.wipe(leader, any);
  }

  /** A machine loses its disk, and joins again under another id. */
  private wipe(leader: SimMember, id: MemberId): MemberChange[] {
    const member = this.world.members.get(id);
    if (member === undefined || member === leader || member.isLost || !this.mayLose(member)) return [];
    if (member.process.isUp) member.crash();
    member.isLost = true;
    this.world.lost();
    return this.replacement(id);
  }

  private replacement(id: MemberId): MemberChange[] {
    const node = nodeId(this.world.members.get(id)?.node ?? '');
    return [
      { type: 'remove', id },
      { type: 'addLearner', node },
    ];
  }

  /** Leaves the leader those members whose agreement alone must not be enough: learners, or half of a joint quorum. */
  private splitBy(leader: SimMember): void {
    const config = leader.core?.status().config;
    if (config === undefined) return;
    const { voters, learners, learnersNext } = config;
    const near = new Set([leader.id, ...(this.random.chance(0.5) ? voters : []), ...learners, ...learnersNext]);
    this.split(near, 50 + this.random.float() * 1_500);
    leader.propose();
  }

  private split(near: ReadonlySet<MemberId>, forMs: number): void {
    const { cuts } = this.world.network;
    for (const a of this.world.members.keys()) {
      for (const b of this.world.members.keys()) if (near.has(a) !== near.has(b)) cuts.add(`${a}>${b}`);
    }
    this.world.after(forMs, () => cuts.clear());
  }

  /** At least two voters, and three while one of them has lost its disk or may have. */
  private keepsMajority({ voters }: ClusterConfig, changes: readonly MemberChange[]): boolean {
    const next = new Set(voters);
    for (const change of changes) {
      if (change.type === 'remove' || change.type === 'demote') next.delete(change.id);
      if (change.type === 'promote') next.add(change.id);
    }
    const hasBad = [...next].some((id) => {
      const member = this.world.members.get(id);
      return member === undefined || member.isLost || this.endangered.has(member);
    });
    return changes.length > 0 && next.size >= (hasBad ? 3 : 2);
  }

  private hasLost(): boolean {
    return this.world.config.members.some(({ id }) => this.world.members.get(id)?.isLost === true);
  }

  /** What the members have in their logs, those that are down included. */
  private configsKnown(): ClusterConfig[] {
    return [...this.world.members.values()].flatMap((member) =>
      member.core === undefined || member.isLost ? [] : [member.core.status().config],
    );
  }

  private some(ids: readonly MemberId[]): MemberId[] {
    return this.random.shuffle([...ids]).slice(0, 1 + this.random.int(Math.max(1, ids.length - 2)));
  }

  private pick(ids: readonly MemberId[]): MemberId {
    return ids[this.random.int(ids.length)] as MemberId;
  }
}

function isIn({ voters, outgoing, members }: ClusterConfig, id: MemberId): boolean {
  return voters.includes(id) || outgoing.includes(id) || members.some((member) => member.id === id);
}
