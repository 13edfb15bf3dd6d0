import { FlotillaError, formatAddress, type NodeId, nodeId, parseAddress, type SocketAddress } from '../base/index.js';

/** The directors of a new cluster: `d1=127.0.0.1:7401,d2=127.0.0.1:7402`, a list of those, or an object by id. */
export type Peers = string | readonly string[] | Readonly<Record<string, string>>;

/** @throws FlotillaError `OPTION_INVALID`, `ID_INVALID`, `ADDRESS_INVALID` */
export function parsePeers(peers: Peers): Map<NodeId, SocketAddress> {
  const pairs = pairsOf(peers);
  const parsed = new Map<NodeId, SocketAddress>();
  for (const [id, address] of pairs) {
    const node = nodeId(id);
    if (parsed.has(node)) throw invalid(`names ${id} twice`);
    parsed.set(node, parseAddress(address));
  }
  const addresses = new Set([...parsed.values()].map(formatAddress));
  if (addresses.size !== parsed.size) throw invalid('gives two directors the same address');
  if (parsed.size === 0 || parsed.size > FOUNDERS_MAX) throw invalid(`names ${parsed.size} directors; allowed: 1..9`);
  return parsed;
}

function pairsOf(peers: Peers): (readonly [string, string])[] {
  if (typeof peers === 'object' && !Array.isArray(peers)) return Object.entries(peers);
  const items = typeof peers === 'string' ? peers.split(',') : (peers as readonly string[]);
  return items
    .map((item) => item.trim())
    .filter((item) => item !== '')
    .map((item) => {
      const at = item.indexOf('=');
      if (at < 1) throw invalid(`has "${item}"; write ID=HOST:PORT`);
      return [item.slice(0, at), item.slice(at + 1)] as const;
    });
}

function invalid(what: string): FlotillaError {
  return new FlotillaError('OPTION_INVALID', `option peers ${what}`);
}

/** More voters make writes slower and survive no realistic failure more. */
const FOUNDERS_MAX = 9;

/** Where the directors are, as far as this one has heard. */
export class AddressBook {
  private readonly addresses = new Map<NodeId, SocketAddress>();
  private readonly onChange: (addresses: Readonly<Record<string, string>>) => void;

  constructor(known: Readonly<Record<string, string>>, onChange: (addresses: Record<string, string>) => void) {
    for (const [node, address] of Object.entries(known)) this.addresses.set(nodeId(node), parseAddress(address));
    this.onChange = onChange;
  }

  get(node: NodeId): SocketAddress | undefined {
    return this.addresses.get(node);
  }

  nodes(): NodeId[] {
    return [...this.addresses.keys()];
  }

  /** Later news replaces earlier news. */
  learn(node: NodeId, address: SocketAddress): void {
    const known = this.addresses.get(node);
    if (known?.host === address.host && known.port === address.port) return;
    this.addresses.set(node, address);
    this.onChange(this.toRecord());
  }

  toRecord(): Record<string, string> {
    return Object.fromEntries([...this.addresses].map(([node, address]) => [node, formatAddress(address)]));
  }
}
