import { expect } from 'chai';
import { endPrograms, Program } from './program.js';

describe('the streaming example', function () {
  this.timeout(60_000);
  afterEach(endPrograms);

  it('streams each way, holds a worker back, cancels, and goes on at another worker where it was', async () => {
    const program = new Program('examples/streaming/main', []);
    expect(await program.ended, program.output).to.deep.equal({ code: 0, signal: null });
    expect(program.output).to.include('client: took pages 1, 2, 3 and left');
    expect(program.output).to.include('client: the hash is the same as mine');
    expect(program.output).to.match(/1600 KiB became \d+ KiB, which unpack to the same text/);
    expect(program.output).to.include('client: DEADLINE_EXCEEDED');
    expect(program.output).to.match(/took pages 1 to \d+ from (w1 and then w2|w2 and then w1), each once and in order/);
    const ends = [...program.output.matchAll(/: made pages \d+ to (\d+), then (\w+)/g)];
    expect(ends.map(([, , reason]) => reason)).to.include.members([
      'CANCELLED_BY_CALLER',
      'DEADLINE',
      'CONNECTION_LOST',
    ]);
    // Pages have 16 KiB: far fewer than a worker could make in that time were in flight.
    for (const [line, pages] of ends) expect(Number(pages), line).to.be.below(2_000);
  });
});
