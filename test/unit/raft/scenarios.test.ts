import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { PROJECT_ROOT } from '../project/project-root.js';
import { ScenarioCluster } from './scenario-cluster.js';

const FOLDER = join(PROJECT_ROOT, 'test/scenarios/raft');

/**
 * Runs every transcript of `test/scenarios/raft` and compares what happens with what is written there.
 * `UPDATE_SCENARIOS=1` writes what happens instead; read the difference before committing it.
 */
describe('raft scenarios', () => {
  for (const file of readdirSync(FOLDER).filter((name) => name.endsWith('.txt'))) {
    const path = join(FOLDER, file);
    const text = readFileSync(path, 'utf8');
    it(`${file}: ${/^# (.*)/.exec(text)?.[1] ?? ''}`, () => {
      const happened = play(text);
      if (process.env.UPDATE_SCENARIOS === '1') writeFileSync(path, happened);
      else expect(happened).to.equal(text);
    });
  }
});

/** The transcript with the output that this run gives. */
function play(text: string): string {
  const cluster = new ScenarioCluster();
  const blocks = text.trimEnd().split(/\n\n+/);
  return `${blocks.map((block) => playBlock(cluster, block)).join('\n\n')}\n`;
}

function playBlock(cluster: ScenarioCluster, block: string): string {
  const [given = ''] = block.split(/^----$/m);
  const input = given.trimEnd().split('\n');
  const commands = input.filter((line) => !line.startsWith('#'));
  if (commands.length === 0) return input.join('\n');
  const output = commands.flatMap((line) => cluster.run(line));
  return [...input, '----', ...(output.length > 0 ? output : ['ok'])].join('\n');
}
