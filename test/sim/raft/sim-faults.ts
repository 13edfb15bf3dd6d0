import { nodeId, type Prng } from '../../../src/base/index.js';
import type { MemberId } from '../../../src/ports/index.js';
import type { MemberChange } from '../../../src/raft/index.js';
import type { SimMember } from './sim-member.js';
import { MACHINES, type SimWorld } from './sim-world.js';

/** What goes wrong in a run, and what clients and operators do meanwhile. */
export class SimFaults {
  private readonly world: SimWorld;
  private readonly random: Prng;
  private readonly rates: { readonly crash: number; readonly cut: number; readonly churn: number };
  /** New leaders are crashed or cut off at once, again and again: where figure 3.7 of the dissertation comes from. */
  private readonly isHarassing: boolean;
  /** Membership changes one after another, with cuts just after they began. */
  private readonly isChurning: boolean;
  private hasWiped = false;
  private proposed = 0;

  constructor(world: SimWorld) {
    this.world = world;
    this.random = world.random.fork('faults');
    const shape = this.random.fork('rates');
    this.isHarassing = shape.chance(0.5);
    this.isChurning = shape.chance(0.3);
    this.rates = { crash: shape.float(), cut: shape.float(), churn: shape.chance(0.6) ? shape.float() : 0 };
  }

  /** Begins to act, until `untilMs`. */
  start(untilMs: number): void {
    this.world.onLeader = (leader) => {
      if (this.world.nowMs >= untilMs) return;
      this.askTheOld(leader);
      if (this.world.isDuel) this.duel(leader);
      else if (this.isHarassing) this.harass(leader);
    };
    this.world.onVote = (voter) => {
      if ((this.isHarassing || this.world.isDuel) && this.world.nowMs < untilMs && this.random.chance(0.15))
        this.blink(voter);
    };
    this.repeat(untilMs, 5, 40, () => this.useIt());
    if (this.world.isDuel) return;
    this.repeat(untilMs, 40, 300, () => this.harm());
    this.repeat(untilMs, 40, 400, () => this.administer());
    if (!this.isChurning) return;
    this.repeat(untilMs, 20, 120, () => this.change());
  }

  /** Ends all faults: everything that is a member and has a disk comes back. */
  heal(): void {
    this.world.isCalm = true;
    this.world.cuts.clear();
    for (const member of this.world.members.values()) {
      member.isDiskHung = false;
      if (!member.isUp && !this.isWiped(member)) member.start();
    }
  }

  private useIt(): void {
    const live = this.world.live();
    const member = this.random.chance(0.7) ? this.world.leader() : live[this.random.int(live.length || 1)];
    if (member === undefined) return;
    if (this.random.chance(0.6)) {
      this.proposed += 1;
      if (member.propose(Uint8Array.of(this.proposed & 255, this.proposed >> 8))) this.world.counts.proposals += 1;
    } else {
      member.read(this.random.chance(0.5) ? 'lease' : 'linearizable');
    }
  }

  /** While a new leader takes writes, one that does not know yet that it was replaced is asked for reads. */
  private askTheOld(leader: SimMember): void {
    for (const delayMs of [5, 10, 20, 30, 45, 60, 80]) {
      this.world.after(delayMs, () => {
        if (leader.isUp) leader.propose(Uint8Array.of(delayMs, 5));
        for (const other of this.world.live()) {
          if (other !== leader && other.core.status().role === 'leader') other.read('lease');
        }
      });
    }
  }

  private harm(): void {
    const kind = this.random.float();
    if (kind < 0.45 && this.random.chance(this.rates.crash)) this.crashOne();
    else if (kind < 0.85 && this.random.chance(this.rates.cut)) this.cut();
    else if (kind < 0.92) this.hangDisk();
    else this.world.cuts.clear();
  }

  /**
   * Figure 3.7: each leader reaches only a few, writes something, and is gone before or after that is replicated, while
   * an earlier one comes back.
   */
  private duel(leader: SimMember): void {
    const others = [...this.world.members.keys()].filter((id) => id !== leader.id);
    this.world.cuts.clear();
    for (const id of this.random.shuffle(others).slice(this.random.int(others.length))) {
      this.world.cuts.add(`${leader.id}>${id}`).add(`${id}>${leader.id}`);
    }
    if (this.random.chance(0.5)) leader.core.propose([Uint8Array.of(1, this.random.int(256))], leader.nowMs);
    this.world.after(2 + this.random.float() * 50, () => {
      this.world.cuts.clear();
      if (leader.isUp) this.crash(leader);
    });
  }

