/** One small record that outlives the process: written whole or not at all. */
export interface DurableRecord {
  /** What was written last; `undefined` before the first time. @throws FlotillaError `DATA_DIR_FOREIGN`, `DISK_FAILED` */
  read(): Promise<unknown>;
  /** Replaces it; durable when this resolves. @throws FlotillaError `DISK_FULL`, `DISK_FAILED` */
  write(value: object): Promise<void>;
}
