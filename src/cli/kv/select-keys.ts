import type { Command } from 'commander';
import type { KeySelector } from '../../index.js';
import { UsageError } from '../failure.js';

export interface SelectionFlags {
  readonly from?: string;
  readonly to?: string;
}

export function addSelection(command: Command): Command {
  return command
    .argument('[PREFIX]', 'all keys that begin with it (default: all keys)')
    .option('--from <KEY>', 'instead of PREFIX: keys from this one on (default: the first)')
    .option('--to <KEY>', 'instead of PREFIX: keys before this one (default: the last, included)');
}

/** @throws UsageError when PREFIX is given along with --from or --to */
export function selectionOf(prefix: string | undefined, { from, to }: SelectionFlags): KeySelector {
  if (from === undefined && to === undefined) return { prefix: prefix ?? '' };
  if (prefix !== undefined) {
    throw new UsageError(`PREFIX '${prefix}' cannot be used with option '--${from === undefined ? 'to' : 'from'}'`);
  }
  return { from: from ?? '', to };
}
