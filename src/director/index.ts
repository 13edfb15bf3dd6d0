export { Director, type DirectorOptions } from './create.js';
export { DirectorNode } from './director-node.js';
export { MemoryRegistryStore, type MemoryRegistryStoreOptions } from './memory-registry-store.js';
