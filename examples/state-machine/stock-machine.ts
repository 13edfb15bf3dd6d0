import type { LogIndex, StateMachine } from 'flotilla-rpc';

/** What can be asked of the stock: goods arrive, and are reserved for an order as long as there are enough. */
export type StockCommand =
  | { readonly type: 'arrive'; readonly item: string; readonly pieces: number }
  | { readonly type: 'reserve'; readonly order: string; readonly item: string; readonly pieces: number };

export type StockReply =
  | { readonly ok: true; readonly left: number }
  | { readonly ok: false; readonly why: string; readonly left: number };

interface Snapshot {
  readonly pieces: [string, number][];
  readonly orders: string[];
}

// ANCHOR: machine
/**
 * A state machine of one's own: every director has one and applies the same commands in the same order. So it must be
 * deterministic (no clock, no randomness), and must not throw.
 */
export class StockMachine implements StateMachine {
  private pieces = new Map<string, number>();
  private orders = new Set<string>();

  apply(_index: LogIndex, commands: readonly Uint8Array[]): readonly Uint8Array[] {
    return commands.map((bytes) => encode(this.execute(decode(bytes) as StockCommand)));
  }

  /** Frozen before the first chunk is asked for: `apply` goes on meanwhile. */
  snapshot(): AsyncIterable<Uint8Array> {
    const frozen: Snapshot = { pieces: [...this.pieces], orders: [...this.orders] };
    return once(encode(frozen));
  }

  async restore(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    const parts: Uint8Array[] = [];
    for await (const chunk of chunks) parts.push(chunk);
    const { pieces, orders } = decode(Buffer.concat(parts)) as Snapshot;
    this.pieces = new Map(pieces);
    this.orders = new Set(orders);
  }

  /** A read of this director's copy; ask `group.readBarrier` first for one that sees every acknowledged write. */
  left(item: string): number {
    return this.pieces.get(item) ?? 0;
  }

  private execute(command: StockCommand): StockReply {
    const left = this.left(command.item);
    if (command.type === 'arrive') return this.set(command.item, left + command.pieces);
    // The same order twice (a client that repeated it) is one order.
    if (this.orders.has(command.order)) return { ok: true, left };
    if (left < command.pieces) return { ok: false, why: `only ${left} left`, left };
    this.orders.add(command.order);
    return this.set(command.item, left - command.pieces);
  }
  // ANCHOR_END: machine

  private set(item: string, pieces: number): StockReply {
    this.pieces.set(item, pieces);
    return { ok: true, left: pieces };
  }
}

export function encode(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

export function decode(bytes: Uint8Array): unknown {
  return JSON.parse(Buffer.from(bytes).toString('utf8'));
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
