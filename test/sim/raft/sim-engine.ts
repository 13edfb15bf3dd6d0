import type { Prng, RpcError } from '../../../src/base/index.js';
import type { MemberId } from '../../../src/ports/index.js';
import type { RaftCore, RaftMessage, Restored } from '../../../src/raft/index.js';
import type { SimHost } from './sim-host.js';
import type { SimProcess } from './sim-process.js';
import type { Answer, Question } from './sim-requests.js';
import type { SimStorage } from './sim-storage.js';

/** One life of a member: what drives its core. Made anew at every start. */
export interface SimEngine {
  readonly core: RaftCore;
  /** What its state machine has applied. */
  readonly appliedIndex: number;
  stateHash(): string;
  receive(from: MemberId, message: RaftMessage): void;
  ask(question: Question, answer: (answer: Answer) => void): void;
  /** A command that another driver forwarded; what comes of it, or what the error is. */
  proposeHere(command: Uint8Array, settle: (settled: Uint8Array | RpcError) => void): void;
  /** A command of nobody; false when this member does not lead. For the caller to pump. */
  propose(): boolean;
  /** Takes a snapshot, and lets go of log. */
  snapshot(keep: number): void;
  /** Something was done to the core: carry out what follows. */
  pump(): void;
}

/** What an engine is made in. */
export interface EngineParts {
  readonly id: MemberId;
  readonly node: string;
  readonly host: SimHost;
  readonly process: SimProcess;
  readonly storage: SimStorage;
  /** Differs between lives. */
  readonly random: Prng;
  /** What a founder stores before its first start. */
  readonly founding: Restored | undefined;
  /** The member's own monotonic clock, which runs at its own rate. */
  nowMs(): number;
  /** World time until the member's clock says `localMs`. */
  worldMsUntil(localMs: number): number;
  /** The process has not ended. */
  isAlive(): boolean;
  /** The disk failed: the process ends. */
  fail(): void;
}
