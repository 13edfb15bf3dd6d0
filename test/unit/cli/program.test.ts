import { expect } from 'chai';
import type { Command } from 'commander';
import { CommanderError } from 'commander';
import { exitCodeOf } from '../../../src/cli/failure.js';
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
      'member add',
      'member promote',
      'member demote',
      'member remove',
      'member transfer',
      'loadtest',
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
      const asks = /^(?:call|status|members|loadtest|backup|(?:member|kv) \w+)$/.test(name);
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
      ['up', '--workers', 'three'],
      ['up', '--log-level', 'loud'],
      ['up', '--watchdog', '0.1'],
      ['loadtest', '--rate'],
    ]) {
      expect(exitCodeOf(await refusal(...args)), args.join(' ')).to.equal(2);
    }
  });

  it('suggests the command or flag that was probably meant', async () => {
    expect((await refusal('membrs')).message).to.match(/'membrs'.*did you mean members/is);
    expect((await refusal('status', '--jsn')).message).to.match(/'--jsn'.*did you mean --json/is);
  });
});
