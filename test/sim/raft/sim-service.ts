import type { MemberId } from '../../../src/ports/index.js';
import type { RaftCore, ReadId, ReadMode, ReadState } from '../../../src/raft/index.js';
import type { SimHost } from './sim-host.js';
import type { SimKv } from './sim-kv.js';
import type { SimProcess } from './sim-process.js';
import { type Answer, encodeBatch, noiseCommand, type Question } from './sim-requests.js';

/** The member that serves. */
export interface Served {
  readonly id: MemberId;
  nowMs(): number;
  readonly kv: SimKv;
  readonly process: SimProcess;
  readonly storage: { readonly log: { readonly isFull: boolean } };
  pump(): void;
}

type Settle = (answer: Answer) => void;

/** How one life of a member serves clients: gathers writes into entries, confirms reads, hands on what is the leader's. */
export class SimService {
  private readonly member: Served;
  private readonly core: RaftCore;
  private readonly host: SimHost;
  private readonly reads = new Map<ReadId, Asked>();
  private commands: Uint8Array[] = [];
  private answers: Settle[] = [];
  private noise = 0;

  constructor(member: Served, core: RaftCore, host: SimHost) {
    this.member = member;
    this.core = core;
    this.host = host;
  }

  ask(question: Question, settle: Settle): void {
    if (question.type === 'read') this.read(question.mode, question.key, settle);
    else this.write(question, settle);
  }

  readState(read: ReadState): void {
    const asked = this.reads.get(read.id);
    this.reads.delete(read.id);
    if (asked === undefined) return;
    if (read.index === undefined) {
      asked.settle({ type: 'refused' });
      return;
    }
    const { checks, counts } = this.host;
    checks.read(this.member.id, read.index, asked.mustSee, asked.mode);
    counts.reads += 1;
    if (asked.mode === 'lease' && asked.isInTurn) counts.leaseReads += 1;
    const { kv } = this.member;
    kv.whenApplied(read.index, () => asked.settle({ type: 'value', value: kv.get(asked.key) }));
  }

  /** A command of nobody, alone in its entry. */
  proposeNoise(): boolean {
    this.noise += 1;
    const bytes = noiseCommand(this.noise);
    return this.core.propose([encodeBatch([bytes])], this.member.nowMs()).isAccepted;
  }

  private read(mode: ReadMode, key: string, settle: Settle): void {
    const { kv } = this.member;
    if (this.host.faults.readsLocally === true) {
      settle({ type: 'value', value: kv.get(key) });
      return;
    }
    const mustSee = this.host.checks.committedTo;
    const asked: Asked = { mustSee, mode, key, settle, isInTurn: true };
    this.reads.set(this.core.readIndex(mode, this.member.nowMs()), asked);
    this.member.pump();
    asked.isInTurn = false;
  }

  private write(question: Extract<Question, { type: 'write' }>, settle: Settle): void {
    const { role, leader } = this.core.status();
    if (role === 'leader') this.gather(question.command, settle);
    else if (leader === undefined) settle({ type: 'refused' });
    else this.host.forward(this.member.id, leader, question, settle);
  }

  /** Writes that come within a moment share an entry. */
  private gather(command: Uint8Array, settle: Settle): void {
    this.commands.push(command);
    this.answers.push(settle);
    if (this.commands.length > 1) return;
    if (this.host.random.chance(0.3)) this.flush();
    else this.member.process.setTimer(this.host.random.float() * 4, () => this.flush());
  }

  private flush(): void {
    const { commands, answers, core } = this;
    if (commands.length === 0) return;
    this.commands = [];
    this.answers = [];
    const isFull = this.member.storage.log.isFull;
    const result = isFull ? undefined : core.propose([encodeBatch(commands)], this.member.nowMs());
    if (result?.isAccepted === true) this.member.kv.expect(result.index, { term: result.term, answers });
    else for (const settle of answers) settle({ type: 'refused' });
    this.member.pump();
  }
}

interface Asked {
  readonly mustSee: number;
  readonly mode: ReadMode;
  readonly key: string;
  readonly settle: Settle;
  /** Still in the turn in which it was asked: an answer now needed no round of messages. */
  isInTurn: boolean;
}
