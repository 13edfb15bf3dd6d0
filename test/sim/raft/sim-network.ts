import type { Prng } from '../../../src/base/index.js';
import type { MemberId } from '../../../src/ports/index.js';
import type { InstallSnapshot, RaftMessage } from '../../../src/raft/index.js';
import type { SimCounts } from './sim-counts.js';
import type { SimEvents } from './sim-events.js';
import type { SimMember } from './sim-member.js';
import type { SimShape } from './sim-shape.js';
import { moveSnapshot } from './sim-snapshots.js';

/** Messages that a stopped process still finds when it goes on. */
const BUFFERED_MESSAGES_MAX = 200;

/** A network that loses, delays, repeats, reorders and cuts. */
export class SimNetwork {
  /** One-way cuts, `from>to`. */
  readonly cuts = new Set<string>();
  /** No faults any more. */
  isCalm = false;
  private readonly events: SimEvents;
  private readonly random: Prng;
  private readonly shape: SimShape;
  private readonly members: ReadonlyMap<MemberId, SimMember>;
  private readonly counts: SimCounts;
  private readonly buffered = new Map<SimMember, number>();

  constructor(
    events: SimEvents,
    random: Prng,
    shape: SimShape,
    members: ReadonlyMap<MemberId, SimMember>,
    counts: SimCounts,
  ) {
    this.events = events;
    this.random = random;
    this.shape = shape;
    this.members = members;
    this.counts = counts;
  }

  send(from: MemberId, message: RaftMessage): void {
    this.counts.messages += 1;
    const copies = this.chance(this.shape.repeats) ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      this.carry(from, message.to, (target) => target.receive(from, message));
    }
  }

  /** Runs `arrive` in the target's process after a while, unless it is lost on the way. */
  carry(from: MemberId, to: MemberId, arrive: (target: SimMember) => void): void {
    const isLost = this.chance(this.shape.loss);
    this.events.after(this.delayMs(), () => {
      const target = this.members.get(to);
      if (isLost || target?.isLive !== true || this.isCut(from, to)) return;
      this.enter(target, () => arrive(target));
    });
  }

  sendSnapshot(from: MemberId, message: InstallSnapshot): void {
    const source = this.members.get(from);
    if (source === undefined) return;
    const { life } = source.process;
    const told = this.moveSnapshot(from, message).then((isDelivered) =>
      source.process.enter(life, () => {
        source.core?.snapshotSent(message.to, isDelivered, source.nowMs);
        source.pump();
      }),
    );
    this.events.track(told);
  }

  async moveSnapshot(from: MemberId, message: InstallSnapshot): Promise<boolean> {
    const source = this.members.get(from);
    const target = this.members.get(message.to);
    if (source === undefined) return false;
    this.events.stir();
    const path = {
      isOpen: () => target?.isLive === true && !this.isCut(from, message.to) && !this.chance(this.shape.loss),
    };
    const isDelivered = await moveSnapshot({ source, target, message, path, network: this });
    this.counts[isDelivered ? 'snapshotsSent' : 'snapshotsBroken'] += 1;
    return isDelivered;
  }

  /** Into a process that may be stopped: its buffers take only so much. */
  enter(target: SimMember, run: () => void): void {
    if (target.process.isStopped) {
      const count = (this.buffered.get(target) ?? 0) + 1;
      if (count > BUFFERED_MESSAGES_MAX) return;
      this.buffered.set(target, count);
    } else this.buffered.delete(target);
    target.process.enter(target.process.life, run);
  }

  /** Resolves after the time a message takes. */
  travel(): Promise<void> {
    return this.wait(this.delayMs());
  }

  wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.events.after(ms, () => {
        this.events.stir();
        resolve();
      });
    });
  }

  delayMs(): number {
    if (this.isCalm) return 1 + this.random.float();
    const { delayMsMax } = this.shape;
    return this.random.chance(0.01) ? delayMsMax * 20 : 0.2 + this.random.float() * delayMsMax;
  }

  chance(probability: number): boolean {
    return this.random.chance(probability) && !this.isCalm;
  }

  isCut(from: MemberId, to: MemberId): boolean {
    return this.cuts.has(`${from}>${to}`);
  }
}
