import type { MemberId } from '../../../src/ports/index.js';
import { type AfterPersist, type Effects, RaftCore, type RaftMessage, restored } from '../../../src/raft/index.js';
import { SAFETY_RULES } from '../../../src/raft/rules.js';
import { SimApplier } from './sim-applier.js';
import type { Watched } from './sim-checks.js';
import type { EngineParts, SimEngine } from './sim-engine.js';
import { SimKv } from './sim-kv.js';
import type { Answer, Question } from './sim-requests.js';
import { SimService } from './sim-service.js';
import type { Found } from './sim-storage.js';

/** Opens the disk and starts a core on what is there. @throws FlotillaError when the disk is damaged or fails */
export async function startDirect(parts: EngineParts): Promise<SimEngine> {
  const { storage, host, founding } = parts;
  const kv = new SimKv(host.faults.skipsDeduplication === true);
  const found = await storage.open(founding, kv.machine);
  const { meta } = found.snapshot ?? {};
  if (meta !== undefined) await kv.machine.restore(storage.snapshots.read(meta));
  kv.restored(meta?.index ?? 0);
  return new DirectEngine(parts, kv, found);
}

/** Drives a core in the simplest way that keeps the rules of its effects; deliberate faults are built in here. */
class DirectEngine implements SimEngine {
  readonly core: RaftCore;
  private readonly parts: EngineParts;
  private readonly kv: SimKv;
  private readonly service: SimService;
  private readonly applier: SimApplier;
  private readonly watched: Watched;
  private waiting: AfterPersist[] = [];
  private durable = 0;
  private wakeAtMs = Number.POSITIVE_INFINITY;

  constructor(parts: EngineParts, kv: SimKv, { log, snapshot }: Found) {
    const { host, id, random, storage, process } = parts;
    const { faults, options, rules, checks } = host;
    const found = restored(log, snapshot?.meta);
    const hardState = faults.forgetsVote === true ? { ...found.hardState, vote: undefined } : found.hardState;
    this.parts = parts;
    this.kv = kv;
    if (snapshot !== undefined) checks.state(id, snapshot.meta.index, kv.machine.stateHash());
    const coreParts = { id, random, nowMs: parts.nowMs(), options };
    this.core = new RaftCore(coreParts, { ...found, hardState }, { ...SAFETY_RULES, ...rules });
    checks.restarted(id, hardState, this.core.status().lastIndex);
    this.watched = { id, core: this.core, commit: 0, ledTerm: 0 };
    const pump = () => this.pump();
    this.service = new SimService({ id, kv, process, storage, pump, nowMs: parts.nowMs }, this.core, host);
    this.applier = new SimApplier({ id, core: this.core, kv, storage, pump, isAlive: parts.isAlive }, host);
  }

  get appliedIndex(): number {
    return this.kv.index;
  }

  stateHash(): string {
    return this.kv.machine.stateHash();
  }

  receive(from: MemberId, message: RaftMessage): void {
    this.core.step(from, message, this.parts.nowMs());
    this.pump();
  }

  ask(question: Question, answer: (answer: Answer) => void): void {
    this.service.ask(question, answer);
  }

  proposeHere(): void {
    throw new Error('expected: drivers of one kind in a run');
  }

  propose(): boolean {
    return this.service.proposeNoise();
  }

  snapshot(keep: number): void {
    this.applier.snapshot(keep);
  }

  pump(): void {
    const { host, id } = this.parts;
    if (!this.parts.isAlive()) return;
    const effects = this.core.drain();
    host.checks.look(this.watched, effects);
    for (const message of effects.sendNow) {
      if (message.type === 'installSnapshot') host.sendSnapshot(id, message);
      else host.send(id, message);
    }
    this.persist(effects);
    this.applier.add(effects.apply);
    for (const read of effects.readStates) this.service.readState(read);
    for (const event of effects.events) host.heard(id, event);
    this.arm();
  }

  private persist({ persist, sendAfterPersist }: Effects): void {
    const { storage, host, process, isAlive } = this.parts;
    if (sendAfterPersist.messages.length > 0) this.waiting.push(sendAfterPersist);
    if (persist !== undefined) {
      const { sequence } = persist;
      const isEarly = host.faults.acknowledgesEarly === true;
      host.events.stir();
      storage.log.write(persist, (error) => {
        if (!isAlive()) return;
        if (error !== undefined) this.parts.fail();
        else if (!isEarly) this.acknowledge(sequence);
      });
      if (isEarly) process.setTimer(0, () => this.acknowledge(sequence));
    }
    this.release();
  }

  private acknowledge(sequence: number): void {
    this.durable = Math.max(this.durable, sequence);
    this.release();
    this.core.persisted(sequence, this.parts.nowMs());
    this.pump();
  }

  private release(): void {
    const { host, id } = this.parts;
    while (this.waiting[0] !== undefined && this.waiting[0].sequence <= this.durable) {
      for (const message of this.waiting.shift()?.messages ?? []) host.send(id, message);
    }
  }

  /** Wakes up when the core has something to do. */
  private arm(): void {
    const { host, process, worldMsUntil } = this.parts;
    const { nowMs } = host.events;
    const dueMs = nowMs + worldMsUntil(this.core.nextDeadlineMs());
    if (dueMs >= this.wakeAtMs || dueMs === Number.POSITIVE_INFINITY) return;
    const { life } = process;
    this.wakeAtMs = Math.max(dueMs, nowMs);
    host.events.after(this.wakeAtMs - nowMs + 0.001, () =>
      process.enter(life, () => {
        this.wakeAtMs = Number.POSITIVE_INFINITY;
        this.core.tick(this.parts.nowMs());
        this.pump();
      }),
    );
  }
}
