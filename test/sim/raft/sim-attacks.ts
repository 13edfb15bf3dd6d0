import type { Prng } from '../../../src/base/index.js';
import type { MemberId } from '../../../src/ports/index.js';
import type { SimMember } from './sim-member.js';
import type { SimWorld } from './sim-world.js';

/** Ends processes and starts them again. */
export interface Crashes {
  crash(victim: SimMember): void;
  restart(member: SimMember): void;
}

/** Faults at the moments that matter: when somebody has just become leader, or voted. */
export class SimAttacks {
  private readonly world: SimWorld;
  private readonly faults: Crashes;
  private readonly random: Prng;
  /** New leaders are crashed or cut off at once, again and again: where figure 3.7 of the dissertation comes from. */
  private readonly isHarassing: boolean;

  constructor(world: SimWorld, faults: Crashes) {
    this.world = world;
    this.faults = faults;
    this.random = world.random.fork('attacks');
    this.isHarassing = this.random.chance(0.35);
  }

  start(untilMs: number): void {
    const { world } = this;
    world.onLeader = (leader) => {
      if (world.nowMs >= untilMs) return;
      this.askTheNew(leader);
      this.askTheOld(leader);
      if (world.shape.isDuel) this.duel(leader);
      else if (this.isHarassing && this.random.chance(0.7)) this.harass(leader);
    };
    world.onVote = (voter) => {
      const isOn = (this.isHarassing || world.shape.isDuel) && world.nowMs < untilMs;
      if (isOn && this.random.chance(0.15)) this.blink(voter);
    };
  }

  /** It reaches only some, or nobody. */
  isolate(pivot: MemberId): void {
    const { cuts } = this.world.network;
    for (const id of this.world.members.keys()) {
      if (id === pivot || this.random.chance(0.3)) continue;
      cuts.add(`${pivot}>${id}`).add(`${id}>${pivot}`);
    }
    this.world.after(50 + this.random.float() * 300, () => cuts.clear());
  }

  /** It is heard and hears nobody. */
  deafen(pivot: MemberId): void {
    const { cuts } = this.world.network;
    for (const id of this.world.members.keys()) if (id !== pivot) cuts.add(`${id}>${pivot}`);
    this.world.after(50 + this.random.float() * 300, () => cuts.clear());
  }

  /** A new leader is asked for reads at once: it may not know yet what its predecessors committed. */
  private askTheNew(leader: SimMember): void {
    for (const delayMs of [0, 1, 3, 8]) {
      this.world.after(delayMs, () => {
        if (leader.isLeading && !leader.process.isStopped) leader.probe(delayMs > 1 ? 'linearizable' : 'lease');
      });
    }
  }

  /** While a new leader takes writes, one that does not know yet that it was replaced is asked for reads. */
  private askTheOld(leader: SimMember): void {
    for (const delayMs of [5, 10, 20, 30, 45, 60, 80]) {
      this.world.after(delayMs, () => {
        leader.process.enter(leader.process.life, () => {
          leader.propose();
          leader.pump();
        });
        for (const other of this.world.live()) {
          if (other !== leader && other.isLeading && !other.process.isStopped) other.probe('lease');
        }
      });
    }
  }

  /**
   * Figure 3.7: each leader reaches only a few, writes something, and is gone before or after that is replicated, while
   * an earlier one comes back.
   */
  private duel(leader: SimMember): void {
    const { cuts } = this.world.network;
    const others = [...this.world.members.keys()].filter((id) => id !== leader.id);
    cuts.clear();
    for (const id of this.random.shuffle(others).slice(this.random.int(others.length))) {
      cuts.add(`${leader.id}>${id}`).add(`${id}>${leader.id}`);
    }
    if (this.random.chance(0.5)) leader.propose();
    this.world.after(2 + this.random.float() * 50, () => {
      cuts.clear();
      if (leader.process.isUp) this.faults.crash(leader);
    });
  }

  private harass(leader: SimMember): void {
    const kind = this.random.float();
    for (let at = this.random.int(3); at > 0; at -= 1) leader.propose();
    if (kind < 0.25) this.isolate(leader.id);
    if (kind > 0.8) return;
    this.world.after(this.random.float() * this.random.float() * 250, () => {
      if (leader.process.isUp) this.faults.crash(leader);
    });
  }

  /** Down and up again at once. */
  private blink(voter: SimMember): void {
    this.world.after(this.random.float() * 10, () => {
      if (!voter.process.isUp) return;
      voter.crash();
      this.world.after(this.random.float() * 20, () => this.faults.restart(voter));
    });
  }
}
