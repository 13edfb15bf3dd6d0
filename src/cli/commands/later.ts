/** Flags whose names are settled and whose work comes with the Raft group of directors. */
import { type Command, Option } from 'commander';
import { UsageError } from '../failure.js';

export interface LaterFlags {
  readonly peers?: string;
  readonly join?: string;
}

export function addWithRaft(command: Command): Command {
  return command
    .addOption(new Option('--peers <ID=HOST:PORT,...>', 'the other directors').hideHelp())
    .addOption(new Option('--join <HOST:PORT>', 'a director of the cluster to join').hideHelp());
}

/** @throws UsageError when one of them is given */
export function refuseLater(flags: LaterFlags): void {
  for (const name of ['peers', 'join'] as const) {
    const value = flags[name];
    if (value !== undefined) {
      throw new UsageError(
        `option '--${name}' is '${value}'; several directors come with Raft: leave it out and run one`,
      );
    }
  }
}
