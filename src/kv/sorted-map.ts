import sortedBtree from 'sorted-btree';

/** A pair as the tree hands it out. */
export type Pair<K, V> = readonly [K, V];

/**
 * A map in key order with an O(1) copy: the few methods of the B+ tree of `sorted-btree` that the store needs, so that
 * another tree could take its place. Everything else is O(log n).
 */
export class SortedMap<K, V> {
  private readonly tree: Tree<K, V>;

  /** `compare` must be a total order; a copy of a map brings its own. */
  constructor(compare: (a: K, b: K) => number, tree: Tree<K, V> = new sortedBtree.default<K, V>([], compare)) {
    this.tree = tree;
  }

  get size(): number {
    return this.tree.size;
  }

  get(key: K): V | undefined {
    return this.tree.get(key);
  }

  has(key: K): boolean {
    return this.tree.has(key);
  }

  set(key: K, value: V): void {
    this.tree.set(key, value);
  }

  /** False when it was not there. */
  delete(key: K): boolean {
    return this.tree.delete(key);
  }

  /** Pairs in order, from `from` on. The map must not be changed meanwhile. */
  entries(from?: K): IterableIterator<[K, V]> {
    return this.tree.entries(from);
  }

  first(): Pair<K, V> | undefined {
    const key = this.tree.minKey();
    return key === undefined ? undefined : [key, this.tree.get(key) as V];
  }

  /** The last pair whose key is `key` or before it. */
  atOrBefore(key: K): Pair<K, V> | undefined {
    return this.tree.getPairOrNextLower(key);
  }

  /** A copy that later changes of this map do not reach: nodes are shared until one side changes them. */
  copy(): SortedMap<K, V> {
    return new SortedMap(compareNothing, this.tree.clone());
  }
}

type Tree<K, V> = InstanceType<typeof sortedBtree.default<K, V>>;

function compareNothing(): number {
  return 0;
}

export function compareNumbers(a: number, b: number): number {
  return a - b;
}

/** By UTF-16 code units, as JavaScript's `<` has it. */
export function compareKeys(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
