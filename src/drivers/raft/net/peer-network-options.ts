import { FlotillaError } from '../../../base/index.js';

/** How snapshots are moved to members that lag behind. */
export interface SnapshotTransferOptions {
  /**
   * Bytes (as sent, compressed) that all transfers of this process together put on the network per second. Default
   * `Infinity`: bulk yields to the other classes anyway. Set it where the network is shared with others.
   */
  readonly bytesPerSecond: number;
  /** Plain bytes of one chunk. Default 256 KiB. Larger: less work per byte, more to repeat after a broken connection. */
  readonly chunkBytes: number;
  /**
   * Chunks of at least this many bytes are compressed, where that makes them smaller by a fifth. Default 1,024;
   * `Infinity` turns compression off: right where the network is faster than the processor (above some 100 MB/s).
   */
  readonly compressAboveBytes: number;
  /** Transfers received at once; further senders wait. Default 4. Each holds a chunk or two in memory. */
  readonly receiversMax: number;
  /** A transfer without progress for this long is begun again. Default 10,000 ms. */
  readonly stallMs: number;
  /** Attempts without progress after which a transfer is given up; the leader then tries again with its newest snapshot. Default 8. */
  readonly attemptsMax: number;
}

/** Options of the network between directors; see {@link PEER_NETWORK_DEFAULTS}. */
export interface PeerNetworkOptions {
  /**
   * Bytes that may wait for one peer; appends beyond it are dropped and reported as lost. Default 16 MiB: four times
   * what one group has in flight. Larger: fewer repetitions with many groups, more memory while a peer is slow.
   */
  readonly peerBytesMax: number;
  /** The same for all peers of this process together. Default 64 MiB. */
  readonly processBytesMax: number;
  /** After this long without a sign of life, a peer that is sent something is asked for one. Default 500 ms. */
  readonly pingAfterMs: number;
  /**
   * A peer asked for a sign of life that gives none for this long gets a new connection: QUIC itself would wait for
   * its idle timeout, also when the peer is a new process that knows nothing of the old connection. Default 2,000 ms.
   * Shorter finds a restarted peer sooner; too short drops connections to one that is only busy.
   */
  readonly silenceMsMax: number;
  /**
   * How long heartbeats and their answers may wait for those of other groups, when nothing else goes to the peer.
   * Default 0: only those of one turn share a message. With hundreds of groups 5 to 10 ms saves most messages, and
   * adds as much to linearizable reads.
   */
  readonly heartbeatWindowMs: number;
  readonly snapshot: SnapshotTransferOptions;
}

/** Options as they may be given: any of them, any part of a group. */
export type PeerNetworkOptionsInput = Partial<Omit<PeerNetworkOptions, 'snapshot'>> & {
  readonly snapshot?: Partial<SnapshotTransferOptions>;
};

const MiB = 1024 * 1024;

/** What the network uses where it is told nothing. */
export const PEER_NETWORK_DEFAULTS: PeerNetworkOptions = {
  peerBytesMax: 16 * MiB,
  processBytesMax: 64 * MiB,
  pingAfterMs: 500,
  silenceMsMax: 2_000,
  heartbeatWindowMs: 0,
  snapshot: {
    bytesPerSecond: Number.POSITIVE_INFINITY,
    chunkBytes: MiB / 4,
    compressAboveBytes: 1_024,
    receiversMax: 4,
    stallMs: 10_000,
    attemptsMax: 8,
  },
};

/** Fills in the defaults. @throws FlotillaError `OPTION_INVALID` */
export function peerNetworkOptions(given: PeerNetworkOptionsInput = {}): PeerNetworkOptions {
  const defaults = PEER_NETWORK_DEFAULTS;
  const options = { ...defaults, ...given, snapshot: { ...defaults.snapshot, ...given.snapshot } };
  const { snapshot, ...own } = options;
  for (const [key, value] of Object.entries(own)) {
    const min = key === 'heartbeatWindowMs' ? 0 : Number.MIN_VALUE;
    if (!(value >= min))
      refuse(`raft.network.${key}`, value, min === 0 ? 'a number of at least 0' : 'a number above 0');
  }
  for (const [key, value] of Object.entries(snapshot)) {
    if (!(value > 0)) refuse(`raft.network.snapshot.${key}`, value, 'a number above 0');
  }
  if (!(snapshot.chunkBytes <= CHUNK_BYTES_MAX)) {
    refuse('raft.network.snapshot.chunkBytes', snapshot.chunkBytes, `at most ${CHUNK_BYTES_MAX}`);
  }
  return options;
}

/** A chunk is one message of the RPC layer (4 MiB by default) and one write at the receiver. */
export const CHUNK_BYTES_MAX = 2 * MiB;

function refuse(key: string, value: unknown, allowed: string): never {
  throw new FlotillaError('OPTION_INVALID', `${key} is ${value}; it must be ${allowed}`);
}
