import type { Prng } from '../../../src/base/index.js';
import { decodeReply, encodeRequest, type KvAnswer, type KvCommand } from '../../../src/kv/index.js';
import type { KvInput, KvOperation, KvOutput } from '../../../src/testing/index.js';
import { commandOf, outputOf } from './sim-operations.js';
import type { Answer, Question } from './sim-requests.js';

/** What a client sees of the world. */
export interface ClientHost {
  readonly nowMs: number;
  readonly counts: { writes: number; swaps: number; retries: number; unknown: number };
  after(delayMs: number, run: () => void): void;
  /** To any member, perhaps the leading one; the answer may never come. */
  ask(question: Question, answer: (answer: Answer) => void): void;
}

interface Attempt {
  readonly key: string;
  readonly input: KvInput;
  readonly question: Question;
  readonly invokedMs: number;
  tries: number;
}

const TRIES_MAX = 8;

/**
 * A client with a session: one operation after the other, tried again under the same stamp at other members until
 * somebody answers or it gives up. It writes down what it saw.
 */
export class SimClient {
  readonly history: KvOperation[] = [];
  /** Writes and reads that ended with an answer. */
  answered = 0;
  private readonly name: number;
  private readonly host: ClientHost;
  private readonly random: Prng;
  private readonly keys: number;
  private session = 0;
  private sequence = 0;
  private sessions = 0;
  private current: Attempt | undefined;
  private isStopped = false;
  /** What it last saw of each key. */
  private readonly known = new Map<string, string | undefined>();

  constructor(name: number, host: ClientHost, random: Prng, keys: number) {
    this.name = name;
    this.host = host;
    this.random = random;
    this.keys = keys;
  }

  start(): void {
    this.later(15, () => (this.session === 0 ? this.openSession() : this.begin()));
  }

  stop(): void {
    this.isStopped = true;
  }

  /** What is under way stays unknown. */
  close(): void {
    if (this.current !== undefined) this.record(this.current, undefined);
  }

  private openSession(): void {
    const command: KvCommand = { type: 'grantLease', ttlMs: SESSION_MS, nowMs: 0 };
    const question: Question = { type: 'write', command: this.encode(command, false) };
    let isOpen = false;
    this.host.ask(question, (answer) => {
      if (isOpen || answer.type !== 'written') return;
      isOpen = true;
      const { answer: reply } = decodeReply(answer.reply);
      if (reply.type !== 'lease') throw new Error(`a session was refused: ${JSON.stringify(reply)}`);
      this.session = reply.lease;
      this.sequence = 0;
      this.sessions += 1;
      this.start();
    });
    this.host.after(200, () => {
      if (!isOpen) this.start();
      isOpen = true; // a lease that is granted later is nobody's
    });
  }

  private begin(): void {
    if (this.isStopped) return;
    const key = `k${this.random.int(this.keys)}`;
    const input = this.draw(key);
    let question: Question;
    if (input.type === 'get')
      question = { type: 'read', mode: this.random.chance(0.5) ? 'lease' : 'linearizable', key };
    else {
      this.sequence += 1;
      question = { type: 'write', command: this.encode(commandOf(key, input), true) };
    }
    this.current = { key, input, question, invokedMs: this.host.nowMs, tries: 0 };
    this.tryIt(this.current);
  }

  private tryIt(attempt: Attempt): void {
    attempt.tries += 1;
    const { tries } = attempt;
    const isNow = () => this.current === attempt && attempt.tries === tries;
    this.host.ask(attempt.question, (answer) => {
      // An answer to an earlier try is an answer. That a try did nothing says nothing about the others.
      if (this.current !== attempt) return;
      if (answer.type !== 'refused') this.end(attempt, answer);
      else if (isNow()) this.host.after(10 + this.random.float() * 30, () => isNow() && this.tryAgain(attempt));
    });
    this.host.after(60 + this.random.float() * 250, () => isNow() && this.tryAgain(attempt));
  }

  private tryAgain(attempt: Attempt): void {
    const isDead = this.random.chance(0.01);
    if (attempt.tries < TRIES_MAX && !isDead) {
      this.host.counts.retries += 1;
      this.tryIt(attempt);
      return;
    }
    // It is started anew, with a new session, and does not know how this ended.
    this.host.counts.unknown += 1;
    this.record(attempt, undefined);
    if (isDead) this.session = 0;
    this.start();
  }

  private end(attempt: Attempt, answer: Exclude<Answer, { type: 'refused' }>): void {
    const output: KvOutput =
      answer.type === 'value'
        ? { type: 'got', value: answer.value }
        : outputOf(attempt.input, this.answerIn(answer.reply));
    this.record(attempt, output);
    this.answered += 1;
    if (output.type !== 'got') this.host.counts.writes += 1;
    if (output.type === 'swapped') this.host.counts.swaps += 1;
    this.note(attempt, output);
    this.start();
  }

  private answerIn(reply: Uint8Array): KvAnswer {
    const { answer } = decodeReply(reply);
    if (answer.type === 'error') throw new Error(`client ${this.name}: ${answer.reason}: ${answer.message}`);
    return answer;
  }

  private record({ key, input, invokedMs }: Attempt, output: KvOutput | undefined): void {
    this.current = undefined;
    const client = `${this.name}.${this.sessions}`;
    this.history.push({ client, key, input, output, invokedAt: invokedMs, returnedAt: this.host.nowMs });
  }

  private note({ key, input }: Attempt, output: KvOutput): void {
    if (output.type === 'got' || output.type === 'notSwapped') this.known.set(key, output.value);
    else if (output.type === 'deleted') this.known.set(key, undefined);
    else if (input.type === 'put' || input.type === 'cas') this.known.set(key, input.value);
  }

  private draw(key: string): KvInput {
    const kind = this.random.float();
    const value = `${this.name}.${this.sessions}.${this.sequence + 1}`;
    if (kind < 0.4) return { type: 'get' };
    if (kind < 0.65) return { type: 'put', value };
    if (kind < 0.9) return { type: 'cas', expected: this.known.get(key), value };
    return { type: 'delete' };
  }

  private encode(command: KvCommand, isStamped: boolean): Uint8Array {
    const stamp = { id: this.session, sequence: this.sequence, acknowledged: this.sequence - 1 };
    return encodeRequest({ command, origin: 'user', session: isStamped ? stamp : undefined });
  }

  private later(delayMsMax: number, run: () => void): void {
    this.host.after(this.random.float() * delayMsMax, run);
  }
}

/** No session ends within a run. */
const SESSION_MS = 3_600_000;
