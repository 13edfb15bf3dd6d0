import { expect } from 'chai';
import {
  type ClientInterceptor,
  type ClientRequest,
  chainClient,
  chainServer,
  type MethodRef,
  type ServerInterceptor,
  unary,
} from '../../../src/rpc/index.js';

describe('interceptors', () => {
  const method: MethodRef = { name: 'a.b', definition: unary() };

  it('of a client run in their order on the way out and back in the opposite one', async () => {
    const trace: string[] = [];
    const named = (name: string): ClientInterceptor => {
      return (next) => async (request) => {
        trace.push(`${name} out`);
        const result = await (next({ ...request, input: `${String(request.input)}${name}` }) as Promise<unknown>);
        trace.push(`${name} back`);
        return result;
      };
    };
    const invoke = chainClient([named('1'), named('2')], async ({ input }) => input);
    const request: ClientRequest = { method, input: 'in', options: {} };
    expect(await invoke(request)).to.equal('in12');
    expect(trace).to.deep.equal(['1 out', '2 out', '2 back', '1 back']);
    expect(request.input).to.equal('in');
  });

  it('of a server wrap each handler once, the first outermost, and may answer themselves', () => {
    let wraps = 0;
    const named = (name: string): ServerInterceptor => {
      return (next, { name: called }) => {
        wraps++;
        return (input, context) => `${name}(${called}:${String(next(input, context))})`;
      };
    };
    const handler = chainServer([named('1'), named('2')], (input) => input, method);
    expect(handler('x', undefined as never)).to.equal('1(a.b:2(a.b:x))');
    expect(handler('y', undefined as never)).to.equal('1(a.b:2(a.b:y))');
    expect(wraps).to.equal(2);
    const refuse: ServerInterceptor = () => () => 'refused';
    expect(chainServer([refuse, named('3')], (input) => input, method)('x', undefined as never)).to.equal('refused');
  });

  it('may be none', () => {
    const handler = (input: unknown) => input;
    expect(chainServer([], handler, method)).to.equal(handler);
  });
});
