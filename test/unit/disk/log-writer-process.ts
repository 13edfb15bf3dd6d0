/** Appends to a log until it is killed; says on stdout which index is durable. */
import { DiskLogStore, NodeFileSystem } from '../../../src/io/disk/index.js';
import { systemClock, systemRandom } from '../../../src/io/system/index.js';
import { silentLogger } from '../../../src/ports/index.js';
import { batchOf, entryOf } from './log-harness.js';

const directory = process.argv[2] as string;
const files = await NodeFileSystem.at(directory);
const options = { files, group: 1, clock: systemClock, random: systemRandom, logger: silentLogger };
const store = new DiskLogStore({ ...options, segmentBytes: 256 * 1024 });
const stored = await store.open();
let next = (stored.entries.at(-1)?.index ?? 0) + 1;
console.log(`opened ${next - 1}`);
for (let i = 0; i < 16; i += 1) appendNext();

function appendNext(): void {
  const index = next;
  next += 1;
  store.write(batchOf(entryOf(index, 1, (index * 37) % 3_000)), (error) => {
    if (error !== undefined) throw error;
    process.stdout.write(`durable ${index}\n`);
    appendNext();
  });
}
