/** `npm run chaos -- [--rounds 50] [--directors 3] [--seed TEXT]`: real directors under SIGKILL. */
import { parseArgs } from 'node:util';
import { runCrashRounds } from './crash-rounds.js';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '50' },
    directors: { type: 'string', default: '3' },
    writers: { type: 'string', default: '16' },
    seed: { type: 'string', default: String(Date.now()) },
  },
});
const { seed } = values;
process.stdout.write(`chaos: ${values.rounds} rounds, ${values.directors} directors, --seed ${seed}\n`);
const outcome = await runCrashRounds({
  rounds: Number(values.rounds),
  directors: Number(values.directors),
  writers: Number(values.writers),
  seed,
  report: (line) => process.stdout.write(`${line}\n`),
});
const { acknowledged, failed, kills, problems, hashes } = outcome;
for (const problem of problems) process.stdout.write(`LOST: ${problem}\n`);
const isEqual = new Set(hashes).size === 1;
if (!isEqual) process.stdout.write(`DIFFERENT: ${hashes.join(' ')}\n`);
const isOk = isEqual && problems.length === 0;
process.stdout.write(
  `chaos: ${isOk ? 'ok' : 'FAILED'}: ${kills} kills, ${acknowledged} writes acknowledged, ${failed} failed, ${problems.length} lost or doubled, copies ${isEqual ? 'equal' : 'different'}\n`,
);
process.exit(isOk ? 0 : 1);
