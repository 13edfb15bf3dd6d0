import type { RpcReason } from '../base/index.js';

/** A command that is refused; becomes an error reply. Thrown only before anything was changed. */
export class Refusal extends Error {
  readonly reason: RpcReason;

  constructor(reason: RpcReason, message: string) {
    super(message);
    this.reason = reason;
  }
}
