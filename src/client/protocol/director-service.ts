import * as v from 'valibot';
import { type NodeId, RpcError } from '../../base/index.js';
import { defineService, serverStream, unary } from '../../rpc/index.js';

const nodeIdSchema = v.pipe(
  v.string(),
  v.regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/),
  v.transform((id) => id as NodeId),
);
const dataIdSchema = v.pipe(v.string(), v.minLength(8), v.maxLength(64));
const addressSchema = v.pipe(v.string(), v.minLength(3), v.maxLength(300));
const groupIdSchema = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(65_535));
const PEERS_MAX = 64;

/** What a director of a new cluster tells another one of `--peers`. */
const introductionSchema = v.object({
  node: nodeIdSchema,
  /** Random, made with its data directory. */
  dataId: dataIdSchema,
  /** All of them, sorted. */
  peers: v.pipe(v.array(nodeIdSchema), v.minLength(1), v.maxLength(PEERS_MAX)),
  /** Checksum of the backup that the cluster begins with; empty for none. */
  initial: v.pipe(v.string(), v.maxLength(64)),
});

/** Who founded a cluster, by node and data directory. */
const foundersSchema = v.record(v.string(), dataIdSchema);

const introductionReplySchema = v.variant('state', [
  /** It waits for its peers as well. */
  v.object({ state: v.literal('founding'), ...introductionSchema.entries }),
  /** It belongs to a cluster, which these directors founded. */
  v.object({ state: v.literal('member'), founders: foundersSchema }),
]);

/** A director that was added asks what it is. */
const admissionSchema = v.object({
  node: nodeIdSchema,
  dataId: dataIdSchema,
  /** Where it listens. */
  address: addressSchema,
  /** Only this one of the users' groups, for a director that runs already. Default: all that the other one runs. */
  group: v.optional(groupIdSchema),
});

const admissionReplySchema = v.object({
  clusterId: v.pipe(v.string(), v.minLength(8), v.maxLength(64)),
  /** Its member id in each group, by group id. */
  members: v.record(v.string(), v.pipe(v.number(), v.safeInteger(), v.minValue(1))),
  /** Of the directors, by node. */
  addresses: v.record(v.string(), addressSchema),
});

const changeSchema = v.object({
  /** `add` as a learner, `promote` to a voter once it has caught up, `demote`, `remove`, `transfer` leadership to it. */
  action: v.picklist(['add', 'promote', 'demote', 'remove', 'transfer']),
  node: nodeIdSchema,
  /** Where an added director will listen, when that is known. */
  address: v.optional(addressSchema),
  /** Of one group; default all of them. */
  group: v.optional(groupIdSchema),
  /** The leader answers, and does not pass it on. */
  isForwarded: v.optional(v.boolean()),
});

const changeReplySchema = v.object({
  groups: v.array(v.object({ group: v.number(), leader: v.optional(v.string()), index: v.optional(v.number()) })),
});

export type Introduction = v.InferOutput<typeof introductionSchema>;
export type IntroductionReply = v.InferOutput<typeof introductionReplySchema>;
export type AdmissionRequest = v.InferOutput<typeof admissionSchema>;
export type AdmissionReply = v.InferOutput<typeof admissionReplySchema>;
export type MembershipAction = v.InferOutput<typeof changeSchema>['action'];
export type MembershipRequest = v.InferOutput<typeof changeSchema>;
export type MembershipReply = v.InferOutput<typeof changeReplySchema>;

/**
 * What directors serve about each other: `introduce` and `admit` for directors, `changeMembers` and `backup` for
 * directors and clients (`FORBIDDEN` otherwise).
 */
export const DirectorService = defineService('flotilla.director', {
  introduce: unary<Introduction, IntroductionReply>({ input: introductionSchema, idempotent: false }),
  admit: unary<AdmissionRequest, AdmissionReply>({ input: admissionSchema }),
  changeMembers: unary<MembershipRequest, MembershipReply>({ input: changeSchema }),
  /** Begins to replace the key that seals gossip. */
  rotateGossipKeys: unary<Record<string, never>, { readonly version: number }>(),
  /** The metadata as it is, linearizable: a header and the chunks of a snapshot. */
  backup: serverStream<Record<string, never>, Uint8Array>(),
});

/** @throws RpcError `PEER_VIOLATION` */
export function decodeIntroductionReply(reply: unknown): IntroductionReply {
  return decode(introductionReplySchema, reply, 'introduction');
}

/** @throws RpcError `PEER_VIOLATION` */
export function decodeAdmissionReply(reply: unknown): AdmissionReply {
  return decode(admissionReplySchema, reply, 'admission');
}

/** @throws RpcError `PEER_VIOLATION` */
export function decodeMembershipReply(reply: unknown): MembershipReply {
  return decode(changeReplySchema, reply, 'membership reply');
}

function decode<S extends v.GenericSchema>(schema: S, message: unknown, what: string): v.InferOutput<S> {
  const result = v.safeParse(schema, message);
  if (result.success) return result.output;
  throw RpcError.of('PEER_VIOLATION', `the director sent a malformed ${what}: ${result.issues[0].message}`);
}
