import { RpcError } from '../base/index.js';
import type { Implementation, Service, UntypedHandler } from '../rpc/index.js';

/**
 * Serves a service from the start whose handlers come later; calls until then are refused with `NO_LEADER`, which
 * callers repeat.
 */
export function lateImplementation(
  service: Service,
  current: () => Implementation | undefined,
  why = 'the director is starting: it serves no metadata yet',
): Implementation {
  const handlers: Record<string, UntypedHandler> = {};
  for (const name of Object.keys(service.methods)) {
    handlers[name] = (input, context) => {
      const handler = current()?.handlers[name];
      if (handler === undefined) throw RpcError.of('NO_LEADER', why);
      return handler(input, context);
    };
  }
  return { service, handlers };
}
