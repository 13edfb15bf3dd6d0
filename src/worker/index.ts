export { Worker, type WorkerOptions } from './create.js';
export { type WorkerCounters, WorkerNode } from './worker-node.js';
