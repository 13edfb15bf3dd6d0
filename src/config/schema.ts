/** The one schema of all options. Roles read the groups they need; a file or preset may hold them all. */
import * as v from 'valibot';
import {
  balancingSchema,
  compressionSchema,
  leaseSchema,
  outlierSchema,
  reconnectSchema,
  retrySchema,
  rpcSchema,
} from './call-schemas.js';
import { gossipSchema } from './gossip-schema.js';
import { networkSchema } from './network-schema.js';
import { raftSchema } from './raft-schema.js';
import { transportSchema } from './transport-schema.js';

export const optionsSchema = v.strictObject({
  transport: v.optional(transportSchema, {}),
  network: v.optional(networkSchema, {}),
  rpc: v.optional(rpcSchema, {}),
  retry: v.optional(retrySchema, {}),
  reconnect: v.optional(reconnectSchema, {}),
  lease: v.optional(leaseSchema, {}),
  balancing: v.optional(balancingSchema, {}),
  outlier: v.optional(outlierSchema, {}),
  compression: v.optional(compressionSchema, {}),
  raft: v.optional(raftSchema, {}),
  gossip: v.optional(gossipSchema, {}),
});

/** What people write: everything optional, durations and sizes also with units. */
export type Options = v.InferInput<typeof optionsSchema>;

/** A valibot object schema, as far as walking the options needs it. */
export interface GroupSchema {
  readonly entries: Readonly<Record<string, v.OptionalSchema<v.GenericSchema, unknown>>>;
}

export function isGroup(schema: object): schema is GroupSchema {
  return 'entries' in schema;
}
