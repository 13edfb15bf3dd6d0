/**
 * The files of one directory as the disk drivers need them. `NodeFileSystem` is the real one; `testing/SimulatedDisk`
 * loses, tears, delays and refuses. Names are plain file names without a path. Errors are Node's (`code` says `ENOSPC`,
 * `ENOENT`, `EIO`, ...).
 */
export interface FileSystem {
  /** For messages: where the directory is. */
  readonly path: string;
  /** All names in the directory, sorted. */
  list(): Promise<readonly string[]>;
  /** The whole file. */
  read(name: string): Promise<Buffer>;
  /** Opens an existing file for reading and writing. */
  open(name: string): Promise<DiskFile>;
  /** Makes an empty file, in place of one of that name. */
  create(name: string): Promise<DiskFile>;
  /** Atomic for those who look; durable after `syncDirectory`. Replaces `to`. */
  rename(from: string, to: string): Promise<void>;
  /** A name that is not there is fine. */
  remove(name: string): Promise<void>;
  /** Makes names durable. */
  syncDirectory(): Promise<void>;
}

/** The part of it that changes nothing. */
export interface ReadableDirectory extends Pick<FileSystem, 'path' | 'list' | 'read'> {
  /** Opens an existing file for reading at least. */
  open(name: string): Promise<ReadableFile>;
}

export type ReadableFile = Pick<DiskFile, 'read' | 'readInto' | 'sizeBytes' | 'close'>;

/** `undefined`: it worked. */
export type Done = (error: Error | undefined) => void;

/** Writes and syncs of one file are not ordered among each other: wait for one before the next where it matters. */
export interface DiskFile {
  /** Writes all of `bytes`, which stay untouched until `done`. With the system, not durable. */
  write(bytes: Uint8Array, position: number, done: Done): void;
  /**
   * Writes all of `bytes` and makes them durable, with what else the file needs to be read back: one trip to the
   * thread pool instead of two. After an error nothing is known about the bytes.
   */
  writeDurably(bytes: Uint8Array, position: number, done: Done): void;
  /** Makes everything written durable. */
  sync(done: Done): void;
  /** Up to `size` bytes from `position`; fewer only at the end of the file. */
  read(position: number, size: number): Promise<Buffer>;
  /** Fills `bytes` from `position` on; resolves with how many there were, fewer only at the end of the file. */
  readInto(bytes: Uint8Array, position: number): Promise<number>;
  sizeBytes(): Promise<number>;
  truncate(sizeBytes: number): Promise<void>;
  close(): Promise<void>;
}

/** A promise around one of the callback methods. */
export function settled(start: (done: Done) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    start((error) => (error === undefined ? resolve() : reject(error)));
  });
}
