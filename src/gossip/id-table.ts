import type { NodeId } from '../base/index.js';

/**
 * Node ids as small numbers, so that what a node holds of its members lies in plain arrays. A slot is counted by its
 * users and given to another id when the last one releases it. One table may serve many cores: a simulation of
 * 10,000 nodes then keeps each id once.
 */
export class IdTable {
  private readonly slots = new Map<NodeId, number>();
  private readonly ids: (NodeId | undefined)[] = [];
  private readonly hashes: number[] = [];
  private readonly users: number[] = [];
  private readonly free: number[] = [];

  /** The slot of an id, -1 when nobody holds it. */
  find(id: NodeId): number {
    return this.slots.get(id) ?? -1;
  }

  /** The slot of an id, which stays its own until `release`. */
  acquire(id: NodeId): number {
    const known = this.slots.get(id);
    if (known !== undefined) {
      this.users[known] = (this.users[known] ?? 0) + 1;
      return known;
    }
    const slot = this.free.pop() ?? this.ids.length;
    this.slots.set(id, slot);
    this.ids[slot] = id;
    this.hashes[slot] = hashId(id);
    this.users[slot] = 1;
    return slot;
  }

  release(slot: number): void {
    const id = this.ids[slot];
    const users = (this.users[slot] ?? 0) - 1;
    if (id === undefined) return;
    this.users[slot] = users;
    if (users > 0) return;
    this.slots.delete(id);
    this.ids[slot] = undefined;
    this.free.push(slot);
  }

  hashOf(slot: number): number {
    return this.hashes[slot] ?? 0;
  }
}

/** 32 bits of FNV-1a over the id, stirred by MurmurHash3's finalizer. Not cryptographic. */
export function hashId(id: NodeId): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < id.length; at += 1) hash = Math.imul(hash ^ id.charCodeAt(at), 0x01000193);
  return stir(hash);
}

/** MurmurHash3's 32-bit finalizer: every input bit changes half of the output bits. */
export function stir(word: number): number {
  let hash = word ^ (word >>> 16);
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
