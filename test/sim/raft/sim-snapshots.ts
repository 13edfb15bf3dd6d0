import { FlotillaError } from '../../../src/base/index.js';
import type { StoredSnapshot } from '../../../src/ports/index.js';
import type { InstallSnapshot } from '../../../src/raft/index.js';
import type { SimCounts } from './sim-counts.js';
import type { SimMember } from './sim-member.js';

/** How bytes and messages come over. */
export interface Carrier {
  travel(): Promise<void>;
  wait(ms: number): Promise<void>;
  enter(target: SimMember, run: () => void): void;
}

export interface Transfer {
  readonly source: SimMember;
  readonly target: SimMember | undefined;
  readonly message: InstallSnapshot;
  /** Asked for every part. */
  readonly path: { isOpen(): boolean };
  readonly network: Carrier;
  readonly counts: SimCounts;
}

/** Bytes that travel together; a transfer may break off between two of them and be taken up again. */
const PART_BYTES = 2_048;
/** When a transfer is given up. */
const RECEIVE_MS = 3_000;

/**
 * What a driver does with `installSnapshot`: moves the bytes of its newest snapshot to the target's store, and hands the
 * target the message when they are complete there. Both sides may end on the way.
 */
export async function sendSnapshot(transfer: Transfer): Promise<void> {
  const { source, message, counts } = transfer;
  const { life } = source.process;
  const isDelivered = await deliver(transfer);
  counts[isDelivered ? 'snapshotsSent' : 'snapshotsBroken'] += 1;
  source.process.enter(life, () => {
    source.core?.snapshotSent(message.to, isDelivered, source.nowMs);
    source.pump();
  });
}

/** @returns whether the target's core was told */
async function deliver({ source, target, message, path, network }: Transfer): Promise<boolean> {
  const stored = await source.storage.snapshots.latest().catch(isOfDisk);
  await network.travel();
  if (stored === undefined || stored === false || target === undefined || !path.isOpen()) return false;
  const ticket = target.receiveSnapshot(RECEIVE_MS);
  if (ticket === undefined) return false;
  const { life } = target.process;
  const isOpen = () => path.isOpen() && target.process.life === life && target.isReceiving(ticket);
  const received = receive(source, target, stored, { path: { isOpen }, network }).catch(isOfDisk);
  // A side that ended says nothing.
  const isReceived = await Promise.race([received, network.wait(RECEIVE_MS).then(() => false)]);
  const isDone = isReceived && isOpen();
  target.endReceiving(ticket);
  if (!isDone) return false;
  network.enter(target, () => target.receive(source.id, { ...message, meta: stored.meta }));
  return true;
}

async function receive(
  source: SimMember,
  target: SimMember,
  { meta, sizeBytes, checksum }: StoredSnapshot,
  { path, network }: Pick<Transfer, 'path' | 'network'>,
): Promise<boolean> {
  const draft = await target.storage.snapshots.draft(meta);
  for await (const bytes of source.storage.snapshots.read(meta, draft.receivedBytes)) {
    for (let at = 0; at < bytes.length; at += PART_BYTES) {
      await network.travel();
      if (!path.isOpen()) return false;
      await draft.write(bytes.subarray(at, at + PART_BYTES));
    }
  }
  if (draft.receivedBytes !== sizeBytes || !path.isOpen()) return false;
  await draft.finish(sizeBytes, checksum);
  return true;
}

/** Disks may fail on the way, and files be gone; the transfer is tried again. */
function isOfDisk(error: unknown): false {
  if (error instanceof FlotillaError || (error instanceof Error && /^E[A-Z]+:/.test(error.message))) return false;
  throw error;
}
