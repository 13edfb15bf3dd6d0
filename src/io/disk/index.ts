export { systemCrc32 } from './crc32.js';
export { DataDirLock } from './data-dir-lock.js';
export { diskError, isDiskFull } from './disk-errors.js';
export { type Appended, DiskLogStore, type DiskLogStoreOptions, type LogStoreCounters } from './disk-log-store.js';
export { DiskSnapshotStore, type DiskSnapshotStoreOptions } from './disk-snapshot-store.js';
export type { DiskFile, Done, FileSystem } from './file-system.js';
export { NodeFileSystem } from './node-file-system.js';
