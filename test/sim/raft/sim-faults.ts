import type { Prng } from '../../../src/base/index.js';
import type { MemberId } from '../../../src/ports/index.js';
import { SimAttacks } from './sim-attacks.js';
import { SimChurn } from './sim-churn.js';
import type { SimMember } from './sim-member.js';
import type { SimWorld } from './sim-world.js';

/** What goes wrong in a run, and what operators do meanwhile. */
export class SimFaults {
  private readonly world: SimWorld;
  private readonly random: Prng;
  private readonly attacks: SimAttacks;
  private readonly churn: SimChurn;
  /** Leadership is handed over again and again. */
  private readonly isHandingOver: boolean;
  private readonly rates: { readonly crash: number; readonly cut: number; readonly disk: number };

  constructor(world: SimWorld) {
    this.world = world;
    this.random = world.random.fork('faults');
    this.attacks = new SimAttacks(world, this);
    this.churn = new SimChurn(world);
    const shape = this.random.fork('rates');
    this.isHandingOver = this.random.fork('transfers').chance(0.25);
    this.rates = { crash: shape.float(), cut: shape.float(), disk: shape.float() };
    world.onEnded = (member) => this.comeBack(member);
  }

  /** Begins to act, until `untilMs`. */
  start(untilMs: number): void {
    this.attacks.start(untilMs);
    this.repeat(untilMs, 10, 60, () => this.useIt());
    if (this.world.shape.isDuel) return;
    this.repeat(untilMs, 40, 300, () => this.harm());
    this.repeat(untilMs, 40, 400, () => this.administer());
    if (this.isHandingOver) this.repeat(untilMs, 100, 400, () => this.transfer());
    this.repeat(untilMs, 300, 1_500, () => this.churn.leaveToLearners());
    if (this.churn.isOn) this.repeat(untilMs, 20, 120, () => this.churn.change());
  }

  /** Ends all faults: everything that is a member and has a disk comes back. */
  heal(): void {
    const { network, members } = this.world;
    network.isCalm = true;
    this.world.events.stir();
    network.cuts.clear();
    for (const member of members.values()) {
      const { disk } = member.storage;
      disk.isFailing = false;
      disk.isStalled = false;
      disk.capacityBytes = Number.POSITIVE_INFINITY;
      member.storage.slowness = 1;
      member.process.resume();
      this.restart(member);
    }
  }

  /** Ends a process, and starts it again some time later; its disk may suffer meanwhile. */
  crash(victim: SimMember): void {
    if (victim.isLost) return;
    const kind = this.random.float();
    victim.crash(this.random.chance(0.3) ? 'process' : 'power');
    if (kind < 0.25) victim.storage.damage = 'tail';
    else if (kind < 0.35 && this.churn.mayLose(victim)) {
      victim.storage.damage = kind < 0.31 ? 'log' : 'snapshot';
      this.churn.endangered.add(victim);
    }
    this.comeBack(victim);
  }

  restart(member: SimMember): void {
    if (!member.process.isUp && !member.isLost) member.start();
  }

  private comeBack(member: SimMember): void {
    const delayMs = 10 + this.random.float() * this.random.float() * 800;
    this.world.after(delayMs, () => this.restart(member));
  }

  private useIt(): void {
    const live = this.world.live().filter((member) => !member.process.isStopped);
    const isLeader = this.random.chance(0.7);
    const member = isLeader ? live.find((one) => one.isLeading) : live[this.random.int(live.length || 1)];
    if (member === undefined) return;
    if (this.random.chance(0.4)) {
      member.propose();
      member.pump();
    } else member.probe(this.random.chance(0.5) ? 'lease' : 'linearizable');
  }

  private harm(): void {
    const kind = this.random.float();
    if (kind < 0.35 && this.random.chance(this.rates.crash)) this.crashOne();
    else if (kind < 0.6 && this.random.chance(this.rates.cut)) this.cut();
    else if (kind < 0.85 && this.random.chance(this.rates.disk)) this.harmDisk();
    else if (kind < 0.92) this.stopOne();
    else this.world.network.cuts.clear();
  }

