import { FlotillaError } from '../../../src/base/index.js';
import type { StoredSnapshot } from '../../../src/ports/index.js';
import type { InstallSnapshot } from '../../../src/raft/index.js';
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
}

/** Bytes that travel together; a transfer may break off between two of them and be taken up again. */
const PART_BYTES = 2_048;
/** When a transfer is given up. */
const RECEIVE_MS = 3_000;

/**
 * What a driver does with `installSnapshot`: moves the bytes of its newest snapshot to the target's store, and hands the
 * target the message when they are complete there. Both sides may end on the way. Whether it came to that.
 */
export async function moveSnapshot({ source, target, message, path, network }: Transfer): Promise<boolean> {
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
  if (isDone) network.enter(target, () => target.receive(source.id, { ...message, meta: stored.meta }));
  return isDone;
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
