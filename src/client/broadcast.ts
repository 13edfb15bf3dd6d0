import type { NodeId, RpcError } from '../base/index.js';
import type { ClusterCallOptions, MethodRef } from '../rpc/index.js';
import { bookFailure, bookSuccess } from './call-attempts.js';
import type { CallEnvironment } from './call-environment.js';
import type { Settle } from './node-channel.js';
import type { WorkerLink } from './worker-link.js';

/** What one worker answered to `callAllWorkers`: a value or an error. */
export type WorkerResult<T = unknown> =
  | { readonly worker: NodeId; readonly ok: true; readonly value: T }
  | { readonly worker: NodeId; readonly ok: false; readonly error: RpcError };

/** Calls one method at every worker of `links`, once each; resolves when all have answered or failed. */
export function broadcast(
  env: CallEnvironment,
  links: readonly WorkerLink[],
  method: MethodRef,
  input: unknown,
  options: ClusterCallOptions | undefined,
): Promise<WorkerResult[]> {
  return Promise.all(links.map((link) => callOne(env, link, method, input, options)));
}

function callOne(
  env: CallEnvironment,
  link: WorkerLink,
  method: MethodRef,
  input: unknown,
  options: ClusterCallOptions | undefined,
): Promise<WorkerResult> {
  const worker = link.record.id;
  return new Promise((resolve) => {
    const settle: Settle = {
      resolve: (value) => {
        bookSuccess(env, link);
        resolve({ worker, ok: true, value });
      },
      reject: (error) => {
        bookFailure(env, link, error);
        resolve({ worker, ok: false, error });
      },
    };
    link.began();
    link.channel.begin(method, input, options, settle);
  });
}
