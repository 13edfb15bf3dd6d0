import { type NodeId, nodeId, Prng, RpcError } from '../../../src/base/index.js';
import type { MemberId, ProposeOptions } from '../../../src/ports/index.js';
import {
  bootstrap,
  type ClusterConfig,
  EMPTY_CONFIG,
  type InstallSnapshot,
  memberId,
  type RaftEvent,
  type RaftMessage,
  type RaftOptions,
  type Restored,
} from '../../../src/raft/index.js';
import type { SafetyRules } from '../../../src/raft/rules.js';
import { SimChecks } from './sim-checks.js';
import { type ClientHost, SimClient } from './sim-client.js';
import { NO_COUNTS, type SimCounts } from './sim-counts.js';
import { SimEvents } from './sim-events.js';
import type { DriverFaults, SimHost } from './sim-host.js';
import { SimMember } from './sim-member.js';
import { SimNetwork } from './sim-network.js';
import type { Answer, Question } from './sim-requests.js';
import { drawShape, type SimShape } from './sim-shape.js';

export interface WorldOptions {
  readonly seed: number;
  readonly faults?: DriverFaults;
  readonly rules?: Partial<SafetyRules>;
}

/** Machines there are; members live on them. */
export const MACHINES = ['n1', 'n2', 'n3', 'n4', 'n5', 'n6', 'n7', 'n8', 'n9'] as const;

/** When a forwarded command is given up. */
const FORWARD_MS = 2_000;

/** A whole group in one loop of events, with its disks, its network and its clients. Everything is drawn from the seed. */
export class SimWorld implements SimHost {
  readonly random: Prng;
  readonly events = new SimEvents();
  readonly checks = new SimChecks();
  readonly shape: SimShape;
  readonly options: RaftOptions;
  readonly faults: DriverFaults;
  readonly rules: Partial<SafetyRules>;
  readonly counts: SimCounts = { ...NO_COUNTS };
  readonly members = new Map<MemberId, SimMember>();
  readonly network: SimNetwork;
  readonly clients: readonly SimClient[];
  /** Members run the driver of production; else a simple one with room for deliberate faults. */
  readonly hasGroups: boolean;
  /** The last configuration that was committed. */
  config: ClusterConfig;
  /** A member's vote leaves. */
  onVote: (member: SimMember) => void = () => undefined;
  /** A member became leader. */
  onLeader: (member: SimMember) => void = () => undefined;
  /** A member's process ended by itself, because its disk failed. */
  onEnded: (member: SimMember) => void = () => undefined;
  private readonly disks: Prng;
  private readonly luck: Prng;

  constructor(o: WorldOptions) {
    this.random = new Prng(o.seed);
    this.faults = o.faults ?? {};
    this.rules = o.rules ?? {};
    this.disks = this.random.fork('disks');
    this.luck = this.random.fork('clients');
    this.shape = drawShape(this.random.fork('shape'));
    this.options = this.shape.options;
    this.hasGroups = o.faults === undefined && o.rules === undefined && this.random.fork('driver').chance(0.5);
    this.network = new SimNetwork(this.events, this.random.fork('net'), this.shape, this.members, this.counts);
    const nodes = MACHINES.slice(0, this.shape.founders);
    const founding = bootstrap(nodes.map(nodeId));
    this.config = { ...EMPTY_CONFIG, voters: nodes.map((_, at) => memberId(at + 1)) };
    for (const [at, node] of nodes.entries()) this.add(memberId(at + 1), node, founding);
    this.clients = Array.from({ length: this.shape.clients }, (_, at) => this.newClient(at + 1));
  }

  get nowMs(): number {
    return this.events.nowMs;
  }

  after(delayMs: number, run: () => void): void {
    this.events.after(delayMs, run);
  }

  /** A message leaves: what it promises counts from now on. */
  send(from: MemberId, message: RaftMessage): void {
    this.checks.sent(from, message);
    this.network.send(from, message);
    if (message.type === 'voteReply') this.onVote(this.member(from));
  }

  sendSnapshot(from: MemberId, message: InstallSnapshot): void {
    this.network.sendSnapshot(from, message);
  }

