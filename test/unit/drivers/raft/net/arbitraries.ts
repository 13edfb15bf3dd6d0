/** Raft messages for property tests. */
import fc from 'fast-check';
import type { GroupId, LogEntry, LogIndex, MemberId, Term } from '../../../../../src/ports/index.js';
import type { RaftMessage, ReadId } from '../../../../../src/raft/index.js';

const count = fc.oneof(fc.nat(1_000), fc.maxSafeNat());
export const anyIndex = count as fc.Arbitrary<LogIndex>;
export const anyTerm = count as fc.Arbitrary<Term>;
export const anyMember = count.map((value) => Math.max(1, value) as MemberId);
export const anyGroup = fc.nat(65_535) as fc.Arbitrary<GroupId>;
const position = fc.record({ index: anyIndex, term: anyTerm });
const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((value) => Buffer.from(value));

export const anyEntry: fc.Arbitrary<LogEntry> = fc.record({
  index: count.map((value) => Math.max(1, value) as LogIndex),
  term: count.map((value) => Math.max(1, value) as Term),
  type: fc.constantFrom('noop', 'commands', 'config'),
  data: bytes(200),
});

const head = { to: anyMember, term: anyTerm };

export const anyMessage: fc.Arbitrary<RaftMessage> = fc.oneof<fc.Arbitrary<RaftMessage>[]>(
  fc.record({ type: fc.constant('preVoteRequest' as const), ...head, last: position }),
  fc.record({ type: fc.constant('preVoteReply' as const), ...head, isGranted: fc.boolean() }),
  fc.record({ type: fc.constant('voteRequest' as const), ...head, last: position, isTransfer: fc.boolean() }),
  fc.record({ type: fc.constant('voteReply' as const), ...head, isGranted: fc.boolean() }),
  fc.record({
    type: fc.constant('appendRequest' as const),
    ...head,
    previous: position,
    entries: fc.array(anyEntry, { maxLength: 5 }),
    commit: anyIndex,
  }),
  fc.record({ type: fc.constant('appendAccept' as const), ...head, match: anyIndex }),
  fc.record({ type: fc.constant('appendReject' as const), ...head, rejected: anyIndex, hint: position }),
  fc.record({ type: fc.constant('heartbeat' as const), ...head, commit: anyIndex, round: count }),
  fc.record({ type: fc.constant('heartbeatReply' as const), ...head, round: count, isBehind: fc.boolean() }),
  fc.record({
    type: fc.constant('installSnapshot' as const),
    ...head,
    meta: fc.record({ index: anyIndex, term: anyTerm, config: bytes(100) }),
  }),
  fc.record({ type: fc.constant('timeoutNow' as const), ...head }),
  fc.record({
    type: fc.constant('readIndexRequest' as const),
    ...head,
    id: count as fc.Arbitrary<number> as fc.Arbitrary<ReadId>,
    mode: fc.constantFrom('linearizable' as const, 'lease' as const),
  }),
  fc.record({
    type: fc.constant('readIndexReply' as const),
    ...head,
    id: count as fc.Arbitrary<number> as fc.Arbitrary<ReadId>,
    index: fc.option(anyIndex, { nil: undefined }),
  }),
  fc.record({ type: fc.constant('newerTerm' as const), ...head }),
);

export const anyEnvelope = fc.record({ group: anyGroup, from: anyMember, message: anyMessage });
