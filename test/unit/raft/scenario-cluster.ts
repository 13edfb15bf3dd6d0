import { nodeId } from '../../../src/base/index.js';
import type { LogEntry, MemberId } from '../../../src/ports/index.js';
import {
  bootstrap,
  formatConfig,
  joining,
  type LogPosition,
  logIndex,
  type MemberChange,
  memberId,
  type RaftMessage,
  type RaftOptions,
  term,
} from '../../../src/raft/index.js';
import { describeMessage } from './scenario-format.js';
import { ScenarioNode, SnapshotShelf } from './scenario-node.js';

interface Envelope {
  readonly from: MemberId;
  readonly message: RaftMessage;
}

/**
 * The commands of scenario files. Members are named by id, time moves only by commands, and messages lie in one pool
 * until they are delivered. The commands are described in `test/scenarios/raft/README.md`.
 */
export class ScenarioCluster {
  private nowMs = 0;
  private readonly nodes = new Map<number, ScenarioNode>();
  private readonly down = new Set<number>();
  private readonly cuts = new Set<string>();
  private readonly held = new Map<string, Envelope[]>();
  private readonly snapshots = new SnapshotShelf();
  private options: Partial<RaftOptions> = { electionTimeoutMs: 100, heartbeatIntervalMs: 10, clockDriftMax: 1.25 };
  private pool: Envelope[] = [];
  private lines: string[] = [];
  private isTalking = true;

  /** Carries out one line and returns what there was to see. */
  run(line: string): string[] {
    const [command = '', ...args] = line.split(/\s+/);
    this.lines = [];
    const action = this.actions[command];
    if (action === undefined) throw new Error(`unknown command: ${line}`);
    action(args);
    return this.lines;
  }

  private readonly actions: Record<string, (args: string[]) => void> = {
    options: (args) => {
      this.options = { ...this.options, ...Object.fromEntries(args.map((arg) => pair(arg))) };
    },
    cluster: ([size]) => {
      const names = Array.from({ length: Number(size) }, (_, at) => nodeId(`n${at + 1}`));
      for (const at of names.keys()) this.add(at + 1, bootstrap(names));
    },
    join: ([id]) => this.add(Number(id), joining()),
    campaign: ([id]) => {
      this.nowMs = Math.ceil(Math.max(this.nowMs, this.node(id).core.nextDeadlineMs()));
      this.tick(id);
    },
    elect: ([id]) => {
      this.actions.campaign?.([id ?? '']);
      this.quietly(() => this.deliver([]));
      this.lines = [`${id} is ${this.node(id).core.status().role} of term ${this.node(id).core.status().term}`];
    },
    wait: ([ms]) => {
      this.nowMs += Number(ms);
    },
    tick: (ids) => {
      for (const id of ids) this.tick(id);
    },
    propose: ([id, ...texts]) => {
      const payloads = texts.map((text) => new TextEncoder().encode(text));
      const result = this.node(id).core.propose(payloads, this.nowMs);
      this.print(result.isAccepted ? `${id} appends at ${result.index}` : `${id} refuses: ${result.reason}`);
      this.node(id).pump(this.nowMs);
    },
    change: ([id, ...changes]) => {
      const result = this.node(id).core.proposeConfig(changes.map(change), this.nowMs);
      if (!result.isAccepted) this.print(`${id} refuses: ${result.reason}`);
      this.node(id).pump(this.nowMs);
    },
    read: ([id, mode]) => {
      const read = this.node(id).core.readIndex(mode === 'lease' ? 'lease' : 'linearizable', this.nowMs);
      this.node(id).asked(read);
      this.node(id).pump(this.nowMs);
    },
    transfer: ([id, to]) => {
      const refusal = this.node(id).core.transferLeadership(memberId(Number(to)), this.nowMs);
      if (refusal !== undefined) this.print(`${id} refuses: ${refusal}`);
      this.node(id).pump(this.nowMs);
    },
    snapshot: ([id]) => {
      const meta = this.node(id).takeSnapshot();
      this.print(`${id} has snapshot ${meta.index}/${meta.term}`);
    },
    compact: ([id]) => {
      this.node(id).compact();
      this.print(`${id} log begins at ${this.node(id).core.status().firstIndex}`);
    },
    disk: ([id, verb, count]) => {
      const node = this.node(id);
      if (verb === 'sync') node.sync(this.nowMs, count === undefined ? undefined : Number(count));
      else node.isDiskManual = verb === 'manual';
      node.isDiskMemory = verb === 'memory';
      if (verb === 'auto') node.sync(this.nowMs);
    },
    crash: ([id]) => {
      this.down.add(Number(id));
      this.pool = this.pool.filter(({ from, message }) => from !== Number(id) && message.to !== Number(id));
    },
    restart: ([id]) => {
      this.down.delete(Number(id));
      this.node(id).restart(this.nowMs);
    },
    cut: (links) => {
      for (const link of links) for (const way of ways(link)) this.cuts.add(way);
    },
    heal: () => this.cuts.clear(),
    deliver: (args) => this.deliver(args),
    settle: (args) => this.quietly(() => this.deliver(args)),
    drop: (args) => {
      this.pool = this.pool.filter((envelope) => !matches(envelope, args));
    },
    hold: ([name = '', ...args]) => {
      const found = this.pool.filter((envelope) => matches(envelope, args));
      this.pool = this.pool.filter((envelope) => !found.includes(envelope));
      this.held.set(name, [...(this.held.get(name) ?? []), ...found]);
      for (const { from, message } of found) this.print(`holds ${from}>${message.to} ${describeMessage(message)}`);
    },
    copy: ([name = '', ...args]) => {
      this.held.set(
        name,
        this.pool.filter((envelope) => matches(envelope, args)),
      );
    },
    misroute: ([name = '', id]) => {
      for (const { from, message } of this.held.get(name) ?? []) {
        this.print(`${from}>${message.to} ${describeMessage(message)} (reaches ${id})`);
        this.node(id).core.step(from, message, this.nowMs);
        this.node(id).pump(this.nowMs);
      }
    },
    inject: ([from, to, at = '', after = '', ...entries]) => {
      const previous = position(after.replace('after=', ''));
      const message: RaftMessage = {
        type: 'appendRequest',
        to: memberId(Number(to)),
        term: term(Number(at.slice(1))),
        previous,
        entries: entries.map(entry),
        commit: previous.index,
      };
      this.handOver({ from: memberId(Number(from)), message });
    },
    release: ([name = '']) => {
      this.pool = [...(this.held.get(name) ?? []), ...this.pool];
      this.held.delete(name);
    },
    pool: () => {
      for (const { from, message } of this.pool) this.print(`${from}>${message.to} ${describeMessage(message)}`);
    },
    status: (ids) => {
      for (const id of ids.length > 0 ? ids : [...this.nodes.keys()]) this.printStatus(this.node(id));
    },
    log: (ids) => {
      for (const id of ids) this.print(`${id} disk: ${this.node(id).diskLog()}`);
    },
    applied: (ids) => {
      for (const id of ids) this.print(`${id} applied: ${this.node(id).applied.join(' ')}`);
    },
  };

