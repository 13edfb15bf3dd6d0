import type {
  Logger,
  LogIndex,
  SnapshotDraft,
  SnapshotMeta,
  SnapshotStore,
  StoredSnapshot,
} from '../../ports/index.js';
import type { Crc32 } from '../../wal/index.js';
import { systemCrc32 } from './crc32.js';
import { diskError, isMissing } from './disk-errors.js';
import type { DiskFile, FileSystem } from './file-system.js';
import { readHead, SnapshotFileReader, SnapshotFileWriter } from './snapshot-file.js';
import { damaged, parseSnapshotName, snapshotName } from './snapshot-format.js';

export interface DiskSnapshotStoreOptions {
  /** The snapshots' own directory. */
  readonly files: FileSystem;
  /** The Raft group; a snapshot of another group is refused. */
  readonly group: number;
  readonly logger: Logger;
  readonly crc32?: Crc32;
}

/**
 * Snapshots as files: `.snap` complete, `.tmp` being written, `.part` being received. A file gets its final name only
 * after its content is durable and was read back, so an unfinished one is never taken for a snapshot.
 *
 * Everything rejects with `DISK_FULL` or `DISK_FAILED` when the disk does; what was there before stays.
 */
export class DiskSnapshotStore implements SnapshotStore {
  private readonly files: FileSystem;
  private readonly group: number;
  private readonly logger: Logger;
  private readonly crc32: Crc32;

  constructor(options: DiskSnapshotStoreOptions) {
    this.files = options.files;
    this.group = options.group;
    this.logger = options.logger;
    this.crc32 = options.crc32 ?? systemCrc32;
  }

  /** @throws FlotillaError `SNAPSHOT_CORRUPT` when there are snapshots and none of them verifies */
  async latest(): Promise<StoredSnapshot | undefined> {
    const names = (await this.namesOf('snap')).reverse();
    // The end of the process may have come between giving a name and making it durable.
    if (names.length > 0) await this.syncNames();
    for (const name of names) {
      const stored = await this.verified(name).catch((error: unknown) => this.noteDamage(name, error));
      if (stored !== undefined) return stored;
    }
    if (names.length > 0)
      throw damaged(`${this.files.path}/${names[0]}`, 'it is damaged, and there is no good older one');
    return undefined;
  }

  async save(meta: SnapshotMeta, chunks: AsyncIterable<Uint8Array>): Promise<StoredSnapshot> {
    const name = snapshotName(meta, 'tmp');
    try {
      await this.withFile(this.files.create(name), async (file) => {
        const writer = await SnapshotFileWriter.begin(file, this.group, meta, this.crc32);
        for await (const chunk of chunks) await writer.write(chunk);
        await writer.finish();
      });
      return await this.publish(name, meta);
    } catch (error) {
      await this.files.remove(name).catch(() => undefined);
      throw diskError(error, this.files.path);
    }
  }

  async *read(meta: SnapshotMeta, fromBytes = 0): AsyncGenerator<Uint8Array> {
    const name = snapshotName(meta, 'snap');
    const file = await this.files.open(name).catch((error: unknown) => {
      throw diskError(error, this.files.path);
    });
    try {
      const reader = await SnapshotFileReader.open(file, this.pathOf(name), this.group, this.crc32);
      yield* reader.read(fromBytes);
    } finally {
      await file.close();
    }
  }

  async draft(meta: SnapshotMeta): Promise<SnapshotDraft> {
    const name = snapshotName(meta, 'part');
    try {
      const found = await this.files.open(name).catch((error: unknown) => {
        if (isMissing(error)) return undefined;
        throw error;
      });
      const resumed = found === undefined ? undefined : await this.resume(found, name, meta);
      if (resumed !== undefined) return new FileDraft(this, name, meta, resumed.file, resumed.writer);
      const file = await this.files.create(name);
      const writer = await orClosed(file, SnapshotFileWriter.begin(file, this.group, meta, this.crc32));
      return new FileDraft(this, name, meta, file, writer);
    } catch (error) {
      throw diskError(error, this.files.path);
    }
  }

  async prune(index: LogIndex): Promise<void> {
    const complete = await this.namesOf('snap');
    const old = complete.slice(0, -1).filter((name) => isBefore(name, 'snap', index));
    const parts = (await this.namesOf('part')).filter((name) => isBefore(name, 'part', index));
    for (const name of [...old, ...parts]) await this.files.remove(name);
  }

