import { crc32 } from 'node:zlib';
import { decodeByteList, FlotillaError, nodeId, RpcError } from '../../../src/base/index.js';
import { RaftGroup, type RaftNetwork } from '../../../src/drivers/raft/index.js';
import { KvMachine } from '../../../src/kv/index.js';
import type { Clock, GroupId, LogIndex, MemberId, StateMachine } from '../../../src/ports/index.js';
import { silentLogger } from '../../../src/ports/index.js';
import type { RaftCore, RaftMessage } from '../../../src/raft/index.js';
import { SafetyViolation, type Watched } from './sim-checks.js';
import type { EngineParts, SimEngine } from './sim-engine.js';
import { storedValue } from './sim-kv.js';
import { type Answer, noiseCommand, type Question } from './sim-requests.js';

const GROUP = 0 as GroupId;
/** Clients have given up before. */
const TIMEOUT_MS = 2_000;
/** Hashing the whole state costs: every so many entries. */
const HASH_EVERY = 64;

/** Starts the group that production runs, on this disk. @throws FlotillaError when the disk is damaged or fails */
export async function startGroup(parts: EngineParts): Promise<SimEngine> {
  const { storage, founding } = parts;
  storage.make();
  await storage.found(founding, new KvMachine(crc32));
  const engine = new GroupEngine(parts);
  await engine.start();
  return engine;
}

/** A `RaftGroup` as a member of the simulated cluster; its core is looked at from outside, at every drain. */
class GroupEngine implements SimEngine {
  private readonly parts: EngineParts;
  private readonly machine: WatchedMachine;
  private readonly group: RaftGroup;
  private watched: Watched | undefined;
  private noise = 0;

  constructor(parts: EngineParts) {
    const { id, node, host, storage, random, isAlive } = parts;
    this.parts = parts;
    this.machine = new WatchedMachine(parts);
    this.group = new RaftGroup({
      id: GROUP,
      node: nodeId(node),
      member: id,
      store: storage.log,
      snapshots: storage.snapshots,
      machine: this.machine,
      network: this.network(),
      clock: new MemberClock(parts),
      random,
      logger: silentLogger,
      options: {
        raft: host.options,
        batch: { commandsMax: 8, bytesMax: 4_096, timeThresholdMs: 2 },
        read: { sizeThreshold: 4, timeThresholdMs: 2 },
        snapshot: {
          logBytes: 40_000,
          logEntries: 60 + random.int(200),
          keepEntries: random.int(30),
          keepBytes: 100_000,
        },
      },
      onFailed: (error) => {
        if (error.code === 'STATE_MACHINE_FAILED') throw new SafetyViolation(error.message);
        if (isAlive()) parts.fail();
      },
      onEvent: (event) => {
        if (isAlive()) host.heard(id, event);
      },
    });
  }

  async start(): Promise<void> {
    const { parts } = this;
    await this.group.start();
    const { core } = this;
    this.watched = { id: parts.id, core, commit: 0, ledTerm: 0 };
    const { lastIndex, term, vote, commit } = core.status();
    parts.host.checks.restarted(parts.id, { term, vote, commit }, lastIndex);
    this.spy(core, this.watched);
  }

  get core(): RaftCore {
    return Reflect.get(Reflect.get(this.group, 'engine') as object, 'core') as RaftCore;
  }

  get appliedIndex(): number {
    return this.group.appliedIndex;
  }

  stateHash(): string {
    return this.machine.inner.stateHash();
  }

  receive(from: MemberId, message: RaftMessage): void {
    this.group.receive(nodeId(this.parts.host.nodeOf(from)), from, message);
  }

  ask(question: Question, answer: (answer: Answer) => void): void {
    const { host, isAlive } = this.parts;
    host.events.stir();
    const work = question.type === 'write' ? this.write(question.command) : this.read(question);
    work.then(
      (said) => isAlive() && answer(said),
      (error: unknown) => {
        if (!(error instanceof RpcError)) host.events.track(Promise.reject(error));
        else if (isAlive() && !error.maybeExecuted) answer({ type: 'refused' });
      },
    );
  }

  proposeHere(command: Uint8Array, settle: (settled: Uint8Array | RpcError) => void): void {
    const { isAlive, host } = this.parts;
    host.events.stir();
    this.group.proposeHere(command, { timeoutMs: TIMEOUT_MS }).then(
      (reply) => isAlive() && settle(reply),
      (error: unknown) => isAlive() && settle(RpcError.from(error)),
    );
  }

