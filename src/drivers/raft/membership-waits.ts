import { RpcError } from '../../base/index.js';
import type { LogEntry, LogIndex, MemberId, Term } from '../../ports/index.js';
import {
  type ConfigRefusal,
  decodeConfig,
  isJoint,
  type MemberChange,
  type ProposalRefusal,
  type TransferRefusal,
} from '../../raft/index.js';
import type { GroupHost } from './host.js';

/** Membership changes and transfers of leadership whose end somebody waits for. */
export class MembershipWaits {
  private readonly host: GroupHost;
  private changes: Change[] = [];
  private transfers: Transfer[] = [];

  constructor(host: GroupHost) {
    this.host = host;
  }

  /** When `sweep` has something to do. */
  get dueMs(): number {
    let due = Number.POSITIVE_INFINITY;
    for (const { deadlineMs } of this.changes) due = Math.min(due, deadlineMs);
    for (const { deadlineMs } of this.transfers) due = Math.min(due, deadlineMs);
    return due;
  }

  change(changes: readonly MemberChange[], deadlineMs: number): Promise<{ readonly index: LogIndex }> {
    return new Promise((resolve, reject) => {
      const result = this.host.core.proposeConfig(changes, this.host.nowMs());
      this.host.wake();
      if (!result.isAccepted) reject(configError(result.reason));
      else {
        const { index, term } = result;
        this.changes.push({ index, term, deadlineMs, isEntered: false, resolve: () => resolve({ index }), reject });
      }
    });
  }

  transfer(to: MemberId, deadlineMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const refusal = this.host.core.transferLeadership(to, this.host.nowMs());
      this.host.wake();
      if (refusal !== undefined) reject(transferError(refusal));
      else this.transfers.push({ to, deadlineMs, resolve, reject });
    });
  }

  entryApplied(entry: LogEntry): void {
    if (this.changes.length === 0) return;
    const { index, term, type } = entry;
    const lost = this.changes.filter((change) => change.index === index && change.term !== term);
    this.end(lost, RpcError.of('PROPOSAL_LOST', 'the leader changed and another entry took the place of the change'));
    if (type !== 'config') return;
    const config = decodeConfig(entry.data);
    if (config === undefined || isJoint(config)) {
      for (const change of this.changes) if (change.index === index) change.isEntered = true;
      return;
    }
    this.end(
      this.changes.filter((change) => change.isEntered && change.index < index),
      undefined,
    );
  }

  /** A snapshot took the place of all entries up to `index`. */
  jumped(index: LogIndex): void {
    const error = RpcError.of('PROPOSAL_UNKNOWN', 'a snapshot took the place of the membership change');
    this.end(
      this.changes.filter((change) => change.index <= index),
      error,
    );
  }

  leaderChanged(leader: MemberId | undefined): void {
    if (leader === undefined) return;
    const { transfers } = this;
    this.transfers = [];
    for (const { to, resolve, reject } of transfers) {
      if (to === leader) resolve();
      else reject(RpcError.of('MEMBERSHIP_BUSY', 'another director was elected in place of the one asked for'));
    }
  }

  transferAborted(to: MemberId): void {
    const error = RpcError.of('MEMBERSHIP_BUSY', 'the director did not take over within an election timeout');
    this.endTransfers((transfer) => transfer.to === to, error);
  }

  sweep(nowMs: number): void {
    if (nowMs < this.dueMs) return;
    const unknown = RpcError.of('PROPOSAL_UNKNOWN', 'the change was not decided in time; it may yet be carried out');
    this.end(
      this.changes.filter((change) => change.deadlineMs <= nowMs),
      unknown,
    );
    const late = RpcError.of('MEMBERSHIP_BUSY', 'leadership was not taken over in time');
    this.endTransfers((transfer) => transfer.deadlineMs <= nowMs, late);
  }

  /** The group ends. */
  stop(error: RpcError): void {
    const unknown = RpcError.of('PROPOSAL_UNKNOWN', 'the director stopped before the change was decided');
    this.end(this.changes, unknown);
    this.endTransfers(() => true, error);
  }

  private end(changes: readonly Change[], error: RpcError | undefined): void {
    if (changes.length === 0) return;
    this.changes = this.changes.filter((change) => !changes.includes(change));
    for (const { resolve, reject } of changes) {
      if (error === undefined) resolve();
      else reject(error);
    }
  }

  private endTransfers(isMeant: (transfer: Transfer) => boolean, error: RpcError): void {
    const ended = this.transfers.filter(isMeant);
    this.transfers = this.transfers.filter((transfer) => !ended.includes(transfer));
    for (const { reject } of ended) reject(error);
  }
}

interface Change {
  readonly index: LogIndex;
  readonly term: Term;
  readonly deadlineMs: number;
  /** Its joint configuration is committed; the next one that is not joint is its end. */
  isEntered: boolean;
  resolve(): void;
  reject(error: RpcError): void;
}

interface Transfer {
  readonly to: MemberId;
  readonly deadlineMs: number;
  resolve(): void;
  reject(error: RpcError): void;
}

function configError(reason: ProposalRefusal | ConfigRefusal): RpcError {
  switch (reason) {
    case 'PROPOSAL_NOT_LEADER':
    case 'PROPOSAL_REMOVED':
      return RpcError.of('NOT_LEADER', 'this director does not lead the group');
    case 'PROPOSAL_TRANSFERRING':
      return RpcError.of('MEMBERSHIP_BUSY', 'leadership is being handed over');
    case 'PROPOSAL_CONFIG_PENDING':
      return RpcError.of('MEMBERSHIP_BUSY', 'another membership change is in progress');
    case 'PROPOSAL_TOO_EARLY':
      return RpcError.of('MEMBERSHIP_BUSY', 'the leader is too new and has committed nothing yet');
    case 'PROPOSAL_NOT_CAUGHT_UP':
      return RpcError.of('MEMBER_NOT_CAUGHT_UP', 'the learner has not caught up; see that it runs, and repeat');
    case 'PROPOSAL_TAIL_FULL':
      return RpcError.of('PROPOSALS_FULL', 'too much waits to be committed');
    case 'CONFIG_EMPTY':
      return RpcError.of('MEMBERSHIP_INVALID', 'the change says nothing, or would leave no voter');
    case 'CONFIG_TWO_JOIN':
      return RpcError.of('MEMBERSHIP_INVALID', 'more than one director would join at once');
    case 'CONFIG_MEMBER_UNKNOWN':
      return RpcError.of('MEMBERSHIP_INVALID', 'the change names a member that there is not');
    case 'CONFIG_MEMBER_TWICE':
      return RpcError.of('MEMBERSHIP_INVALID', 'the change names a member twice, or adds one that is there');
    case 'CONFIG_ROLE':
      return RpcError.of('MEMBERSHIP_INVALID', 'only a learner can be promoted and only a voter demoted');
    default:
      return RpcError.of('MEMBERSHIP_INVALID', 'the group would have more than 64 members');
  }
}

function transferError(reason: TransferRefusal): RpcError {
  if (reason === 'TRANSFER_NOT_LEADER') return RpcError.of('NOT_LEADER', 'this director does not lead the group');
  if (reason === 'TRANSFER_BUSY') return RpcError.of('MEMBERSHIP_BUSY', 'another transfer is in progress');
  return RpcError.of('MEMBERSHIP_INVALID', 'leadership can be handed to another voter only');
}
