import { setTimeout as wait } from 'node:timers/promises';
import type { Command } from 'commander';
import type { DirectorClient } from '../../index.js';
import { unreached } from '../cluster/ask-directors.js';
import { withDirectors } from '../connect-client.js';
import { EXIT_OK, errorLine } from '../failure.js';
import { positiveNumber } from '../flags.js';
import { print, printJson } from '../output.js';
import { addConnect, addJson, type ConnectFlags, type JsonFlags } from '../shared-options.js';
import { StopRequest } from '../stop-request.js';
import { LiveScreen } from '../top/live-screen.js';
import { type NodeRow, NodeRows } from '../top/node-rows.js';
import { formatTop } from '../top/top-table.js';
import type { Finish } from './finish.js';

interface TopFlags extends ConnectFlags, JsonFlags {
  readonly interval: number;
  readonly once: boolean;
}

export function addTop(program: Command, finish: Finish): void {
  const command = program
    .command('top')
    .description('Show what every node does, again and again until Ctrl-C: calls, handler times, health.')
    .option('--interval <SECONDS>', 'time between two looks, over which rates are taken', positiveNumber(3_600, 0.1), 1)
    .option('--once', 'look twice, one interval apart, print and end', false);
  addJson(addConnect(command)).action((flags: TopFlags) => finish(runTop(flags)));
}

async function runTop(flags: TopFlags): Promise<number> {
  const stop = new StopRequest();
  try {
    return await withDirectors(flags, (directors) => watch(directors, flags, stop));
  } finally {
    stop.release();
  }
}

async function watch(directors: DirectorClient, flags: TopFlags, stop: StopRequest): Promise<number> {
  const rows = new NodeRows();
  const look = async (): Promise<NodeRow[]> => {
    try {
      return rows.next(await directors.nodes({ timeoutMs: ANSWER_TIMEOUT_MS }));
    } catch (error) {
      throw unreached(error, flags.connect);
    }
  };
  const ending = new AbortController();
  void stop.requested.then(() => ending.abort());
  const pause = () => wait(flags.interval * 1_000, undefined, { signal: ending.signal }).catch(() => undefined);

  // That nobody is there is said at once; later it may pass.
  let latest = await look();
  if (flags.once) {
    await pause();
    if (!stop.isRequested) show(flags, await look());
    return EXIT_OK;
  }
  const screen = flags.json ? undefined : new LiveScreen();
  try {
    screen?.show(formatTop(latest));
    while (!stop.isRequested) {
      await pause();
      if (stop.isRequested) break;
      try {
        latest = await look();
        if (screen === undefined) show(flags, latest);
        else screen.show(formatTop(latest));
      } catch (error) {
        if (screen === undefined) throw error;
        screen.show(`${errorLine(error)}\n\n${formatTop(latest)}`);
      }
    }
  } finally {
    screen?.end();
  }
  return EXIT_OK;
}

function show({ json }: TopFlags, rows: readonly NodeRow[]): void {
  if (json) printJson(rows);
  else print(formatTop(rows));
}

/** A node that takes longer is called silent. */
const ANSWER_TIMEOUT_MS = 2_000;