  propose(): boolean {
    if (!this.group.leadership.isLeading) return false;
    this.noise += 1;
    const settle = { resolve: () => undefined, reject: () => undefined };
    this.group.submit(noiseCommand(this.noise), { timeoutMs: TIMEOUT_MS }, settle);
    return true;
  }

  snapshot(): void {
    const { counts, events } = this.parts.host;
    events.stir();
    this.group.snapshotNow().then(
      () => {
        counts.snapshotsSaved += 1;
      },
      (error: unknown) => {
        const isRefused = error instanceof FlotillaError || error instanceof RpcError;
        if (!isRefused) events.track(Promise.reject(error));
      },
    );
  }

  pump(): void {
    const engine = Reflect.get(this.group, 'engine') as { wake(): void };
    if (this.parts.isAlive()) engine.wake();
  }

  private async write(command: Uint8Array): Promise<Answer> {
    return { type: 'written', reply: await this.group.propose(command, { timeoutMs: TIMEOUT_MS }) };
  }

  private async read({ mode, key }: Extract<Question, { type: 'read' }>): Promise<Answer> {
    const { host, id } = this.parts;
    const mustSee = host.checks.committedTo;
    await this.group.readBarrier(mode, { timeoutMs: TIMEOUT_MS });
    host.checks.read(id, this.group.appliedIndex, mustSee, mode);
    host.counts.reads += 1;
    if (mode === 'lease') host.counts.leaseReads += 1;
    return { type: 'value', value: storedValue(this.machine.inner, key) };
  }

  /** Looks at the member whenever its driver drains the core. */
  private spy(core: RaftCore, watched: Watched): void {
    const drain = core.drain.bind(core);
    core.drain = () => {
      const effects = drain();
      if (this.parts.isAlive()) this.parts.host.checks.look(watched, effects);
      return effects;
    };
  }

  private network(): RaftNetwork {
    const { host, id, isAlive } = this.parts;
    return {
      send: (_to, _group, _from, message) => {
        if (isAlive()) host.send(id, message);
      },
      flush: () => undefined,
      sendSnapshot: async (_to, _group, _from, message) => {
        if (!(await host.moveSnapshot(id, message))) throw new Error('the transfer broke');
      },
      forward: (to, _group, command, options) => host.forwardCommand(id, to, command, options),
    };
  }
}

/** The metadata store, with the checks of what is applied. */
class WatchedMachine implements StateMachine {
  inner = new KvMachine(crc32);
  private readonly parts: EngineParts;

  constructor(parts: EngineParts) {
    this.parts = parts;
  }

  apply(index: LogIndex, commands: readonly Uint8Array[]): readonly Uint8Array[] {
    const replies = this.inner.apply(index, commands);
    this.check(index, commands);
    return replies;
  }

  applyList(index: LogIndex, commands: Uint8Array, repliesWanted: boolean): Uint8Array {
    const replies = this.inner.applyList(index, commands, repliesWanted);
    this.check(index, decodeByteList(commands) ?? []);
    return replies;
  }

  private check(index: LogIndex, commands: readonly Uint8Array[]): void {
    const { host, id } = this.parts;
    host.checks.appliedCommands(id, index, commands);
    if (index % HASH_EVERY === 0) host.checks.state(id, index, this.inner.stateHash());
  }

  snapshot(): AsyncIterable<Uint8Array> {
    return this.inner.snapshot();
  }

  restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    return this.inner.restore(chunks);
  }
}

/** A clock that runs at the member's own rate. */
class MemberClock implements Clock {
  private readonly parts: EngineParts;

  constructor(parts: EngineParts) {
    this.parts = parts;
  }

  nowMs(): number {
    return this.parts.nowMs();
  }

  wallMs(): number {
    return this.parts.process.wallMs();
  }

  setTimer(delayMs: number, fire: () => void): ReturnType<Clock['setTimer']> {
    const { process, worldMsUntil, nowMs } = this.parts;
    return process.setTimer(worldMsUntil(nowMs() + Math.max(0, delayMs)) + 0.001, fire);
  }

  /** What `deferringWith` looks for. */
  defer(run: () => void): void {
    this.parts.process.setTimer(0, run);
  }
}
