import { createHash } from 'node:crypto';
import { FlotillaError, formatAddress, type NodeId, RpcError, type SocketAddress } from '../base/index.js';
import { type Introduction, type IntroductionReply, pause } from '../client/index.js';
import type { Clock, Logger, Random } from '../ports/index.js';
import { backoffMs } from '../rpc/index.js';

/** Data ids of the directors that found a cluster, by node. */
export type Founders = Readonly<Record<string, string>>;

export interface FoundingDependencies {
  readonly self: { readonly node: NodeId; readonly dataId: string };
  /** Checksum of the backup that the cluster begins with; empty for none. */
  readonly initial: string;
  /** All directors of the new cluster, this one included. */
  readonly peers: ReadonlyMap<NodeId, SocketAddress>;
  readonly ask: (node: NodeId, address: SocketAddress, introduction: Introduction) => Promise<IntroductionReply>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** 0 waits for ever. */
  readonly timeoutMs: number;
  /** Ends the wait. */
  readonly signal: AbortSignal;
}

/**
 * A new cluster begins when every director of `--peers` has met every other one: each learns which data directories
 * take part, and that none of them has been part of the cluster before. So a director that lost its disk and is started
 * with the old command line is recognised, instead of voting a second time under its old id.
 *
 * The directors that found first may go ahead: a later one is told that it belongs to it, with its own data id.
 */
export class Founding {
  private readonly deps: FoundingDependencies;
  private readonly introduction: Introduction;
  private readonly met = new Map<string, string>();
  private readonly problems = new Map<NodeId, string>();

  constructor(deps: FoundingDependencies) {
    this.deps = deps;
    const { node, dataId } = deps.self;
    this.introduction = { node, dataId, peers: [...deps.peers.keys()].sort(), initial: deps.initial };
    this.met.set(node, dataId);
  }

  /** The answer to a peer that introduces itself meanwhile. */
  answer(): IntroductionReply {
    return { state: 'founding', ...this.introduction };
  }

  /** @throws FlotillaError `PEERS_UNREACHABLE`, `PEERS_DISAGREE`, `MEMBER_DATA_LOST`, `CLOSED` */
  async run(): Promise<Founders> {
    const { clock, random, timeoutMs, signal, logger, peers } = this.deps;
    const deadlineMs = timeoutMs === 0 ? Number.POSITIVE_INFINITY : clock.nowMs() + timeoutMs;
    for (let round = 0; ; round += 1) {
      const joined = await this.askAll();
      if (joined !== undefined) return joined;
      if (this.met.size === peers.size) return Object.fromEntries([...this.met].sort());
      if (signal.aborted) throw new FlotillaError('CLOSED', 'the director was closed before its cluster began');
      if (clock.nowMs() >= deadlineMs) throw this.unreachable(timeoutMs);
      if (round === ROUNDS_UNTIL_WARNING) logger.warn({ missing: this.missing() }, 'waiting for the other directors');
      await pause(clock, backoffMs(ASK_BACKOFF, round, random.float()), signal);
    }
  }

  /** Founders when one of them belongs to the cluster already. */
  private async askAll(): Promise<Founders | undefined> {
    const missing = [...this.deps.peers].filter(([node]) => !this.met.has(node));
    const answers = await Promise.all(missing.map(([node, address]) => this.ask(node, address)));
    return answers.find((founders) => founders !== undefined);
  }

  private async ask(node: NodeId, address: SocketAddress): Promise<Founders | undefined> {
    let reply: IntroductionReply;
    try {
      reply = await this.deps.ask(node, address, this.introduction);
    } catch (thrown) {
      const error = RpcError.from(thrown);
      this.problems.set(node, error.message);
      return undefined;
    }
    return this.take(node, reply);
  }

  private take(node: NodeId, reply: IntroductionReply): Founders | undefined {
    const { self } = this.deps;
    if (reply.state === 'member') {
      const known = reply.founders[self.node];
      if (known === self.dataId) return reply.founders;
      if (known === undefined) {
        throw new FlotillaError(
          'PEERS_DISAGREE',
          `director ${node} belongs to a cluster that ${self.node} did not found: add it with \`flotilla member add ${self.node}\` and start it with --join`,
        );
      }
      throw new FlotillaError(
        'MEMBER_DATA_LOST',
        `the data directory is empty, but the cluster of ${node} knows ${self.node} with another one: run \`flotilla member remove ${self.node}\`, \`flotilla member add ${self.node}\`, and start it with --join`,
      );
    }
    if (reply.node !== node || reply.peers.join() !== this.introduction.peers.join()) {
      throw new FlotillaError(
        'PEERS_DISAGREE',
        `${node} was started as ${reply.node} with --peers ${reply.peers.join(',')}, this director with ${this.introduction.peers.join(',')}; give all the same`,
      );
    }
    if (reply.initial !== this.introduction.initial) {
      throw new FlotillaError(
        'PEERS_DISAGREE',
        `${node} begins with another backup than this director; restore the same`,
      );
    }
    this.met.set(node, reply.dataId);
    return undefined;
  }

  private missing(): string {
    const { peers } = this.deps;
    const missing = [...peers].filter(([node]) => !this.met.has(node));
    return missing.map(([node, address]) => `${node} at ${formatAddress(address)}`).join(', ');
  }

  private unreachable(timeoutMs: number): FlotillaError {
    const [problem] = this.problems.values();
    const why = problem === undefined ? '' : ` (${problem})`;
    return new FlotillaError(
      'PEERS_UNREACHABLE',
      `not reached within ${timeoutMs} ms: ${this.missing()}${why}; a new cluster begins when all its --peers run`,
    );
  }
}

/** The same at all founders. */
export function clusterIdOf(founders: Founders): string {
  const hash = createHash('sha256');
  for (const [node, dataId] of Object.entries(founders).sort()) hash.update(`${node}=${dataId}\n`);
  return hash.digest('hex').slice(0, CLUSTER_ID_CHARS);
}

const CLUSTER_ID_CHARS = 32;
const ROUNDS_UNTIL_WARNING = 5;
const ASK_BACKOFF = { baseMs: 50, maxMs: 1_000 };
