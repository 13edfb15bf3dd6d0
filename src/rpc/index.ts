export { type BackoffOptions, backoffMs, RECONNECT_BACKOFF, RETRY_BACKOFF } from './backoff.js';
export type { CallOptions, ClusterCallOptions } from './call-options.js';
export { CallTable, type Expiring } from './call-table.js';
export { type Caller, type ClientMethod, type MethodRef, type ServiceClient, serviceClient } from './caller.js';
export type { CallContext, Headers } from './context.js';
export {
  type ClientInterceptor,
  type ClientInvoke,
  type ClientRequest,
  chainClient,
  chainServer,
  type ServerInterceptor,
} from './interceptor.js';
export { type AnswerListener, PendingAnswer } from './pending-answer.js';
export { RetryBudget, type RetryBudgetOptions } from './retry-budget.js';
export {
  type AnyMethod,
  bidiStream,
  clientStream,
  defineService,
  type Handler,
  type Handlers,
  type Implementation,
  type InputOf,
  implement,
  type MethodDefinition,
  type MethodKind,
  type MethodOptions,
  type Methods,
  methodName,
  type OutputOf,
  type Service,
  serverStream,
  type UntypedHandler,
  unary,
} from './service.js';
