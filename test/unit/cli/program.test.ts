import { expect } from 'chai';
import type { Command } from 'commander';
import { CommanderError } from 'commander';
import { exitCodeOf, UsageError } from '../../../src/cli/failure.js';
import { createProgram } from '../../../src/cli/program.js';

const unused = async (work: Promise<number>): Promise<void> => {
  await work;
};

/** All commands that do something, with their names as typed. */
function commandsOf(parent: Command, prefix = ''): [name: string, command: Command][] {
  return parent.commands.flatMap((command): [string, Command][] => {
    const name = `${prefix}${command.name()}`;
    return command.commands.length === 0 ? [[name, command]] : commandsOf(command, `${name} `);
  });
}

/** What commander says to a command line that it refuses. */
async function refusal(...args: string[]): Promise<CommanderError> {
  try {
    await createProgram(unused).parseAsync(args, { from: 'user' });
  } catch (error) {
    if (error instanceof CommanderError) return error;
    throw error;
  }
  throw new Error(`accepted: ${args.join(' ')}`);
}

/** How a command fails that commander accepts. */
async function failure(...args: string[]): Promise<Error> {
  try {
    await createProgram(unused).parseAsync(args, { from: 'user' });
  } catch (error) {
    return error as Error;
  }
  throw new Error(`accepted: ${args.join(' ')}`);
}

describe('the command line', () => {
  const commands = commandsOf(createProgram(unused));

  it('has the commands that work now, and no others', () => {
    expect(commands.map(([name]) => name)).to.deep.equal([
      'certs init',
      'certs show',
      'certs deny',
      'up',
      'director',
      'worker',
      'call',
      'status',
      'members',
      'top',
      'member add',
      'member promote',
      'member demote',
      'member remove',
      'member transfer',
      'kv get',
      'kv put',
      'kv del',
      'kv range',
      'kv watch',
      'kv txn',
      'loadtest',
      'backup',
      'restore',
      'keys rotate',
      'wal inspect',
      'wal repair',
    ]);
  });

  for (const [name, command] of commands) {
    it(`gives every flag of ${name} a description with its default, unless it must be given`, () => {
      const lines = command.helpInformation().replaceAll(/\s+/g, ' ');
      for (const option of command.options) {
        if (option.hidden || option.mandatory) continue;
        const shown = option.defaultValueDescription ?? option.defaultValue;
        const silent = shown === false || option.description.includes('the same as');
        const hasDefault =
          option.description.includes('(default: ') || (shown !== undefined && lines.includes('(default: '));
        expect(hasDefault || silent, `${name} ${option.flags}: ${option.description}`).to.equal(true);
      }
      for (const option of command.options) expect(option.description, option.flags).to.not.equal('');
    });

    it(`takes --certs at ${name}`, () => {
      expect(command.options.map((option) => option.long)).to.include('--certs');
    });
  }

  it('takes --connect and --json where a cluster is asked', () => {
    for (const [name, command] of commands) {
      const flags = command.options.map((option) => option.long);
      const asks = /^(?:call|status|members|top|loadtest|backup|(?:member|kv|keys) \w+)$/.test(name);
      expect(flags.includes('--connect'), name).to.equal(asks);
      if (asks) expect(flags, name).to.include('--json');
    }
  });

  it('refuses with exit code 2, naming the flag, its value and what is allowed', async () => {
    const error = await refusal('loadtest', '--concurrency', '0');
    expect(exitCodeOf(error)).to.equal(2);
    expect(error.message).to.include("'--concurrency <N>' argument '0'").and.include('a whole number from 1 to 100000');
    for (const args of [
      ['call'],
      ['call', 'a.b', '{}', 'more'],
      ['call', 'a.b', '--timeout', '-5'],
      ['call', 'a.b', '--filter', 'zone in ('],
      ['call', 'a.b', '--connect', 'nowhere'],
      ['director', '--id', 'd1'],
      ['director', '--id', 'a/b', '--listen', '127.0.0.1:0'],
      ['worker', '--listen', '127.0.0.1:0'],
      ['worker', '--listen', 'x', '--join', '127.0.0.1:1'],
      ['director', '--id', 'd1', '--listen', '127.0.0.1:0', '--peers', 'd1'],
      ['director', '--id', 'd1', '--listen', '127.0.0.1:0', '--join', '127.0.0.1:0'],
      ['member', 'add'],
      ['member', 'add', 'a/b'],
      ['member', 'promote', 'd4', '127.0.0.1:7404'],
      ['member', 'remove', 'd4', '--group', '70000'],
      ['kv', 'get'],
      ['kv', 'get', 'a', '--consistency', 'strong'],
      ['kv', 'put', 'a'],
      ['kv', 'put', 'a', 'b', '--lease', '5'],
      ['kv', 'range', 'a', '--limit', '0'],
      ['kv', 'watch', 'a', '--from-revision', '0'],
      ['kv', 'txn'],
      ['backup'],
      ['restore', 'file'],
      ['up', '--directors', '10'],
      ['up', '--workers', 'three'],
      ['up', '--log-level', 'loud'],
      ['up', '--watchdog', '0.1'],
      ['loadtest', '--rate'],
      ['top', '--interval', '0'],
    ]) {
      expect(exitCodeOf(await refusal(...args)), args.join(' ')).to.equal(2);
    }
  });

  it('refuses flags that contradict each other, and says which', async () => {
    const director = ['director', '--id', 'd1', '--listen', '127.0.0.1:0', '--certs', 'nowhere'];
    const peers = ['--peers', 'd1=127.0.0.1:1,d2=127.0.0.1:2'];
    for (const [args, text] of [
      [[...director, ...peers], "'--peers' needs option '--data'"],
      [[...director, '--join', '127.0.0.1:1'], "'--join' needs option '--data'"],
      [[...director, ...peers, '--join', '127.0.0.1:1', '--data', 'd'], "'--peers' is for a new cluster"],
      [[...director, '--peers', 'd2=127.0.0.1:2', '--data', 'd'], 'does not name this director: add d1='],
      [['up', '--directors', '3', '--listen', '127.0.0.1:65534'], 'no 3 ports'],
      [['kv', 'range', 'a', '--from', 'b'], "PREFIX 'a' cannot be used with option '--from'"],
      [['kv', 'range', '--count', '--limit', '3'], "'--count' cannot be used with option '--limit'"],
      [['kv', 'watch', 'a', '--to', 'b'], "PREFIX 'a' cannot be used with option '--to'"],
      [['kv', 'del'], 'name a KEY'],
      [['kv', 'del', 'a', '--prefix', 'b'], "KEY cannot be used with option '--prefix'"],
      [['kv', 'del', '--prefix', ''], 'every key there is'],
      [['kv', 'txn', '{"if":1}'], 'if is a list'],
    ] as const) {
      const error = await failure(...args);
      expect(error, args.join(' ')).to.be.instanceOf(UsageError);
      expect(error.message, args.join(' ')).to.include(text);
    }
  });

  it('suggests the command or flag that was probably meant', async () => {
    expect((await refusal('membrs')).message).to.match(/'membrs'.*did you mean members/is);
    expect((await refusal('status', '--jsn')).message).to.match(/'--jsn'.*did you mean --json/is);
  });
});