  /** Proves a finished file by reading it, then gives it its name. */
  async publish(name: string, meta: SnapshotMeta): Promise<StoredSnapshot> {
    const stored = await this.verified(name);
    await this.files.rename(name, snapshotName(meta, 'snap'));
    await this.files.syncDirectory();
    return stored;
  }

  async removeFile(name: string): Promise<void> {
    await this.files.remove(name);
  }

  pathOf(name: string): string {
    return `${this.files.path}/${name}`;
  }

  private async syncNames(): Promise<void> {
    await this.files.syncDirectory().catch((error: unknown) => {
      throw diskError(error, this.files.path);
    });
  }

  private verified(name: string): Promise<StoredSnapshot> {
    return this.withFile(this.files.open(name), async (file) => {
      const reader = await SnapshotFileReader.open(file, this.pathOf(name), this.group, this.crc32);
      await reader.verify();
      return { meta: reader.meta, ...reader.foot };
    });
  }

  private noteDamage(name: string, error: unknown): undefined {
    const failure = diskError(error, this.files.path);
    if (failure.code !== 'SNAPSHOT_CORRUPT') throw failure;
    this.logger.error(
      { file: this.pathOf(name), error: failure.message },
      'a snapshot is damaged; an older one is tried',
    );
    return undefined;
  }

  /** `undefined` when nothing of the file can be used. */
  private async resume(
    file: DiskFile,
    name: string,
    meta: SnapshotMeta,
  ): Promise<{ file: DiskFile; writer: SnapshotFileWriter } | undefined> {
    const head = await readHead(file, name, this.group, this.crc32).catch(() => undefined);
    if (head !== undefined && Buffer.compare(head.meta.config, meta.config) === 0) {
      return { file, writer: await orClosed(file, SnapshotFileWriter.resume(file, this.group, meta, this.crc32)) };
    }
    await file.close();
    return undefined;
  }

  private async namesOf(ending: string): Promise<string[]> {
    return (await this.files.list()).filter((name) => parseSnapshotName(name, ending) !== undefined);
  }

  private async withFile<T>(opened: Promise<DiskFile>, use: (file: DiskFile) => Promise<T>): Promise<T> {
    const file = await opened;
    try {
      return await use(file);
    } finally {
      await file.close();
    }
  }
}

class FileDraft implements SnapshotDraft {
  readonly meta: SnapshotMeta;
  private readonly store: DiskSnapshotStore;
  private readonly name: string;
  private readonly file: DiskFile;
  private readonly writer: SnapshotFileWriter;
  private isClosed = false;

  constructor(store: DiskSnapshotStore, name: string, meta: SnapshotMeta, file: DiskFile, writer: SnapshotFileWriter) {
    this.store = store;
    this.name = name;
    this.meta = meta;
    this.file = file;
    this.writer = writer;
  }

  get receivedBytes(): number {
    return this.writer.sizeBytes;
  }

  async write(chunk: Uint8Array): Promise<void> {
    try {
      await this.writer.write(chunk);
      // What is not in the file is lost to the next attempt.
      await this.writer.flush();
    } catch (error) {
      throw diskError(error, this.store.pathOf(this.name));
    }
  }

  async finish(sizeBytes: number, checksum: number): Promise<StoredSnapshot> {
    try {
      const foot = await this.writer.finish();
      await this.close();
      if (foot.sizeBytes !== sizeBytes || foot.checksum !== checksum) {
        throw damaged(this.store.pathOf(this.name), 'the bytes received are not those that were sent');
      }
      return await this.store.publish(this.name, this.meta);
    } catch (error) {
      await this.close().catch(() => undefined);
      const failure = diskError(error, this.store.pathOf(this.name));
      if (failure.code === 'SNAPSHOT_CORRUPT') await this.store.removeFile(this.name);
      throw failure;
    }
  }

  async close(): Promise<void> {
    if (this.isClosed) return;
    this.isClosed = true;
    await this.file.close();
  }

  async discard(): Promise<void> {
    await this.close();
    await this.store.removeFile(this.name);
  }
}

/** Closes the file when what it was opened for fails. */
async function orClosed<T>(file: DiskFile, done: Promise<T>): Promise<T> {
  try {
    return await done;
  } catch (error) {
    await file.close().catch(() => undefined);
    throw error;
  }
}

function isBefore(name: string, ending: string, index: LogIndex): boolean {
  const parsed = parseSnapshotName(name, ending);
  return parsed !== undefined && parsed.index < index;
}
