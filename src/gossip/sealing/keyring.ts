import nacl from 'tweetnacl';
import { FlotillaError } from '../../base/index.js';

/** A key as the keyring uses it: bound to one cluster. */
export interface ClusterKey {
  readonly secret: Uint8Array;
  /** One byte on the wire that tells which key to try first; says nothing about the secret. */
  readonly hint: number;
}

/**
 * The shared keys of a cluster's gossip: the first one seals, all of them open. Rotation without downtime: `install`
 * the new key everywhere, `use` it everywhere, `remove` the old one everywhere.
 *
 * The cluster's id is hashed into each key, so that datagrams of another cluster do not open even where an operator
 * gave both the same key.
 */
export class Keyring {
  private readonly clusterId: string;
  private entries: { readonly key: Uint8Array; readonly bound: ClusterKey }[];

  /** @throws FlotillaError `OPTION_INVALID` without a key, or with one that is not 32 bytes long */
  constructor(clusterId: string, keys: readonly Uint8Array[]) {
    this.clusterId = clusterId;
    this.entries = [];
    for (const key of keys) this.install(key);
    if (this.entries.length === 0)
      throw new FlotillaError('OPTION_INVALID', 'the gossip keyring needs at least one key');
  }

  /** Copies, the sealing key first. */
  keys(): Uint8Array[] {
    return this.entries.map((entry) => entry.key.slice());
  }

  /** From now on datagrams under `key` open too. A key that is there already stays where it is. */
  install(key: Uint8Array): void {
    if (key.length !== nacl.secretbox.keyLength) {
      throw new FlotillaError('OPTION_INVALID', `a gossip key has ${key.length} bytes; it must have 32`);
    }
    if (this.find(key) !== undefined) return;
    if (this.entries.length === KEYS_MAX) {
      throw new FlotillaError('OPTION_INVALID', `the gossip keyring holds ${KEYS_MAX} keys; remove one first`);
    }
    this.entries.push({ key: key.slice(), bound: bindToCluster(key, this.clusterId) });
  }

  /** From now on `key` seals. @throws FlotillaError `OPTION_INVALID` when it is not installed */
  use(key: Uint8Array): void {
    const entry = this.find(key);
    if (entry === undefined) throw new FlotillaError('OPTION_INVALID', 'install a gossip key before it is used');
    this.entries = [entry, ...this.entries.filter((other) => other !== entry)];
  }

  /** From now on datagrams under `key` do not open. @throws FlotillaError `OPTION_INVALID` for the key that seals */
  remove(key: Uint8Array): void {
    const entry = this.find(key);
    if (entry === undefined) return;
    if (entry === this.entries[0]) {
      throw new FlotillaError('OPTION_INVALID', 'use another gossip key before this one is removed');
    }
    this.entries = this.entries.filter((other) => other !== entry);
  }

  /** Holds exactly these keys from now on, the first one sealing. @throws FlotillaError `OPTION_INVALID`; nothing changes */
  replace(keys: readonly Uint8Array[]): void {
    const [sealing] = keys;
    if (sealing === undefined) throw new FlotillaError('OPTION_INVALID', 'the gossip keyring needs at least one key');
    const before = this.entries;
    this.entries = [];
    try {
      for (const key of keys) this.install(key);
    } catch (error) {
      this.entries = before;
      throw error;
    }
  }

  /** The key that seals. */
  get primary(): ClusterKey {
    return (this.entries[0] as { readonly bound: ClusterKey }).bound;
  }

  /** Opens a box under whichever key fits; `undefined` when none does. */
  open(box: Uint8Array, nonce: Uint8Array, hint: number): Uint8Array | undefined {
    for (const { bound } of this.entries) {
      if (bound.hint !== hint) continue;
      const opened = nacl.secretbox.open(box, nonce, bound.secret);
      if (opened !== null) return opened;
    }
    return undefined;
  }

  private find(key: Uint8Array): (typeof this.entries)[number] | undefined {
    return this.entries.find((entry) => entry.key.length === key.length && nacl.verify(entry.key, key));
  }
}

function bindToCluster(key: Uint8Array, clusterId: string): ClusterKey {
  const hashed = nacl.hash(Buffer.concat([Buffer.from(`flotilla gossip 1\n${clusterId}\n`), key]));
  return { secret: hashed.slice(0, nacl.secretbox.keyLength), hint: hashed[nacl.secretbox.keyLength] as number };
}

/** Each one with the right hint costs an attempt to open per forged datagram. */
const KEYS_MAX = 8;