  private harass(leader: SimMember): void {
    const kind = this.random.float();
    for (let at = this.random.int(3); at > 0; at -= 1) leader.core.propose([Uint8Array.of(at, 99)], leader.nowMs);
    if (kind < 0.25) this.isolate(leader.id);
    if (kind > 0.8) return;
    this.world.after(this.random.float() * this.random.float() * 250, () => {
      if (leader.isUp) this.crash(leader);
    });
  }

  private crashOne(): void {
    const live = this.world.live();
    const leader = this.world.leader();
    const victim = leader !== undefined && this.random.chance(0.5) ? leader : live[this.random.int(live.length || 1)];
    if (victim !== undefined) this.crash(victim);
  }

  /** Down and up again at once. */
  private blink(voter: SimMember): void {
    this.world.after(this.random.float() * 10, () => {
      if (!voter.isUp) return;
      voter.crash();
      this.world.after(this.random.float() * 20, () => {
        if (!voter.isUp && !this.isWiped(voter)) voter.start();
      });
    });
  }

  private isolate(pivot: MemberId): void {
    for (const id of this.world.members.keys()) {
      if (id === pivot || this.random.chance(0.3)) continue;
      this.world.cuts.add(`${pivot}>${id}`).add(`${id}>${pivot}`);
    }
    this.world.after(50 + this.random.float() * 300, () => this.world.cuts.clear());
  }

  private crash(victim: SimMember): void {
    victim.crash();
    this.world.after(10 + this.random.float() * this.random.float() * 800, () => {
      if (!victim.isUp && !this.isWiped(victim)) victim.start();
    });
  }

  /** Halves, a one-way cut, a bridge, or one member alone. */
  private cut(): void {
    const ids = [...this.world.members.keys()];
    const kind = this.random.int(4);
    const leader = this.random.chance(0.5) ? this.world.leader()?.id : undefined;
    const pivot = leader ?? (ids[this.random.int(ids.length)] as MemberId);
    const sides = new Map(ids.map((id) => [id, this.random.chance(0.5)]));
    this.world.cuts.clear();
    for (const a of ids) {
      for (const b of ids) {
        const isApart = sides.get(a) !== sides.get(b);
        const isCut = [
          isApart,
          isApart && sides.get(a) === true,
          isApart && a !== pivot && b !== pivot,
          (a === pivot) !== (b === pivot),
        ][kind];
        if (isCut) this.world.cuts.add(`${a}>${b}`);
      }
    }
  }

  private hangDisk(): void {
    const live = this.world.live();
    const member = live[this.random.int(live.length || 1)];
    if (member === undefined) return;
    member.isDiskHung = true;
    this.world.after(50 + this.random.float() * 1000, () => {
      member.isDiskHung = false;
    });
  }

  private administer(): void {
    const kind = this.random.float();
    if (kind < 0.4) {
      for (const member of this.world.live()) if (this.random.chance(0.4)) member.snapshot(this.random.int(10));
    } else if (kind < 0.55) this.transfer();
    else if (this.random.chance(this.rates.churn)) this.change();
  }

  private transfer(): void {
    const { voters } = this.world.config;
    const to = voters[this.random.int(voters.length)];
    const leader = this.world.leader();
    if (to === undefined || leader === undefined) return;
    leader.core.transferLeadership(to, leader.nowMs);
    leader.pump();
    // It asks for its own replacement and then hears nothing of it.
    if (this.random.chance(0.5)) this.world.after(this.random.float() * 20, () => this.isolate(leader.id));
  }

