import type { Command } from 'commander';
import type { ClusterCallOptions, ClusterClient, MethodRef, WorkerResult } from '../../index.js';
import { RpcError } from '../../index.js';
import { connectClient, connectWithin, findMethod, withClient } from '../connect-client.js';
import { EXIT_FAILED, EXIT_OK, errorJson, errorLine, UsageError } from '../failure.js';
import { filter, wholeNumber } from '../flags.js';
import { print, printJson, toReadable } from '../output.js';
import { readJson, readJsonLines } from '../read-input.js';
import { addConnect, addJson, type ConnectFlags, type JsonFlags } from '../shared-options.js';
import type { Finish } from './finish.js';

interface CallFlags extends ConnectFlags, JsonFlags {
  readonly filter?: string;
  readonly timeout: number;
  readonly stream: boolean;
  readonly all: boolean;
}

interface Call {
  readonly client: ClusterClient;
  readonly method: string;
  readonly input: string;
  readonly flags: CallFlags;
  readonly options: ClusterCallOptions;
}

export function addCall(program: Command, finish: Finish): void {
  const command = program
    .command('call')
    .description('Call a method of a worker and print the reply; each message of a stream on a line of its own.')
    .argument('<METHOD>', 'SERVICE.METHOD')
    .argument('[JSON]', 'the input; - reads it from standard input', '{}')
    .option('--filter <FILTER>', 'which workers may serve it, such as role=worker,zone=a (default: any)', filter)
    .option('--timeout <MS>', 'time for the whole call in milliseconds', wholeNumber(1, 86_400_000), 30_000)
    .option('--stream', 'send each line of the input as one message, for methods that take a stream', false)
    .option('--all', 'call every worker that serves it and matches, and print what each one answers', false);
  addJson(addConnect(command)).action((method: string, input: string, flags: CallFlags) =>
    finish(runCall(method, input, flags)),
  );
}

async function runCall(method: string, input: string, flags: CallFlags): Promise<number> {
  if (flags.all && flags.stream) throw new UsageError("option '--stream' cannot be used with option '--all'");
  // Read before connecting: a slip in the input costs no connection.
  const message = flags.stream ? undefined : await readJson(input);
  const connecting = connectClient(flags, { warmConnections: false, ...connectWithin(flags.timeout) });
  return await withClient(connecting, async (client) => {
    const abort = new AbortController();
    const onSignal = (): void => abort.abort(RpcError.of('CANCELLED_BY_CALLER', 'interrupted'));
    process.once('SIGINT', onSignal);
    const options = { signal: abort.signal, timeoutMs: flags.timeout, filter: flags.filter };
    try {
      const call = { client, method, input, flags, options };
      return flags.all ? await callAll(call, message) : await callOne(call, message);
    } finally {
      process.off('SIGINT', onSignal);
    }
  });
}

async function callOne(call: Call, message: unknown): Promise<number> {
  const { client, method, flags, options } = call;
  const { kind, idempotent } = findMethod(client.workers(), method) ?? { kind: 'unary' as const, idempotent: false };
  if (kind === 'unary' && flags.stream) {
    throw new UsageError(`option '--stream' is for methods that take a stream; ${method} takes one message`);
  }
  const ref: MethodRef = { name: method, definition: { kind, idempotent } };
  switch (kind) {
    case 'unary':
      printReply(flags, await client.callWorker(method, message, flags.filter, options));
      break;
    case 'serverStream':
      await printStream(flags, client.serverStream(ref, flags.stream ? await firstLine(call) : message, options));
      break;
    case 'clientStream':
      printReply(flags, await client.clientStream(ref, messagesOf(call, message), options));
      break;
    case 'bidiStream':
      await printStream(flags, client.bidiStream(ref, messagesOf(call, message), options));
      break;
  }
  return EXIT_OK;
}

async function callAll({ client, method, flags, options }: Call, message: unknown): Promise<number> {
  const results = await client.callAllWorkers(method, message, flags.filter, options);
  if (results.length === 0) {
    const which = flags.filter === undefined ? '' : ` and matches ${flags.filter}`;
    throw RpcError.of('NO_WORKER', `no worker serves ${method}${which}`);
  }
  if (flags.json) printJson(results.map(resultJson));
  else for (const result of results) printResult(result);
  return results.every((result) => result.ok) ? EXIT_OK : EXIT_FAILED;
}

/** What a method that takes a stream is sent: lines with `--stream`, else the elements of an array or the one message. */
function messagesOf({ flags, input }: Call, message: unknown): AsyncIterable<unknown> | Iterable<unknown> {
  if (flags.stream) return readJsonLines(input);
  return Array.isArray(message) ? message : [message];
}

async function firstLine({ input }: Call): Promise<unknown> {
  for await (const line of readJsonLines(input)) return line;
  throw new UsageError('the input has no line');
}

async function printStream(flags: CallFlags, replies: AsyncIterable<unknown>): Promise<void> {
  for await (const reply of replies) printReply(flags, reply);
}

function printReply({ json }: CallFlags, reply: unknown): void {
  if (json) printJson(reply);
  else print(toReadable(reply));
}

function printResult(result: WorkerResult): void {
  print(`${result.worker}: ${result.ok ? toReadable(result.value) : errorLine(result.error)}`);
}

function resultJson(result: WorkerResult): unknown {
  const { worker } = result;
  return result.ok ? { worker, value: result.value } : { worker, ...errorJson(result.error) };
}
