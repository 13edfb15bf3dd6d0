import { type NodeId, RpcError } from '../../src/base/index.js';
import type { GroupInbox, RaftNetwork } from '../../src/drivers/raft/index.js';
import type { Clock, GroupId, MemberId, ProposeOptions, SnapshotStore } from '../../src/ports/index.js';
import type { InstallSnapshot, RaftMessage } from '../../src/raft/index.js';

/**
 * Connects the groups of several nodes in memory, deterministically: every message takes `latencyMs` and arrives in
 * the order in which it was sent, unless a test cuts its way or drops it.
 */
export class GroupNetwork {
  latencyMs = 1;
  /** Messages for which it is true are lost. */
  drops: (message: RaftMessage, from: NodeId, to: NodeId) => boolean = () => false;
  /** How often a transfer of a snapshot breaks before one succeeds. */
  snapshotFailures = 0;
  readonly sent: { readonly from: NodeId; readonly to: NodeId; readonly message: RaftMessage }[] = [];
  forwarded = 0;
  private readonly clock: Clock;
  private readonly inboxes = new Map<NodeId, GroupInbox>();
  private readonly isolated = new Set<NodeId>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  attach(node: NodeId, inbox: GroupInbox): void {
    this.inboxes.set(node, inbox);
  }

  detach(node: NodeId): void {
    this.inboxes.delete(node);
  }

  isolate(node: NodeId): void {
    this.isolated.add(node);
  }

  heal(): void {
    this.isolated.clear();
  }

  /** Until `isAlive` says that the process is gone. */
  portOf(node: NodeId, isAlive: () => boolean): RaftNetwork {
    let batch: { readonly to: NodeId; readonly from: MemberId; readonly message: RaftMessage }[] = [];
    return {
      send: (to, _group, from, message) => {
        if (!isAlive()) return;
        this.sent.push({ from: node, to, message });
        batch.push({ to, from, message });
      },
      flush: () => {
        for (const { to, from, message } of batch) {
          if (this.isOpen(node, to) && !this.drops(message, node, to)) this.deliver(node, to, from, message);
        }
        batch = [];
      },
      sendSnapshot: (to, _group, from, message, store) => this.transfer(node, to, from, message, store),
      forward: (to, _group, command, options) => this.forward(node, to, command, options),
    };
  }

  private isOpen(from: NodeId, to: NodeId): boolean {
    return !this.isolated.has(from) && !this.isolated.has(to) && this.inboxes.has(to);
  }

  private deliver(node: NodeId, to: NodeId, from: MemberId, message: RaftMessage): void {
    this.clock.setTimer(this.latencyMs, () => {
      if (this.isOpen(node, to)) this.inboxes.get(to)?.receive(node, from, message);
    });
  }

  private async transfer(
    node: NodeId,
    to: NodeId,
    from: MemberId,
    message: InstallSnapshot,
    store: SnapshotStore,
  ): Promise<void> {
    await this.pause();
    const inbox = this.inboxes.get(to);
    if (inbox === undefined || !this.isOpen(node, to)) throw RpcError.of('NOT_CONNECTED', `${to} is not there`);
    const draft = await inbox.snapshots.draft(message.meta);
    for await (const chunk of store.read(message.meta, draft.receivedBytes)) {
      await draft.write(chunk);
      if (this.snapshotFailures > 0) {
        this.snapshotFailures -= 1;
        throw RpcError.of('CONNECTION_LOST', 'the transfer broke');
      }
    }
    const latest = await store.latest();
    await draft.finish(latest?.sizeBytes ?? 0, latest?.checksum ?? 0);
    inbox.receive(node, from, message);
  }

  private async forward(node: NodeId, to: NodeId, command: Uint8Array, options: ProposeOptions): Promise<Uint8Array> {
    this.forwarded += 1;
    await this.pause();
    const inbox = this.inboxes.get(to);
    if (inbox === undefined || !this.isOpen(node, to)) throw RpcError.of('NOT_CONNECTED', `${to} is not there`);
    const reply = await inbox.proposeHere(command, options);
    await this.pause();
    if (!this.isOpen(node, to)) throw RpcError.of('CONNECTION_LOST', `${to} went away`);
    return reply;
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => void this.clock.setTimer(this.latencyMs, resolve));
  }
}

export const TEST_GROUP = 0 as GroupId;
