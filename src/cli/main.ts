#!/usr/bin/env node
import { errorLine } from './failure.js';
import { flushOutput, printError, watchOutput } from './output.js';
import { run } from './run.js';

function onUnexpected(error: unknown): void {
  printError(errorLine(error));
  process.exit(1);
}

watchOutput();
process.on('uncaughtException', onUnexpected);
process.on('unhandledRejection', onUnexpected);

const exitCode = await run(process.argv.slice(2));
await flushOutput();
process.exit(exitCode);
