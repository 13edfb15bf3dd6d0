import type { Command } from 'commander';
import { wholeNumber } from '../flags.js';
import type { DeleteFlags, PutFlags } from '../kv/change-keys.js';
import { addKv, addRead, type KvFlags, MAX_REVISION, type ReadFlags } from '../kv/kv-options.js';
import type { RangeFlags } from '../kv/read-keys.js';
import { addSelection } from '../kv/select-keys.js';
import type { WatchFlags } from '../kv/watch-keys.js';
import { addConnect, addJson } from '../shared-options.js';
import type { Finish } from './finish.js';

/** The cluster's metadata store from the command line. */
export function addKeyValue(program: Command, finish: Finish): void {
  const kv = program
    .command('kv')
    .description('Read, change and watch the keys of the metadata store.')
    .helpCommand(false);
  addGet(kv, finish);
  addPut(kv, finish);
  addDelete(kv, finish);
  addRange(kv, finish);
  addWatch(kv, finish);
  addTransaction(kv, finish);
}

function addGet(kv: Command, finish: Finish): void {
  const get = kv.command('get').argument('<KEY>', 'the key');
  addRead(get)
    .description('Print the value of a key as it is; exit code 1 when there is none.')
    .action((key: string, flags: ReadFlags) =>
      finish(import('../kv/read-keys.js').then(({ runGet }) => runGet(key, flags))),
    );
}

function addPut(kv: Command, finish: Finish): void {
  const put = kv
    .command('put')
    .description('Set a key.')
    .argument('<KEY>', 'the key')
    .argument('<VALUE>', 'its value; - reads it from standard input')
    .option(
      '--lease <MS>',
      'delete the key after so many milliseconds, unless it is put again before (default: keep it)',
      wholeNumber(100, 604_800_000),
    );
  addKv(put).action((key: string, value: string, flags: PutFlags) =>
    finish(import('../kv/change-keys.js').then(({ runPut }) => runPut(key, value, flags))),
  );
}

function addDelete(kv: Command, finish: Finish): void {
  const del = kv
    .command('del')
    .description('Delete a key, or all that begin with a prefix; prints how many there were.')
    .argument('[KEY]', 'the key')
    .option('--prefix <PREFIX>', 'instead of KEY: all keys that begin with it, at most 10,000 (default: none)');
  addKv(del).action((key: string | undefined, flags: DeleteFlags) =>
    finish(import('../kv/change-keys.js').then(({ runDelete }) => runDelete(key, flags))),
  );
}

function addRange(kv: Command, finish: Finish): void {
  const range = addSelection(kv.command('range'))
    .description('Print keys with their values, one per line and separated by a tab, in key order.')
    .option('--limit <N>', 'at most so many keys (default: all)', wholeNumber(1, MAX_REVISION))
    .option('--keys-only', 'print the keys alone', false)
    .option('--count', 'print how many keys there are', false);
  addRead(range).action((prefix: string | undefined, flags: RangeFlags) =>
    finish(import('../kv/read-keys.js').then(({ runRange }) => runRange(prefix, flags))),
  );
}

function addWatch(kv: Command, finish: Finish): void {
  const watch = addSelection(kv.command('watch'))
    .description('Print changes of keys, one per line, until Ctrl-C.')
    .option(
      '--from-revision <N>',
      'the first revision to be told (default: what changes from now on)',
      wholeNumber(1, MAX_REVISION),
    );
  addJson(addConnect(watch)).action((prefix: string | undefined, flags: WatchFlags) =>
    finish(import('../kv/watch-keys.js').then(({ runWatch }) => runWatch(prefix, flags))),
  );
}

function addTransaction(kv: Command, finish: Finish): void {
  const txn = kv
    .command('txn')
    .description('Compare and change at once: carry out "do" if all conditions of "if" hold, else "else".')
    .argument('<JSON>', 'the transaction; - reads it from standard input')
    .addHelpText('after', TRANSACTION_HELP);
  addKv(txn).action((document: string, flags: KvFlags) =>
    finish(import('../kv/run-transaction.js').then(({ runTransaction }) => runTransaction(document, flags))),
  );
}

const TRANSACTION_HELP = `
A condition names a key and one of exists, value, version, createRevision, modRevision, lease, with "is" one of
= (the default), !=, < and >. An operation is a put, delete or get. A value is text, {"json": ...} or {"base64": "..."}.

  flotilla kv txn '{"if":[{"key":"config","modRevision":7}],
                    "do":[{"put":"config","value":{"json":{"size":3}}}],
                    "else":[{"get":"config"}]}'`;
