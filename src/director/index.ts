export { type BackupHeader, verifyBackup } from './backup.js';
export { Director, type DirectorOptions, restoreBackup } from './create.js';
export { DirectorNode } from './director-node.js';
export type { Peers } from './peers.js';
export type { UserGroup } from './storage.js';
