export {
  type ExecuteOptions,
  MetadataStore,
  type MetadataStoreDependencies,
  type RangeOptions,
} from './metadata-store.js';
