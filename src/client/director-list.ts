import { formatAddress, parseAddress, type SocketAddress } from '../base/index.js';

/**
 * The directors that a node can go to: those it was started with, for ever, and those that a director named last. It
 * goes round them, so that all are tried before one is tried again.
 */
export class DirectorList {
  private readonly seeds: readonly SocketAddress[];
  private addresses: readonly SocketAddress[];
  private previous: string | undefined;
  private readonly first: number;

  /**
   * @param seeds at least one
   * @param first which of them comes first
   */
  constructor(seeds: readonly SocketAddress[], first = 0) {
    this.seeds = seeds;
    this.addresses = unique(seeds);
    this.first = first;
  }

  get size(): number {
    return this.addresses.length;
  }

  list(): readonly SocketAddress[] {
    return this.addresses;
  }

  /** The one after the one given last. */
  next(): SocketAddress {
    const { addresses } = this;
    const at = addresses.findIndex((address) => formatAddress(address) === this.previous);
    const index = this.previous === undefined ? this.first : at + 1;
    const address = addresses[index % addresses.length] as SocketAddress;
    this.previous = formatAddress(address);
    return address;
  }

  /** Takes the place of what was learned before; what cannot be an address is left out, and what is beyond the bound. */
  learn(named: readonly string[]): void {
    const learned = named.slice(0, LEARNED_MAX).flatMap(addressOf);
    this.addresses = unique([...this.seeds, ...learned]);
  }

  toString(): string {
    return this.addresses.map(formatAddress).join(', ');
  }
}

function unique(addresses: readonly SocketAddress[]): readonly SocketAddress[] {
  return [...new Map(addresses.map((address) => [formatAddress(address), address])).values()];
}

function addressOf(text: string): SocketAddress[] {
  try {
    const address = parseAddress(text);
    return address.port === 0 ? [] : [address];
  } catch {
    return [];
  }
}

/** Members of the largest cluster, learners and those on their way in or out included. */
const LEARNED_MAX = 32;
