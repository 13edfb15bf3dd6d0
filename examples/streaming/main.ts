/** All kinds of streams on a cluster inside this process: `node dist/examples/streaming/main.js`. */
import { createHash } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { Cluster, RpcError } from 'flotilla-rpc';
import { compressed, firstPages, pagesFrom, sha256 } from './client.js';
import { archive, textOf } from './handlers.js';
import { Archive } from './service.js';

const say = (text: string): void => console.log(text);

await using cluster = await Cluster.local({ workers: 0, services: [] });
await cluster.addWorker({ services: [archive('w1', say)] });
await cluster.addWorker({ services: [archive('w2', say)] });
const client = await cluster.client();

say('server stream');
const pages = await firstPages(client, 3);
say(`client: took pages ${pages.map((page) => page.number).join(', ')} and left`);

say('\nclient stream');
const chunks = Array.from({ length: 100 }, (_, index) => Buffer.from(textOf(index)));
const same = (await sha256(client, chunks)) === createHash('sha256').update(Buffer.concat(chunks)).digest('hex');
say(`client: the hash is ${same ? 'the same as mine' : 'WRONG'}`);

say('\nbidirectional stream');
const small = await compressed(client, chunks);
const unpacked = gunzipSync(small).equals(Buffer.concat(chunks)) ? 'the same text' : 'SOMETHING ELSE';
say(`client: ${chunks.length * 16} KiB became ${Math.round(small.length / 1024)} KiB, which unpack to ${unpacked}`);

say('\nback pressure: the reader takes one page and pauses');
// ANCHOR: back-pressure
for await (const page of client.service(Archive).pages({ from: 1 })) {
  await wait(500); // the worker makes as many pages as may be in flight, and no more
  say(`client: took page ${page.number} and left`);
  break;
}
// ANCHOR_END: back-pressure

say('\ncancellation by a deadline');
// ANCHOR: cancellation
try {
  for await (const _page of client.service(Archive).pages({ from: 1 }, { timeoutMs: 100 })) await wait(50);
} catch (error) {
  say(`client: ${RpcError.from(error).code}`);
}
// ANCHOR_END: cancellation

say('\nresuming on another worker');
const servedBy: string[] = [];
let expected = 1;
for await (const page of pagesFrom(client, 1, (headers) => servedBy.push(headers['served-by'] ?? ''))) {
  if (page.number !== expected || page.text !== textOf(expected)) throw new Error(`page ${expected} is missing`);
  if (page.number === 10) await cluster.workers.find((worker) => worker.id === servedBy[0])?.close();
  if (servedBy.length === 2) break;
  expected += 1;
}
say(`client: took pages 1 to ${expected} from ${servedBy.join(' and then ')}, each once and in order`);
