export { Cluster, type LocalClusterOptions } from './cluster.js';
