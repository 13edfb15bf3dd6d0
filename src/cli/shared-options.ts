import { type Command, Option } from 'commander';
import { loadConfigFile, mergeOptions, type Options } from '../index.js';
import { addressList, identifier, oneOf, zeroOrNumber } from './flags.js';
import { LOG_LEVELS } from './logging.js';

/** What every command takes. */
export interface CommonFlags {
  readonly certs: string;
}

export interface JsonFlags {
  readonly json: boolean;
}

/** What commands that run or reach nodes take. */
export interface NodeFlags extends CommonFlags {
  readonly config?: string;
  readonly logLevel: string;
}

export interface ConnectFlags extends NodeFlags {
  readonly connect: readonly string[];
  readonly as: string;
}

export interface ServingFlags extends NodeFlags {
  readonly watchdog: number;
  readonly drainTimeout: number;
  readonly exitWithParent: boolean;
}

export function addCerts(command: Command): Command {
  return command.option('--certs <DIR>', 'directory of the certificates', 'certs');
}

export function addJson(command: Command): Command {
  return command.option('--json', 'print JSON instead of text for people', false);
}

export function addNode(command: Command, logLevel: string): Command {
  return addCerts(command)
    .option('--config <FILE>', 'TOML file with options, see the book’s page on options (default: none)')
    .addOption(
      new Option('--log-level <LEVEL>', `log to stderr from this level on: ${LOG_LEVELS.join(', ')}`)
        .default(logLevel)
        .argParser(oneOf(LOG_LEVELS)),
    );
}

/** For commands that talk to a cluster. */
export function addConnect(command: Command): Command {
  const what = 'the directors, any one of which will do; also from the environment variable FLOTILLA_CONNECT';
  const option = new Option('--connect <HOST:PORT,...>', what)
    .default(['127.0.0.1:7401'], '127.0.0.1:7401')
    .argParser(addressList);
  // An empty variable is as good as none.
  if (process.env.FLOTILLA_CONNECT) option.env('FLOTILLA_CONNECT');
  return addNode(command, 'warn')
    .addOption(option)
    .option(
      '--as <ID>',
      'the client to be: its certificate is DIR/ID.crt, made when DIR/ca.key is there',
      identifier,
      'client',
    );
}

/** For commands that run until they are told to stop. */
export function addServing(command: Command, logLevel = 'info'): Command {
  return addNode(command, logLevel)
    .option(
      '--watchdog <SECONDS>',
      'end a process whose event loop has not turned for so long; 0 is off',
      zeroOrNumber(0.5, 3_600),
      10,
    )
    .option(
      '--drain-timeout <MS>',
      'on SIGTERM, time for the calls in progress in milliseconds; 0 leaves at once',
      zeroOrNumber(1, 3_600_000),
      10_000,
    )
    .addOption(new Option('--exit-with-parent', 'stop when the process that started this one is gone').hideHelp());
}

/** The options of a config file, preset included; none without a file. */
export function optionsOf({ config }: NodeFlags): Options {
  if (config === undefined) return {};
  const { preset, options } = loadConfigFile(config);
  return mergeOptions(preset, options);
}
