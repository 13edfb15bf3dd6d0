/**
 * One director with real files, for tests that kill it. Its arguments are its options and the ids of its groups, both as
 * JSON; it answers one question at a time.
 */
import { Director, type DirectorOptions, type RpcError } from '../../../src/index.js';
import { ListMachine } from '../../support/list-machine.js';

export type Question =
  | { readonly type: 'hash' }
  | { readonly type: 'propose'; readonly group: number; readonly text: string }
  | { readonly type: 'items'; readonly group: number };

const options = JSON.parse(process.argv[2] ?? '{}') as DirectorOptions;
const ids = JSON.parse(process.argv[3] ?? '[]') as number[];
const machines = new Map(ids.map((id) => [id, new ListMachine()]));
const groups = [...machines].map(([id, machine]) => ({ id, machine }));
const director = await Director.start({ ...options, groups });
void director.failed.then((error) => {
  process.stderr.write(`${options.id}: ${error.code}: ${error.message}\n`);
  process.exit(1);
});

async function answer(question: Question): Promise<unknown> {
  if (question.type === 'hash') return director.metadataHash();
  const group = await director.groupStarted(question.group, { timeoutMs: WAIT_MS });
  if (question.type === 'propose') {
    await group.propose(Buffer.from(question.text), { timeoutMs: WAIT_MS });
    return undefined;
  }
  await group.readBarrier('linearizable', { timeoutMs: WAIT_MS });
  return machines.get(question.group)?.items;
}

const WAIT_MS = 60_000;
process.on('message', (question: Question) => {
  answer(question).then(
    (said) => process.send?.({ said }),
    (error: RpcError) => process.send?.({ said: `${error.reason}: ${error.message}` }),
  );
});
// The parent's end is the end of its directors.
process.on('disconnect', () => process.exit(0));
process.send?.('ready');
