import { expect } from 'chai';
import { temporaryDirectory } from '../../support/certs.js';
import { endPrograms, Program } from './program.js';

describe('the typed-service example', function () {
  this.timeout(60_000);
  afterEach(endPrograms);

  it('of the README prints what its comment says', async () => {
    const program = new Program('examples/typed-service/readme', []);
    expect(await program.ended, program.output).to.deep.equal({ code: 0, signal: null });
    expect(program.output).to.equal('{ counts: { a: 2, b: 1 }, total: 3 }\n');
  });

  it('shows calls, headers, errors and a deadline between a server and a client', async () => {
    const cwd = temporaryDirectory();
    const server = new Program('examples/typed-service/server', ['127.0.0.1:0'], { cwd });
    const [, director = ''] = await server.until(/ready director=(\S+)/);
    const client = new Program('examples/typed-service/client', [director], { cwd });
    expect(await client.ended, client.output).to.deep.equal({ code: 0, signal: null });
    expect(client.stdout.trimEnd().split('\n')).to.deep.equal([
      'text.count: 3 words, {"a":2,"b":1}',
      'shop.quote: 45',
      'headers: in SEK, served by w1',
      'an error of the handler: NOT_FOUND, there is no sail; details {"items":["anchor","rope"]}',
      'an input that does not fit: INVALID_ARGUMENT, INPUT_INVALID, not executed',
      'too late: DEADLINE_EXCEEDED, maybe executed',
      'by name: {"counts":{"by":1,"name":1},"total":2}',
    ]);
    server.kill('SIGTERM');
    expect(await server.ended, server.output).to.deep.equal({ code: 0, signal: null });
    expect(server.output).to.match(/text\.count for client: [\d.]+ ms/);
  });
});
