import { expect } from 'chai';
import { runCrashRounds } from './crash-rounds.js';

describe('three directors under SIGKILL', () => {
  it('lose no acknowledged write and end with equal copies', async function () {
    this.timeout(180_000);
    const lines: string[] = [];
    const options = { directors: 3, rounds: 4, seed: 'test', writers: 8, report: (line: string) => lines.push(line) };
    const { acknowledged, kills, problems, hashes } = await runCrashRounds(options);
    expect(problems, lines.join('\n')).to.deep.equal([]);
    expect(new Set(hashes).size, hashes.join(' ')).to.equal(1);
    expect(kills).to.be.at.least(4);
    expect(acknowledged).to.be.at.least(100);
  });
});
