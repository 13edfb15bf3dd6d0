export type { CompressionSettings } from './call-schemas.js';
export { type ConfigFile, loadConfigFile, parseConfig } from './config-file.js';
export { callSettings, endpointSettings, schedulerSettings, serverLimits } from './endpoint-settings.js';
export type { Duration, Size } from './field.js';
export { type GossipSettings, gossipNodeOptions } from './gossip-schema.js';
export { mergeOptions } from './merge-options.js';
export { nearest } from './nearest.js';
export type { NetworkSettings } from './network-schema.js';
export { OPTION_DOCS, type OptionDoc } from './option-docs.js';
export {
  type BackoffSettings,
  type BalancingSettings,
  type ClientSettings,
  type DirectorSettings,
  type LeaseSettings,
  type OutlierSettings,
  parseClientOptions,
  parseDirectorOptions,
  parseOptions,
  parseTransportOptions,
  parseWorkerOptions,
  type RaftSettings,
  type RetrySettings,
  type RpcSettings,
  type Settings,
  type WorkerSettings,
} from './parse-options.js';
export { PRESET_NAMES, PRESET_TEXTS, PRESETS, type PresetName } from './presets.js';
export type { Options } from './schema.js';
export type { TransportSettings } from './transport-schema.js';
