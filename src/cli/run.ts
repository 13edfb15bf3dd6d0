import { CommanderError } from 'commander';
import { EXIT_OK, EXIT_USAGE, errorJson, errorLine, exitCodeOf } from './failure.js';
import { printError, toJson } from './output.js';
import { createProgram } from './program.js';

/** Runs one command line, without program and script name; resolves to the exit code. Errors are printed. */
export async function run(args: readonly string[]): Promise<number> {
  let exitCode = EXIT_OK;
  const program = createProgram(async (work) => {
    exitCode = await work;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    // A command without its subcommand has printed its help.
    if (error instanceof CommanderError && error.code === 'commander.help') return EXIT_USAGE;
    const failedCode = exitCodeOf(error);
    if (failedCode === EXIT_OK) return EXIT_OK;
    printError(wantsJson(args) ? toJson(errorJson(error)) : errorLine(error));
    return failedCode;
  }
}

function wantsJson(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return (end === -1 ? args : args.slice(0, end)).includes('--json');
}