  private change(): void {
    const leader = this.world.leader();
    if (leader === undefined) return;
    const { voters, learners } = leader.core.status().config;
    const members = [...voters, ...learners];
    const any = members[this.random.int(members.length)] as MemberId;
    const free = MACHINES.filter((machine) => !this.isTaken(leader, machine));
    const changes: MemberChange[] = [];
    const kind = this.random.float();
    if (kind < 0.3 && free.length > 0) changes.push({ type: 'addLearner', node: nodeId(free[0] as string) });
    else if (kind < 0.55 && learners.length > 0) changes.push({ type: 'promote', id: this.pick(learners) });
    else if (kind < 0.65) changes.push(...learners.map((id) => ({ type: 'promote' as const, id })));
    else if (kind < 0.8) changes.push(...this.some(voters).map((id) => ({ type: 'demote' as const, id })));
    else if (kind < 0.9) changes.push({ type: 'remove', id: any });
    else this.replace(leader, any, changes);
    if (!this.keepsMajority(leader, changes)) return;
    const { isAccepted } = leader.core.proposeConfig(changes, leader.nowMs);
    if (isAccepted && this.random.chance(0.4)) this.splitBy(leader);
    leader.pump();
  }

  /** Leaves the leader those members whose agreement alone must not be enough: learners, or half of a joint quorum. */
  private splitBy(leader: SimMember): void {
    const { voters, learners, learnersNext } = leader.core.status().config;
    const near = new Set([leader.id, ...(this.random.chance(0.5) ? voters : []), ...learners, ...learnersNext]);
    for (const a of this.world.members.keys()) {
      for (const b of this.world.members.keys()) if (near.has(a) !== near.has(b)) this.world.cuts.add(`${a}>${b}`);
    }
    leader.core.propose([Uint8Array.of(7)], leader.nowMs);
    this.world.after(50 + this.random.float() * 1500, () => this.world.cuts.clear());
  }

  /** A machine loses its disk, and joins again under another id. At most one in a run, so that a majority has its disk. */
  private replace(leader: SimMember, id: MemberId, changes: MemberChange[]): void {
    const member = this.world.members.get(id);
    if (member === undefined || member === leader) return;
    if (!this.hasWiped && this.mayWipe(leader, id)) {
      this.hasWiped = true;
      if (member.isUp) member.crash();
      this.wiped.add(member);
    }
    if (this.isWiped(member))
      changes.push({ type: 'remove', id }, { type: 'addLearner', node: nodeId(member.machine) });
  }

  /** Whatever configuration may still come into force, it has another majority. */
  private mayWipe(leader: SimMember, id: MemberId): boolean {
    const { voters, outgoing } = leader.core.status().config;
    const isNeeded = [...this.world.members.values()].some((member) => {
      const { config } = member.core.status();
      const halves = [config.voters, config.outgoing];
      return halves.some((half) => half.includes(id) && half.length < 3);
    });
    return !isNeeded && outgoing.length === 0 && voters.length >= 3;
  }

  private readonly wiped = new Set<SimMember>();

  private isWiped(member: SimMember): boolean {
    return this.wiped.has(member);
  }

  private isTaken(leader: SimMember, machine: string): boolean {
    return leader.core.status().config.members.some((member) => member.node === machine);
  }

  /** At least two voters, and three while one of them has lost its disk. */
  private keepsMajority(leader: SimMember, changes: readonly MemberChange[]): boolean {
    const voters = new Set(leader.core.status().config.voters);
    for (const change of changes) {
      if (change.type === 'remove' || change.type === 'demote') voters.delete(change.id);
      if (change.type === 'promote') voters.add(change.id);
    }
    const good = [...voters].filter((id) => {
      const member = this.world.members.get(id);
      return member !== undefined && !this.isWiped(member);
    });
    const hasWiped = good.length < voters.size;
    return changes.length > 0 && voters.size >= (hasWiped ? 3 : 2);
  }

  private some(ids: readonly MemberId[]): MemberId[] {
    return this.random.shuffle([...ids]).slice(0, 1 + this.random.int(Math.max(1, ids.length - 2)));
  }

  private pick(ids: readonly MemberId[]): MemberId {
    return ids[this.random.int(ids.length)] as MemberId;
  }

  private repeat(untilMs: number, minMs: number, maxMs: number, run: () => void): void {
    this.world.after(minMs + this.random.float() * (maxMs - minMs), () => {
      if (this.world.nowMs >= untilMs) return;
      run();
      this.repeat(untilMs, minMs, maxMs, run);
    });
  }
}
