import { RpcError } from '../base/index.js';
import type { CallOptions } from './call-options.js';
import type { AnyMethod, MethodDefinition, Methods, Service } from './service.js';
import { methodName } from './service.js';

/** A method as a caller needs it. */
export interface MethodRef {
  /** `service.method`. */
  readonly name: string;
  readonly definition: AnyMethod;
}

/** Anything that carries calls: a channel to one node, or a cluster client that picks one. */
export interface Caller<Options extends CallOptions = CallOptions> {
  unary(method: MethodRef, input: unknown, options?: Options): Promise<unknown>;
  serverStream(method: MethodRef, input: unknown, options?: Options): AsyncIterable<unknown>;
  clientStream(
    method: MethodRef,
    inputs: AsyncIterable<unknown> | Iterable<unknown>,
    options?: Options,
  ): Promise<unknown>;
  bidiStream(
    method: MethodRef,
    inputs: AsyncIterable<unknown> | Iterable<unknown>,
    options?: Options,
  ): AsyncIterable<unknown>;
}

/** The client's side of a method. */
export type ClientMethod<D, Options> =
  D extends MethodDefinition<'unary', infer In, infer Out>
    ? (input: In, options?: Options) => Promise<Out>
    : D extends MethodDefinition<'serverStream', infer In, infer Out>
      ? (input: In, options?: Options) => AsyncIterable<Out>
      : D extends MethodDefinition<'clientStream', infer In, infer Out>
        ? (inputs: AsyncIterable<In> | Iterable<In>, options?: Options) => Promise<Out>
        : D extends MethodDefinition<'bidiStream', infer In, infer Out>
          ? (inputs: AsyncIterable<In> | Iterable<In>, options?: Options) => AsyncIterable<Out>
          : never;

export type ServiceClient<M extends Methods, Options> = { readonly [Name in keyof M]: ClientMethod<M[Name], Options> };

/** The typed client of a service over any caller; made once per service, its methods are plain functions. */
export function serviceClient<M extends Methods, Options extends CallOptions>(
  service: Service<M>,
  caller: Caller<Options>,
): ServiceClient<M, Options> {
  const client: Record<string, unknown> = {};
  for (const [name, definition] of Object.entries(service.methods)) {
    const ref: MethodRef = { name: methodName(service.name, name), definition };
    client[name] = clientMethod(ref, caller);
  }
  return client as ServiceClient<M, Options>;
}

function clientMethod<Options extends CallOptions>(ref: MethodRef, caller: Caller<Options>): unknown {
  switch (ref.definition.kind) {
    case 'unary':
      return (input: unknown, options?: Options) => caller.unary(ref, input, options);
    case 'serverStream':
      return (input: unknown, options?: Options) => caller.serverStream(ref, input, options);
    case 'clientStream':
      return async (inputs: unknown, options?: Options) =>
        await caller.clientStream(ref, iterable(inputs, ref), options);
    case 'bidiStream':
      return (inputs: unknown, options?: Options) => caller.bidiStream(ref, iterable(inputs, ref), options);
  }
}

/** @throws RpcError `INPUT_INVALID` */
function iterable(inputs: unknown, { name }: MethodRef): AsyncIterable<unknown> | Iterable<unknown> {
  const isObject = typeof inputs === 'object' && inputs !== null;
  if (isObject && (Symbol.asyncIterator in inputs || Symbol.iterator in inputs)) {
    return inputs as AsyncIterable<unknown> | Iterable<unknown>;
  }
  throw RpcError.of('INPUT_INVALID', `${name} takes an iterable or async iterable of messages`);
}