  forward(from: MemberId, to: MemberId, question: Question, answer: (answer: Answer) => void): void {
    this.network.carry(from, to, (leader) =>
      leader.ask(question, (said) => this.network.carry(to, from, () => answer(said))),
    );
  }

  moveSnapshot(from: MemberId, message: InstallSnapshot): Promise<boolean> {
    return this.network.moveSnapshot(from, message);
  }

  nodeOf(member: MemberId): string {
    return this.member(member).node;
  }

  /** The leader's answer, whatever it is; or, when nothing comes, that nobody knows. */
  forwardCommand(from: MemberId, to: NodeId, command: Uint8Array, { timeoutMs }: ProposeOptions): Promise<Uint8Array> {
    const target = this.live().find((member) => member.node === to);
    return new Promise((resolve, reject) => {
      this.after(timeoutMs ?? FORWARD_MS, () => {
        this.events.stir();
        reject(RpcError.of('PROPOSAL_UNKNOWN', 'no answer came'));
      });
      if (target === undefined) return;
      this.network.carry(from, target.id, (leader) => {
        leader.proposeHere(command, (settled) => {
          this.network.carry(target.id, from, () => {
            this.events.stir();
            if (settled instanceof RpcError) reject(settled);
            else resolve(settled);
          });
        });
      });
    });
  }

  diskDelayMs(): number {
    const { diskMsMax } = this.shape;
    return this.disks.chance(0.01) ? diskMsMax * 8 : this.disks.float() * diskMsMax;
  }

  /** What members say about themselves. */
  heard(from: MemberId, event: RaftEvent): void {
    const member = this.member(from);
    if (event.type === 'becameLeader') {
      this.counts.elections += 1;
      this.onLeader(member);
    }
    if (event.type !== 'configCommitted') return;
    this.counts.configs += 1;
    if (member.isLeading) this.config = event.config;
    // A node learns the id under which it joins only when the entry that added it is committed: before, another
    // leader's entry at the same index may add another node.
    for (const { id, node } of event.config.members) {
      if (!this.members.has(id)) this.add(id, node, undefined);
    }
  }

  diskFailed(id: MemberId): void {
    this.counts.diskFailures += 1;
    this.onEnded(this.member(id));
  }

  lost(): void {
    this.counts.replaced += 1;
  }

  live(): SimMember[] {
    return [...this.members.values()].filter((member) => member.isLive);
  }

  leader(): SimMember | undefined {
    return this.live()
      .filter((member) => member.isLeading)
      .sort((a, b) => termOf(b) - termOf(a))[0];
  }

  private add(id: MemberId, node: string, founding: Restored | undefined): void {
    const member = new SimMember(this, id, node, founding);
    this.members.set(id, member);
    member.start();
  }

  private member(id: MemberId): SimMember {
    return this.members.get(id) as SimMember;
  }

  private newClient(name: number): SimClient {
    const world = this;
    const host: ClientHost = {
      get nowMs() {
        return world.nowMs;
      },
      counts: this.counts,
      after: (delayMs, run) => this.after(delayMs, run),
      ask: (question, answer) => this.ask(question, answer),
    };
    const client = new SimClient(name, host, this.random.fork(`client ${name}`), this.shape.keys);
    client.start();
    return client;
  }

  /** A client's question reaches some member; clients have no place in the network that is cut. */
  private ask(question: Question, answer: (answer: Answer) => void): void {
    const { network, luck } = this;
    const copies = network.chance(this.shape.repeats) ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      const isLost = network.chance(this.shape.loss);
      this.after(network.delayMs(), () => {
        const live = this.live();
        const target = luck.chance(0.7) ? this.leader() : live[luck.int(live.length || 1)];
        if (isLost || target === undefined) return;
        network.enter(target, () =>
          target.ask(question, (said) => {
            if (!network.chance(this.shape.loss)) this.after(network.delayMs(), () => answer(said));
          }),
        );
      });
    }
  }
}

function termOf(member: SimMember): number {
  return member.core?.status().term ?? 0;
}
