import type { RpcError } from '../../base/index.js';

/** Where the outcome of a unary call goes; exactly one of the two is called, once. */
export interface Settle {
  resolve(value: unknown): void;
  reject(error: RpcError): void;
}