  private add(id: number, restored: ReturnType<typeof joining>): void {
    const node = new ScenarioNode({
      id: memberId(id),
      restored,
      options: this.options,
      nowMs: this.nowMs,
      snapshots: this.snapshots,
      send: (from, message) => this.send({ from, message }),
      print: (line) => this.print(line),
    });
    this.nodes.set(id, node);
  }

  private node(id: string | number | undefined): ScenarioNode {
    const node = this.nodes.get(Number(id));
    if (node === undefined) throw new Error(`there is no member ${id}`);
    return node;
  }

  private tick(id: string | undefined): void {
    const node = this.node(id);
    node.core.tick(this.nowMs);
    node.pump(this.nowMs);
  }

  private send(envelope: Envelope): void {
    if (!this.cuts.has(`${envelope.from}>${envelope.message.to}`)) this.pool.push(envelope);
  }

  private deliver(args: string[]): void {
    for (let count = 0; count < DELIVERIES_MAX; count += 1) {
      const at = this.pool.findIndex((envelope) => matches(envelope, args));
      const [envelope] = at < 0 ? [] : this.pool.splice(at, 1);
      if (envelope === undefined) return;
      this.handOver(envelope);
    }
    throw new Error('the messages do not come to an end');
  }

  private handOver({ from, message }: Envelope): void {
    const isLost = this.cuts.has(`${from}>${message.to}`) || this.down.has(message.to);
    const target = this.nodes.get(message.to);
    if (this.isTalking) this.print(`${from}>${message.to} ${describeMessage(message)}${isLost ? ' (lost)' : ''}`);
    if (isLost || target === undefined) return;
    target.core.step(from, message, this.nowMs);
    target.pump(this.nowMs);
    if (message.type === 'installSnapshot') {
      this.node(from).core.snapshotSent(message.to, true, this.nowMs);
      this.node(from).pump(this.nowMs);
    }
  }

  private quietly(run: () => void): void {
    this.isTalking = false;
    run();
    this.isTalking = true;
  }

  private printStatus(node: ScenarioNode): void {
    const s = node.core.status();
    const lease = s.leaseUntilMs > this.nowMs ? ' lease' : '';
    this.print(
      `${s.id} ${s.role} t${s.term} leader=${s.leader ?? '-'} commit=${s.commit} durable=${s.durable} last=${s.lastIndex} config=${formatConfig(s.config)}${lease}`,
    );
    for (const p of s.peers) this.print(`  ${p.id} ${p.state} match=${p.match} next=${p.next} inFlight=${p.inFlight}`);
  }

  private print(line: string): void {
    this.lines.push(line);
  }
}

function pair(text: string): [string, number] {
  const [key = '', value = ''] = text.split('=');
  return [key, Number(value)];
}

/** `add:n4`, `promote:4`, `demote:2`, `remove:3`. */
function change(text: string): MemberChange {
  const [verb, what = ''] = text.split(':');
  if (verb === 'add') return { type: 'addLearner', node: nodeId(what) };
  const id = memberId(Number(what));
  if (verb === 'promote' || verb === 'demote' || verb === 'remove') return { type: verb, id };
  throw new Error(`unknown change: ${text}`);
}

/** `5/2`. */
function position(text: string): LogPosition {
  const [index, at] = text.split('/');
  return { index: logIndex(Number(index)), term: term(Number(at)) };
}

/** `5/2:text`. */
function entry(text: string): LogEntry {
  const [where = '', what = ''] = text.split(':');
  return { ...position(where), type: 'commands', data: new TextEncoder().encode(what) };
}

/** `1-2` both ways, `1>2` one way. */
function ways(link: string): string[] {
  const [a, b] = link.split('-');
  return b === undefined ? [link] : [`${a}>${b}`, `${b}>${a}`];
}

/** `from=1`, `to=2`, `type=appendRequest`; all given ones must hold. */
function matches({ from, message }: Envelope, args: string[]): boolean {
  return args.every((arg) => {
    const [key, value = ''] = arg.split('=');
    if (key === 'from') return value.split(',').includes(String(from));
    if (key === 'to') return value.split(',').includes(String(message.to));
    if (key === 'type') return value.split(',').includes(message.type);
    throw new Error(`unknown filter: ${arg}`);
  });
}

const DELIVERIES_MAX = 5_000;
