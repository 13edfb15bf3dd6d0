import type { StandardSchemaV1 } from '@standard-schema/spec';
import { FlotillaError, LIMITS } from '../base/index.js';
import type { CallContext } from './context.js';
import type { PendingAnswer } from './pending-answer.js';

/** How many messages go each way. */
export type MethodKind = 'unary' | 'serverStream' | 'clientStream' | 'bidiStream';

export interface MethodOptions<In, Out> {
  /**
   * Repeating the call changes nothing: it may be retried on another worker and may travel in 0-RTT data.
   * Default false.
   */
  readonly idempotent?: boolean;
  /**
   * False: the messages of this streaming method are never compressed, whatever the settings of both sides, unless a
   * call asks for it: they are packed already, or compressing them would delay what follows. Default true.
   */
  readonly compressible?: boolean;
  /** Any Standard Schema validator (zod, valibot, arktype, ...); checked by the server before the handler runs. */
  readonly input?: StandardSchemaV1<unknown, In>;
  /** Checked by the server before the reply leaves. */
  readonly output?: StandardSchemaV1<unknown, Out>;
}

/** One method of a service: its kind, options and (in the type only) its messages. */
export interface MethodDefinition<Kind extends MethodKind = MethodKind, In = unknown, Out = unknown>
  extends MethodOptions<In, Out> {
  readonly kind: Kind;
  /** Carries the message types; has no value at run time. */
  readonly types?: { readonly input: In; readonly output: Out };
}

/**
 * Any method, whatever its messages. The one place where the checker's bivariance is needed: a definition is
 * both a producer and a consumer of its message types.
 */
// biome-ignore lint/suspicious/noExplicitAny: see above
export type AnyMethod = MethodDefinition<MethodKind, any, any>;

export type Methods = Readonly<Record<string, AnyMethod>>;

export interface Service<M extends Methods = Methods> {
  readonly name: string;
  readonly methods: M;
}

/** One request, one reply. */
export function unary<In, Out>(options: MethodOptions<In, Out> = {}): MethodDefinition<'unary', In, Out> {
  return { ...options, kind: 'unary' };
}

/** One request, a stream of replies. */
export function serverStream<In, Out>(options: MethodOptions<In, Out> = {}): MethodDefinition<'serverStream', In, Out> {
  return { ...options, kind: 'serverStream' };
}

/** A stream of requests, one reply. */
export function clientStream<In, Out>(options: MethodOptions<In, Out> = {}): MethodDefinition<'clientStream', In, Out> {
  return { ...options, kind: 'clientStream' };
}

/** Streams both ways, independent of each other. */
export function bidiStream<In, Out>(options: MethodOptions<In, Out> = {}): MethodDefinition<'bidiStream', In, Out> {
  return { ...options, kind: 'bidiStream' };
}

/**
 * Declares a service; the types of clients and handlers are inferred from it.
 *
 * ```ts
 * const Text = defineService('text', {
 *   count: unary<{ text: string }, { total: number }>({ idempotent: true }),
 * });
 * ```
 *
 * On the wire a method is called `service.method`.
 *
 * @throws FlotillaError `SERVICE_INVALID` when a name is not an identifier (dots are allowed in the service's name)
 */
export function defineService<const M extends Methods>(name: string, methods: M): Service<M> {
  if (!SERVICE_NAME.test(name)) {
    throw new FlotillaError(
      'SERVICE_INVALID',
      `service name ${JSON.stringify(name)} is not made of identifiers and dots`,
    );
  }
  for (const method of Object.keys(methods)) {
    if (!METHOD_NAME.test(method) || methodName(name, method).length > LIMITS.methodNameBytesMax) {
      throw new FlotillaError(
        'SERVICE_INVALID',
        `method name ${JSON.stringify(method)} of service ${name} is not an identifier`,
      );
    }
  }
  return { name, methods };
}

/** The name of a method on the wire. */
export function methodName(service: string, method: string): string {
  return `${service}.${method}`;
}

export type InputOf<D> = D extends MethodDefinition<MethodKind, infer In, infer _Out> ? In : never;
export type OutputOf<D> = D extends MethodDefinition<MethodKind, infer _In, infer Out> ? Out : never;

/** What a server provides for a method. */
export type Handler<D> =
  D extends MethodDefinition<'unary', infer In, infer Out>
    ? (input: In, context: CallContext) => Out | Promise<Out> | PendingAnswer<Out>
    : D extends MethodDefinition<'serverStream', infer In, infer Out>
      ? (input: In, context: CallContext) => AsyncIterable<Out> | Iterable<Out>
      : D extends MethodDefinition<'clientStream', infer In, infer Out>
        ? (inputs: AsyncIterable<In>, context: CallContext) => Out | Promise<Out>
        : D extends MethodDefinition<'bidiStream', infer In, infer Out>
          ? (inputs: AsyncIterable<In>, context: CallContext) => AsyncIterable<Out>
          : never;

export type Handlers<M extends Methods> = { readonly [Name in keyof M]: Handler<M[Name]> };

/** A handler whose types have been checked at `implement` and are no longer known. */
export type UntypedHandler = (input: unknown, context: CallContext) => unknown;

/** A service with its handlers, ready to be served. */
export interface Implementation {
  readonly service: Service;
  readonly handlers: Readonly<Record<string, UntypedHandler>>;
}

/**
 * Binds handlers to a service.
 *
 * @throws FlotillaError `SERVICE_INVALID` when a method has no handler or a handler has no method
 */
export function implement<M extends Methods>(service: Service<M>, handlers: Handlers<M>): Implementation {
  const given = handlers as Readonly<Record<string, UntypedHandler | undefined>>;
  const bound: Record<string, UntypedHandler> = {};
  for (const name of Object.keys(service.methods)) {
    const handler = given[name];
    if (typeof handler !== 'function') {
      throw new FlotillaError('SERVICE_INVALID', `service ${service.name} has no handler for ${name}`);
    }
    bound[name] = handler.bind(handlers);
  }
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(service.methods, name)) {
      throw new FlotillaError('SERVICE_INVALID', `handler ${name} belongs to no method of service ${service.name}`);
    }
  }
  return { service, handlers: bound };
}

const SERVICE_NAME = /^[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*$/;
const METHOD_NAME = /^[A-Za-z_]\w*$/;
