import { encodeByteList, RpcError } from '../../base/index.js';
import type { CommandSettle } from '../../ports/index.js';

/** Waits for the ends of several commands and answers for all of them: with the list of their replies, or an error. */
export class GatheredReplies {
  private readonly replies: (Uint8Array | undefined)[];
  private readonly settle: CommandSettle;
  private left: number;
  private error: RpcError | undefined;
  /** Some command was executed, or may have been. */
  private isExecuted = false;

  /** @param count at least one */
  constructor(count: number, settle: CommandSettle) {
    this.replies = new Array<Uint8Array | undefined>(count).fill(undefined);
    this.left = count;
    this.settle = settle;
  }

  /** Who hears of the end of the command at `place`. */
  at(place: number): CommandSettle {
    return {
      resolve: (reply) => {
        this.replies[place] = reply;
        this.isExecuted = true;
        this.ended();
      },
      reject: (error) => {
        // An error that says the command was not executed must not speak for others that were.
        if (this.error === undefined || error.maybeExecuted) this.error = error;
        this.isExecuted ||= error.maybeExecuted;
        this.ended();
      },
    };
  }

  private ended(): void {
    this.left -= 1;
    if (this.left > 0) return;
    const { error, replies, settle } = this;
    if (error === undefined) settle.resolve(encodeByteList(replies as Uint8Array[]));
    else settle.reject(this.isExecuted && !error.maybeExecuted ? unknown(error) : error);
  }
}

function unknown(error: RpcError): RpcError {
  const message = `of the commands sent together some were executed, not all: ${error.message}`;
  return RpcError.of('PROPOSAL_UNKNOWN', message, { cause: error });
}
