import type { BenchSystem } from './types.js';

/** Every system of the `rpc` suite, ours first. Loaded on demand: a process holds only the one it runs. */
export const SYSTEMS: Readonly<Record<string, BenchSystem>> = {
  flotilla: { server: () => import('./flotilla/server.js'), client: () => import('./flotilla/client.js') },
  'grpc-js': { server: () => import('./grpc-js/server.js'), client: () => import('./grpc-js/client.js') },
  http2: { server: () => import('./http2/server.js'), client: () => import('./http2/client.js') },
  'udp-echo': { server: () => import('./udp-echo/server.js'), client: () => import('./udp-echo/client.js') },
};

/** @throws Error when the name is not registered */
export function systemOf(name: string): BenchSystem {
  const system = Object.hasOwn(SYSTEMS, name) ? SYSTEMS[name] : undefined;
  if (system === undefined) throw new Error(`no system ${name}`);
  return system;
}
