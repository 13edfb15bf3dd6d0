import type { KvAnswer, KvCommand, KvReply } from '../../kv/index.js';

/** What each command is answered with, unless it is refused. */
export const ANSWERS = {
  put: 'put',
  delete: 'delete',
  range: 'range',
  txn: 'txn',
  grantLease: 'lease',
  keepAlive: 'lease',
  timeToLive: 'lease',
  revokeLease: 'revoked',
  expireLeases: 'expired',
  compact: 'compacted',
} as const satisfies Record<KvCommand['type'], KvAnswer['type']>;

/** The reply to a command that was not refused. */
export type ReplyTo<Command extends KvCommand> = KvReply & {
  readonly answer: Extract<KvAnswer, { readonly type: (typeof ANSWERS)[Command['type']] }>;
};

/** Runs a command that may be repeated as often as it takes. */
export type RunCommand = <Command extends KvCommand>(command: Command, timeoutMs: number) => Promise<ReplyTo<Command>>;
