import type { LoadOptions, LoadResult } from '../../harness/load.js';
import type { BenchKey } from './keys.js';

/** How fresh a read must be, as Flotilla names it; etcd has `linearizable` and, as `eventual`, its serializable one. */
export type ReadKind = 'linearizable' | 'lease' | 'eventual';

/** One replicated store of three local members under test. */
export interface RaftCluster {
  /** What a client process needs to connect; plain data. */
  readonly target: unknown;
  /** What the time without a leader is measured in. */
  readonly electionTimeoutMs: number;
  /** Process ids of the members, in their order. */
  pids(): readonly number[];
  /** Resolves to the leader's place in that order when all members know the same one. */
  settled(): Promise<number>;
  /** Starts a member again that was killed. */
  restart(member: number): Promise<void>;
  /** Writes from inside the leader's process; absent where a system has no such client. */
  readonly writeEmbedded?: (job: RaftJob, onMeasuring: () => void) => Promise<LoadResult>;
  stop(): Promise<void>;
}

/** The client of one client process. */
export interface RaftClient {
  write(key: BenchKey, value: Uint8Array): Promise<unknown>;
  /** Rejects when the key is not there. */
  read(key: BenchKey, kind: ReadKind): Promise<unknown>;
  /** A write while members die: the attempt says which member to ask, where the client does not choose itself. */
  attemptWrite(key: BenchKey, value: Uint8Array, attempt: number): Promise<unknown>;
  /** Connects again to members that came back, and finds the leader. */
  refresh(): Promise<void>;
}

/** What a client process measures. */
export interface RaftJob extends Omit<LoadOptions, 'onMeasuring'> {
  readonly operation: 'write' | ReadKind;
}

export interface RaftSystem {
  /** Why it cannot run here and what to do; `undefined`: it can. */
  missing(): string | undefined;
  /** @param dir an empty directory on the disk under test */
  start(dir: string): Promise<RaftCluster>;
}
