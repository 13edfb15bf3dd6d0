export type { BackupHeader } from './backup.js';
export { Director, type DirectorOptions, restoreBackup } from './create.js';
export { DirectorNode } from './director-node.js';
export { MemoryRegistryStore, type MemoryRegistryStoreOptions } from './memory-registry-store.js';
export type { Peers } from './peers.js';
export type { UserGroup } from './storage.js';
