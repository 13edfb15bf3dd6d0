/**
 * The handshake of the application: HELLO from the client as the first frame on the control lane, HELLO_ACK in answer.
 * Both bodies are MessagePack maps; unknown keys are ignored, so that newer nodes can say more. The client offers every
 * version it speaks and the server chooses the highest it shares; features are used only when both name them.
 */
import { LIMITS, NODE_ROLES, type NodeId, type NodeRole, nodeId, RpcError } from '../base/index.js';

/** Versions of the wire protocol this code speaks, best first. ALPN is `flotilla/1` for all of them. */
export const PROTOCOL_VERSIONS: readonly number[] = [1];

export const ALPN = 'flotilla/1';

/** What this code can do beyond the base protocol. */
export const FEATURES: readonly string[] = ['deflate-raw', 'gzip'];

export interface Hello {
  readonly versions: readonly number[];
  readonly features: readonly string[];
  readonly id: NodeId;
  readonly role: NodeRole;
  /** Longest message the sender takes, decompressed. */
  readonly messageBytesMax: number;
}

export interface HelloAck {
  readonly version: number;
  readonly features: readonly string[];
  readonly id: NodeId;
  readonly role: NodeRole;
  readonly messageBytesMax: number;
  /** Names in the order of their numbers; may be a part only, names always work. */
  readonly methods: readonly string[];
  /** UDP port of the bulk endpoint on the same host, when there is one. */
  readonly bulkPort: number | undefined;
  readonly draining: boolean;
}

/** @throws RpcError `PEER_VIOLATION` */
export function parseHello(value: unknown): Hello {
  const fields = map(value, 'HELLO');
  return {
    versions: list(fields.versions, 'versions', isPositive, 16),
    features: list(fields.features ?? [], 'features', isText, 64),
    ...identity(fields),
    messageBytesMax: size(fields.messageBytesMax),
  };
}

/** @throws RpcError `PEER_VIOLATION` */
export function parseHelloAck(value: unknown): HelloAck {
  const fields = map(value, 'HELLO_ACK');
  const { version, bulkPort } = fields;
  if (!isPositive(version)) throw invalid('version');
  return {
    version,
    features: list(fields.features ?? [], 'features', isText, 64),
    ...identity(fields),
    messageBytesMax: size(fields.messageBytesMax),
    methods: list(fields.methods ?? [], 'methods', isText, 65_536),
    bulkPort: isPositive(bulkPort) && bulkPort <= 65_535 ? bulkPort : undefined,
    draining: fields.draining === true,
  };
}

/** The best version both sides speak. */
export function chooseVersion(offered: readonly number[]): number | undefined {
  return PROTOCOL_VERSIONS.find((version) => offered.includes(version));
}

function identity(fields: Readonly<Record<string, unknown>>): { id: NodeId; role: NodeRole } {
  const role = NODE_ROLES.find((known) => known === fields.role);
  if (role === undefined) throw invalid('role');
  if (typeof fields.id !== 'string') throw invalid('id');
  try {
    return { id: nodeId(fields.id), role };
  } catch {
    throw invalid('id');
  }
}

function size(value: unknown): number {
  if (!isPositive(value)) throw invalid('messageBytesMax');
  return Math.min(value, LIMITS.messageBytesMax);
}

function map(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw invalid(`${what} body`);
  return value as Record<string, unknown>;
}

function list<T>(value: unknown, name: string, check: (item: unknown) => item is T, countMax: number): T[] {
  if (!Array.isArray(value) || value.length > countMax || !value.every(check)) throw invalid(name);
  return value;
}

function isPositive(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0;
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.length <= LIMITS.methodNameBytesMax;
}

function invalid(what: string): RpcError {
  return RpcError.of('PEER_VIOLATION', `the peer’s hello has an invalid ${what}`);
}