  private crashOne(): void {
    const victim = this.anyOrLeader();
    if (victim !== undefined) this.crash(victim);
  }

  /** The process gets no processor for a while, and goes on as if nothing had been. */
  private stopOne(): void {
    const member = this.anyOrLeader();
    if (member === undefined) return;
    this.world.counts.stops += 1;
    const { process } = member;
    const { life } = process;
    process.stop();
    this.world.after(20 + this.random.float() * this.random.float() * 3_000, () => {
      if (process.life === life) process.resume();
    });
  }

  /** It hangs, crawls, fails or is full, for a while. */
  private harmDisk(): void {
    const member = this.anyOrLeader();
    if (member === undefined) return;
    const { storage } = member;
    const { disk } = storage;
    const kind = this.random.int(4);
    if (kind === 0) disk.isStalled = true;
    else if (kind === 1) storage.slowness = 2 + this.random.float() * 20;
    else if (kind === 2) disk.isFailing = true;
    else {
      this.world.counts.fullDisks += 1;
      disk.isCopyOnWrite = this.random.chance(0.5);
      disk.capacityBytes = disk.usedBytes + this.random.int(2_000);
    }
    this.world.after(50 + this.random.float() * 1_000, () => {
      this.world.events.stir();
      disk.isStalled = false;
      disk.isFailing = false;
      storage.slowness = 1;
      disk.capacityBytes = Number.POSITIVE_INFINITY;
    });
  }

  /** Halves, a one-way cut, a bridge, or one member alone. */
  private cut(): void {
    const ids = [...this.world.members.keys()];
    const { cuts } = this.world.network;
    const kind = this.random.int(4);
    const leader = this.random.chance(0.5) ? this.world.leader()?.id : undefined;
    const pivot = leader ?? (ids[this.random.int(ids.length)] as MemberId);
    const sides = new Map(ids.map((id) => [id, this.random.chance(0.5)]));
    cuts.clear();
    for (const a of ids) {
      for (const b of ids) {
        const isApart = sides.get(a) !== sides.get(b);
        const isCut = [
          isApart,
          isApart && sides.get(a) === true,
          isApart && a !== pivot && b !== pivot,
          (a === pivot) !== (b === pivot),
        ][kind];
        if (isCut) cuts.add(`${a}>${b}`);
      }
    }
  }

  private administer(): void {
    const kind = this.random.float();
    if (kind < 0.5) {
      for (const member of this.world.live()) {
        if (!member.process.isStopped && this.random.chance(0.4)) member.snapshot(this.random.int(10));
      }
    } else if (kind < 0.65) this.transfer();
    else this.churn.changeSometimes();
  }

  private transfer(): void {
    const { voters } = this.world.config;
    const to = voters[this.random.int(voters.length)];
    const leader = this.world.leader();
    if (to === undefined || leader === undefined || leader.process.isStopped) return;
    if (leader.core?.transferLeadership(to, leader.nowMs) === undefined) this.world.counts.transfers += 1;
    leader.pump();
    // It asks for its own replacement and then hears nothing of it.
    const kind = this.random.float();
    if (kind < 0.4) this.attacks.deafen(leader.id);
    else if (kind < 0.6) this.world.after(this.random.float() * 20, () => this.attacks.isolate(leader.id));
  }

  private anyOrLeader(): SimMember | undefined {
    const live = this.world.live();
    const leader = this.world.leader();
    return leader !== undefined && this.random.chance(0.5) ? leader : live[this.random.int(live.length || 1)];
  }

  private repeat(untilMs: number, minMs: number, maxMs: number, run: () => void): void {
    this.world.after(minMs + this.random.float() * (maxMs - minMs), () => {
      if (this.world.nowMs >= untilMs) return;
      run();
      this.repeat(untilMs, minMs, maxMs, run);
    });
  }
}
