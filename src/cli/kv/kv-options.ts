import { type Command, Option } from 'commander';
import type { ReadOptions } from '../../index.js';
import { oneOf, wholeNumber } from '../flags.js';
import { addConnect, addJson, type ConnectFlags, type JsonFlags } from '../shared-options.js';

export interface KvFlags extends ConnectFlags, JsonFlags {
  readonly timeout: number;
}

export interface ReadFlags extends KvFlags {
  readonly consistency?: NonNullable<ReadOptions['consistency']>;
  readonly revision?: number;
}

/** What all subcommands take that end by themselves. */
export function addKv(command: Command): Command {
  const what = 'time for the whole command in milliseconds';
  return addJson(addConnect(command)).option('--timeout <MS>', what, wholeNumber(1, 86_400_000), 10_000);
}

export function addRead(command: Command): Command {
  const levels = ['linearizable', 'lease', 'eventual'];
  const what = `how new the answer must be: ${levels.join(', ')}, from newest to cheapest`;
  return addKv(command)
    .addOption(new Option('--consistency <LEVEL>', what).default('linearizable').argParser(oneOf(levels)))
    .option('--revision <N>', 'the state after this revision (default: the latest)', wholeNumber(1, MAX_REVISION));
}

export function readOptions({ consistency, revision, timeout: timeoutMs }: ReadFlags): ReadOptions {
  return { consistency, revision, timeoutMs };
}

export const MAX_REVISION = Number.MAX_SAFE_INTEGER;
