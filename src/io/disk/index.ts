export { systemCrc32 } from './crc32.js';
export { DataDirLock, type DataDirUser } from './data-dir-lock.js';
export { diskError, isDiskFull } from './disk-errors.js';
export { type Appended, DiskLogStore, type DiskLogStoreOptions, type LogStoreCounters } from './disk-log-store.js';
export { DiskSnapshotStore, type DiskSnapshotStoreOptions } from './disk-snapshot-store.js';
export type { DiskFile, Done, FileSystem } from './file-system.js';
export {
  type EntryRange,
  type GroupInspection,
  inspectGroup,
  type LogProblem,
  type SegmentInspection,
} from './inspect-group.js';
export { inspectLog, type LogInspection } from './inspect-log.js';
export type { SnapshotInspection } from './inspect-snapshots.js';
export { JsonRecord } from './json-record.js';
export { NodeFileSystem } from './node-file-system.js';
export { type GroupRepair, type RepairOptions, type RepairReport, repairLog } from './repair-log.js';
