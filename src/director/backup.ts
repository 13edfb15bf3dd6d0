import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import { FlotillaError } from '../base/index.js';
import type { MetadataStore } from '../drivers/metadata/index.js';
import { type Checksum, encodeRequest, type KvCommand, KvMachine, type RangeOp, RESERVED_PREFIX } from '../kv/index.js';
import type { LogIndex } from '../ports/index.js';

/**
 * A backup is one line of text (`flotilla-backup 1 {json}`), the snapshot of a metadata machine, and the SHA-256 of all
 * that. It holds what users stored; the cluster's own records (members, registrations, keys) belong to the cluster that
 * was, and a new one makes its own.
 */
export interface BackupHeader {
  readonly clusterId: string;
  /** Of the metadata, when the backup was made. */
  readonly revision: number;
}

export class Backup {
  private readonly metadata: MetadataStore;
  private readonly clusterId: string;
  private readonly checksum: Checksum;

  constructor(metadata: MetadataStore, clusterId: string, checksum: Checksum) {
    this.metadata = metadata;
    this.clusterId = clusterId;
    this.checksum = checksum;
  }

  /** The bytes of a backup of everything acknowledged before the call. @throws RpcError `NO_LEADER` */
  async *chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    await this.metadata.group.readBarrier('linearizable');
    const machine = await usersPart(this.metadata.machine, this.checksum);
    const header: BackupHeader = { clusterId: this.clusterId, revision: machine.revision };
    const hash = createHash('sha256');
    const counted = (bytes: Uint8Array): Uint8Array => {
      hash.update(bytes);
      return bytes;
    };
    yield counted(Buffer.from(`${MAGIC} ${JSON.stringify(header)}\n`));
    for await (const chunk of inTurns(machine)) yield counted(Buffer.from(chunk));
    yield hash.digest();
  }
}

/**
 * Verifies a whole backup and gives the machine's snapshot in it.
 *
 * @throws FlotillaError `BACKUP_CORRUPT`
 */
export function openBackup(bytes: Buffer): { header: BackupHeader; checksum: string; snapshot: Buffer } {
  const lineEnd = bytes.subarray(0, HEADER_BYTES_MAX).indexOf('\n');
  const line = bytes.subarray(0, Math.max(0, lineEnd)).toString('utf8');
  if (!line.startsWith(`${MAGIC} `)) throw corrupt('it does not begin like a backup of this version');
  const content = bytes.subarray(0, Math.max(0, bytes.length - HASH_BYTES));
  const hash = createHash('sha256').update(content).digest();
  if (content.length <= lineEnd || !hash.equals(bytes.subarray(content.length))) {
    throw corrupt('its checksum is wrong: it is damaged or was cut');
  }
  const header = JSON.parse(line.slice(MAGIC.length + 1)) as BackupHeader;
  return { header, checksum: hash.toString('hex'), snapshot: content.subarray(lineEnd + 1) };
}

/**
 * What a backup says of itself, once all of it is verified.
 *
 * @throws FlotillaError `BACKUP_CORRUPT`
 */
export function verifyBackup(bytes: Buffer): BackupHeader {
  return openBackup(bytes).header;
}

/** A copy of the state without reserved keys and without history. */
async function usersPart(source: KvMachine, checksum: Checksum): Promise<KvMachine> {
  const machine = new KvMachine(checksum);
  await machine.restore(inTurns(source));
  for (;;) {
    const { items } = machine.range({ ...RESERVED, limit: DELETED_AT_ONCE }, 'cluster');
    const last = items.at(-1);
    if (last === undefined) break;
    await setImmediate();
    run(machine, { type: 'delete', range: { from: RESERVED_PREFIX, to: `${last.key}\u0000` }, returnPrevious: false });
  }
  // Each takes a bounded bite of the history, in which the reserved keys still are.
  do {
    await setImmediate();
    run(machine, { type: 'compact', revision: machine.revision });
  } while (machine.isForgetting);
  return machine;
}

/** The director has other things to do between two chunks. */
async function* inTurns(machine: KvMachine): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of machine.snapshot()) {
    yield chunk;
    await setImmediate();
  }
}

function run(machine: KvMachine, command: KvCommand): void {
  machine.apply(0 as LogIndex, [encodeRequest({ command, origin: 'cluster', session: undefined })]);
}

function corrupt(what: string): FlotillaError {
  return new FlotillaError('BACKUP_CORRUPT', `the backup cannot be used: ${what}; use another one`);
}

const RESERVED: RangeOp = {
  type: 'range',
  range: { from: RESERVED_PREFIX, to: '\u0001' },
  limit: 0,
  revision: 0,
  keysOnly: true,
  countOnly: false,
};
const DELETED_AT_ONCE = 1_000;
const MAGIC = 'flotilla-backup 1';
const HEADER_BYTES_MAX = 4_096;
const HASH_BYTES = 32;
