import * as v from 'valibot';
import { FlotillaError, type NodeId } from '../base/index.js';
import type { DurableRecord } from '../ports/index.js';

const clusterSchema = v.object({
  id: v.string(),
  /** Data ids of those who founded it, by node; empty where they are not known (a director that joined). */
  founders: v.record(v.string(), v.string()),
  /** What this director is in each group, by group id. */
  members: v.record(v.string(), v.pipe(v.number(), v.safeInteger(), v.minValue(1))),
});

const recordSchema = v.object({
  version: v.literal(1),
  node: v.string(),
  dataId: v.string(),
  cluster: v.optional(clusterSchema),
  /** Where directors were last, by node. */
  addresses: v.record(v.string(), v.string()),
});

/** What a director remembers of itself: who it is, in which cluster, and where the others were. */
export type NodeRecord = v.InferOutput<typeof recordSchema>;
export type ClusterRecord = v.InferOutput<typeof clusterSchema>;

/** The record of one data directory, kept in memory and written at every change. */
export class NodeMemory {
  private readonly file: DurableRecord;
  private present: NodeRecord;

  private constructor(file: DurableRecord, present: NodeRecord) {
    this.file = file;
    this.present = present;
  }

  /**
   * Reads the record, or makes it with a new data id.
   *
   * @throws FlotillaError `DATA_DIR_FOREIGN` when it is another node's or not readable
   */
  static async open(file: DurableRecord, node: NodeId, newDataId: () => string): Promise<NodeMemory> {
    const found = await file.read();
    if (found === undefined) {
      const memory = new NodeMemory(file, { version: 1, node, dataId: newDataId(), addresses: {} });
      await memory.write({});
      return memory;
    }
    const parsed = v.safeParse(recordSchema, found);
    if (!parsed.success) {
      const message = 'node.json in the data directory is not a record of this version; restore it from a copy';
      throw new FlotillaError('DATA_DIR_FOREIGN', message);
    }
    if (parsed.output.node !== node) {
      const message = `the data directory is that of director ${parsed.output.node}, not of ${node}; check --data and --id`;
      throw new FlotillaError('DATA_DIR_FOREIGN', message);
    }
    return new NodeMemory(file, parsed.output);
  }

  get record(): NodeRecord {
    return this.present;
  }

  async write(change: Partial<Pick<NodeRecord, 'cluster' | 'addresses'>>): Promise<void> {
    this.present = { ...this.present, ...change };
    await this.file.write(this.present);
  }
}
