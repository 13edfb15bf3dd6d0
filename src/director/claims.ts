import * as v from 'valibot';
import type { NodeId } from '../base/index.js';
import type { PutOp } from '../kv/index.js';
import { METADATA_GROUP } from './groups.js';

/** Which data directory has a member id for good. */
export interface Claim {
  readonly node: NodeId;
  readonly dataId: string;
}

/** Where the claim to a member id of a group stands. */
export function claimKey(group: number, member: number): string {
  return `${CLAIM_PREFIX}${group === METADATA_GROUP ? '' : `${group}/`}${String(member).padStart(16, '0')}`;
}

export function claimPut(group: number, member: number, { node, dataId }: Claim): PutOp {
  const value = Buffer.from(JSON.stringify({ node, dataId }));
  return { type: 'put', key: claimKey(group, member), value, lease: 0, returnPrevious: false };
}

/** The claims of those who found a group: their member ids are 1 to n, in the order of their names. */
export function founderClaims(group: number, founders: Readonly<Record<string, string>>): PutOp[] {
  const nodes = Object.keys(founders).sort();
  return nodes.map((node, at) => claimPut(group, at + 1, { node: node as NodeId, dataId: founders[node] ?? '' }));
}

/** `undefined` for what is no claim. */
export function decodeClaim(value: Uint8Array): Claim | undefined {
  try {
    const parsed = v.safeParse(claimSchema, JSON.parse(Buffer.from(value).toString('utf8')));
    return parsed.success ? (parsed.output as Claim) : undefined;
  } catch {
    return undefined;
  }
}

const claimSchema = v.object({ node: v.string(), dataId: v.string() });
const CLAIM_PREFIX = '\u0000claims/';
