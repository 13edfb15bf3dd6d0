export { type Crc32, tableCrc32 } from './crc32.js';
export { ENTRY_HEAD_BYTES, entryBytes, readEntries, writeEntry } from './entry-codec.js';
export { inspectSegment, type SegmentReport } from './inspect.js';
export { LogDamage } from './log-damage.js';
export { LogRecovery, otherVersion, type RecoveredLog } from './log-recovery.js';
export { LogShape } from './log-shape.js';
export { LogWriter, type WriterSegment, type WriterStart } from './log-writer.js';
export { RECORD, RECORD_HEAD_BYTES, type RecordType } from './record.js';
export { SegmentCatalog, type SegmentFile } from './segment-catalog.js';
export {
  decodeSegmentHeader,
  encodeSegmentHeader,
  HEADER_BYTES,
  type HeaderFault,
  type SegmentHeader,
  segmentName,
  segmentSequence,
} from './segment-header.js';
export { type SegmentScan, scanSegment } from './segment-scan.js';
