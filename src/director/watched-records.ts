import type { MetadataStore } from '../drivers/metadata/index.js';
import { type KeyValue, type KvWatch, prefixRange } from '../kv/index.js';

/**
 * The few records below a prefix of the metadata, decoded, as this director's copy has them at the moment. For sets that
 * fit into one read.
 */
export class WatchedRecords<T> {
  private readonly metadata: Pick<MetadataStore, 'machine' | 'watch'>;
  private readonly prefix: string;
  private readonly decode: (item: KeyValue) => T | undefined;
  private readonly onChange: () => void;
  private kvWatch: KvWatch;
  private byName: ReadonlyMap<string, T> = new Map();

  /**
   * @param decode `undefined` for what this version cannot read
   * @param onChange called after each change, in the middle of applying it: must not throw
   */
  constructor(
    metadata: Pick<MetadataStore, 'machine' | 'watch'>,
    prefix: string,
    decode: (item: KeyValue) => T | undefined,
    onChange: () => void,
  ) {
    this.metadata = metadata;
    this.prefix = prefix;
    this.decode = decode;
    this.onChange = onChange;
    this.read();
    this.kvWatch = this.watch();
  }

  /** By what follows the prefix in their keys, in the order of keys. */
  get records(): ReadonlyMap<string, T> {
    return this.byName;
  }

  close(): void {
    this.kvWatch.cancel();
  }

  private read(): void {
    const range = prefixRange(this.prefix);
    const op = { type: 'range', range, limit: 0, revision: 0, keysOnly: false, countOnly: false } as const;
    const found = new Map<string, T>();
    for (const item of this.metadata.machine.range(op, 'cluster').items) {
      const record = this.decode(item);
      if (record !== undefined) found.set(item.key.slice(this.prefix.length), record);
    }
    this.byName = found;
  }

  private watch(): KvWatch {
    const { machine } = this.metadata;
    const options = { range: prefixRange(this.prefix), fromRevision: machine.revision + 1 };
    const watch = this.metadata.watch(options, () => this.catchUp());
    watch.poll(1);
    return watch;
  }

  private catchUp(): void {
    let isChanged = false;
    for (;;) {
      const answer = this.kvWatch.poll(EVENTS_PER_POLL);
      if (answer.type === 'compacted') {
        this.kvWatch.cancel();
        this.kvWatch = this.watch();
        isChanged = true;
        break;
      }
      if (answer.events.length > 0) isChanged = true;
      if (!answer.more) break;
    }
    if (!isChanged) return;
    this.read();
    this.onChange();
  }
}

const EVENTS_PER_POLL = 100;
