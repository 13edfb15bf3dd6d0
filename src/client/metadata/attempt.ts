import { RpcError } from '../../base/index.js';
import type { CommandSettle } from '../../ports/index.js';
import type { Settle } from '../node-channel.js';
import type { DirectorLink, PendingAttempt } from './director-links.js';

/** Who hears of an attempt's failure. */
export interface AttemptOwner {
  failed(link: DirectorLink, error: RpcError): void;
}

/** One call to one director. It can be given up: then its answer does not count any more. */
export class Attempt implements Settle, PendingAttempt {
  readonly link: DirectorLink;
  readonly startedMs: number;
  private readonly owner: AttemptOwner;
  private settle: CommandSettle | undefined;

  constructor(owner: AttemptOwner, link: DirectorLink, startedMs: number, settle: CommandSettle) {
    this.owner = owner;
    this.link = link;
    this.startedMs = startedMs;
    this.settle = settle;
    link.pending.add(this);
  }

  resolve(value: unknown): void {
    const settle = this.take();
    if (settle === undefined) return;
    if (value instanceof Uint8Array) settle.resolve(value);
    else
      settle.reject(
        RpcError.of('PEER_VIOLATION', `director ${this.link.address} answered with something else than bytes`),
      );
  }

  reject(error: RpcError): void {
    const settle = this.take();
    if (settle === undefined) return;
    this.owner.failed(this.link, error);
    settle.reject(error);
  }

  giveUp(why: string): void {
    this.take()?.reject(RpcError.of('PROPOSAL_UNKNOWN', `director ${this.link.address} has not answered, and ${why}`));
  }

  private take(): CommandSettle | undefined {
    const { settle } = this;
    this.settle = undefined;
    if (settle !== undefined) this.link.pending.delete(this);
    return settle;
  }
}
