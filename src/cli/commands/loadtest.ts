import type { Command } from 'commander';
import { filter, positiveNumber, wholeNumber } from '../flags.js';
import type { LoadFlags } from '../load/load-flags.js';
import { addConnect, addJson } from '../shared-options.js';
import type { Finish } from './finish.js';

export function addLoadtest(program: Command, finish: Finish): void {
  const command = program
    .command('loadtest')
    .description('Call a unary method again and again, and show throughput and latencies. Fails when a call failed.')
    .argument('[METHOD]', 'SERVICE.METHOD', 'echo.echo')
    .option('--concurrency <N>', 'calls in progress (default: 64; with --rate at most, 4096)', wholeNumber(1, 100_000))
    .option('--duration <S>', 'seconds; Ctrl-C ends the test earlier', positiveNumber(86_400), 10)
    .option(
      '--rate <R>',
      'calls per second, sent when due whatever becomes of others; latencies count from then (default: as fast as answered)',
      positiveNumber(10_000_000),
    )
    .option(
      '--payload <BYTES>',
      'size of the input for echo.echo, text.count and methods that take bytes',
      wholeNumber(0, 16_777_216),
      64,
    )
    .option(
      '--input <JSON>',
      'the input of each call, instead of --payload; - reads it from standard input (default: none)',
    )
    .option('--filter <FILTER>', 'which workers may serve, such as role=worker,zone=a (default: any)', filter)
    .option('--timeout <MS>', 'time for each call in milliseconds', wholeNumber(1, 86_400_000), 30_000);
  addJson(addConnect(command)).action((method: string, flags: LoadFlags) => finish(runWhenAsked(method, flags)));
}

/** Nodes and other commands do without the histogram and what belongs to it. */
async function runWhenAsked(method: string, flags: LoadFlags): Promise<number> {
  const { runLoadtest } = await import('../load/run-loadtest.js');
  return await runLoadtest(method, flags);
}
