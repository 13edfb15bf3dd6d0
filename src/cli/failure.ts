import { CommanderError } from 'commander';
import { FlotillaError, RpcError } from '../index.js';

export const EXIT_OK = 0;
export const EXIT_FAILED = 1;
export const EXIT_USAGE = 2;

/** The command was given something that cannot be: exit code 2. The message names the flag and what is allowed. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The command could not do its work for a reason of its own: exit code 1. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
  /** For scripts, where there is something to tell apart. */
  readonly code: string | undefined;

  constructor(message: string, code?: string) {
    super(message);
    this.code = code;
  }
}

/** The exit code that belongs to an error. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return WITHOUT_FAULT.has(error.code) ? EXIT_OK : EXIT_USAGE;
  if (error instanceof UsageError) return EXIT_USAGE;
  if (error instanceof FlotillaError && USAGE_CODES.has(error.code)) return EXIT_USAGE;
  return EXIT_FAILED;
}

/** An error as one line without a line end: `flotilla: UNAVAILABLE (NO_WORKER): no worker serves a.b; see ...`. */
export function errorLine(error: unknown): string {
  return `flotilla: ${oneLine(errorText(error))}`;
}

/** An error for `--json`. */
export function errorJson(error: unknown): { readonly error: Readonly<Record<string, unknown>> } {
  const message = oneLine(error instanceof Error ? messageOf(error) : String(error));
  if (error instanceof RpcError) {
    const { code, reason, details, retryable, maybeExecuted } = error;
    return {
      error: { code, reason, message, retryable, maybeExecuted, ...(details === undefined ? {} : { details }) },
    };
  }
  if (error instanceof FlotillaError) return { error: { code: error.code, message } };
  if (error instanceof CommandFailure && error.code !== undefined) return { error: { code: error.code, message } };
  return { error: { code: exitCodeOf(error) === EXIT_USAGE ? 'USAGE' : 'FAILED', message } };
}

function errorText(error: unknown): string {
  if (error instanceof RpcError) return `${error.code} (${error.reason}): ${error.message}${HINTS[error.reason] ?? ''}`;
  if (error instanceof FlotillaError) return `${error.code}: ${error.message}`;
  if (error instanceof CommandFailure && error.code !== undefined) return `${error.code}: ${error.message}`;
  return error instanceof Error ? messageOf(error) : String(error);
}

function messageOf(error: Error): string {
  return error instanceof CommanderError ? error.message.replace(/^error: /, '') : error.message;
}

function oneLine(text: string): string {
  return text.trim().replaceAll(/\s*\n\s*/g, ' ');
}

/** What to do at a command line about errors whose texts are for programs too. */
const HINTS: Readonly<Record<string, string>> = {
  NO_WORKER: '; see `flotilla members`',
  NO_LEADER: '; see `flotilla status`',
  UNAUTHENTICATED: '; give the certificates of that cluster with --certs',
};
/** How commander says that it has printed what was asked for. */
const WITHOUT_FAULT: ReadonlySet<string> = new Set(['commander.helpDisplayed', 'commander.version']);
/** Setup errors that come from what was typed. */
const USAGE_CODES: ReadonlySet<string> = new Set(['OPTION_INVALID', 'ADDRESS_INVALID', 'FILTER_INVALID', 'ID_INVALID']);
