import type { CallOptions } from './call-options.js';
import type { MethodRef } from './caller.js';
import type { UntypedHandler } from './service.js';

/** One call as a client interceptor sees it. Make a changed copy to alter it; the original is never modified. */
export interface ClientRequest<Options extends CallOptions = CallOptions> {
  readonly method: MethodRef;
  /** The message, or for `clientStream` and `bidiStream` the iterable of messages. */
  readonly input: unknown;
  readonly options: Options;
}

/** Carries the call out: a promise for `unary` and `clientStream`, an async iterable for the other two. */
export type ClientInvoke<Options extends CallOptions = CallOptions> = (
  request: ClientRequest<Options>,
) => Promise<unknown> | AsyncIterable<unknown>;

/**
 * Wraps every call of a client: `(next) => (request) => next({ ...request, options: { ...request.options, headers } })`.
 * The first in the list is the outermost. Retries happen inside, so an interceptor sees a call once.
 */
export type ClientInterceptor<Options extends CallOptions = CallOptions> = (
  next: ClientInvoke<Options>,
) => ClientInvoke<Options>;

/**
 * Wraps every handler of a server: `(next, method) => (input, context) => next(input, context)`; what `next` returns is
 * what the handler returned. Applied once per method when the server starts, so a server without interceptors pays
 * nothing per call.
 */
export type ServerInterceptor = (next: UntypedHandler, method: MethodRef) => UntypedHandler;

/** Composes interceptors around `innermost`; the first is the outermost. */
export function chainClient<Options extends CallOptions>(
  interceptors: readonly ClientInterceptor<Options>[],
  innermost: ClientInvoke<Options>,
): ClientInvoke<Options> {
  return interceptors.reduceRight((next, interceptor) => interceptor(next), innermost);
}

/** Composes interceptors around a handler; the first is the outermost. */
export function chainServer(
  interceptors: readonly ServerInterceptor[],
  handler: UntypedHandler,
  method: MethodRef,
): UntypedHandler {
  return interceptors.reduceRight((next, interceptor) => interceptor(next, method), handler);
}
