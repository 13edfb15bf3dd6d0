import { type NodeRole, nodeId, type PeerIdentity } from '../base/index.js';

/**
 * An identity without a certificate behind it, for endpoints of a `MemoryNetwork`. The same role and id give the same
 * fingerprint.
 *
 * @throws FlotillaError `ID_INVALID`
 */
export function testIdentity(role: NodeRole, id: string, notAfterMs = Number.MAX_SAFE_INTEGER): PeerIdentity {
  const fingerprint = Buffer.from(`${role}/${id}`).toString('hex').padEnd(64, '0').slice(0, 64);
  return { id: nodeId(id), role, notAfterMs, fingerprint };
}
