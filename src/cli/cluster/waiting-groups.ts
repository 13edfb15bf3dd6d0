import type { WaitingGroup } from '../../index.js';
import type { Survey } from './ask-directors.js';

/** The groups that not all directors take part in, for people: one text for each group, none when all do. */
export function formatWaitingGroups({ answering }: Survey): string[] {
  const seen = answering.flatMap(({ status }) =>
    (status.waitingGroups ?? []).map((group) => ({ director: status.id, group })),
  );
  const ids = [...new Set(seen.map(({ group }) => group.id))].sort((a, b) => a - b);
  return ids.flatMap((id) => {
    const here = seen.filter(({ group }) => group.id === id);
    const named = here.find(({ group }) => group.name !== `group-${id}`) ?? here[0];
    if (named === undefined) return [];
    const lines = here.flatMap(({ director, group }) => stateAt(director, group));
    return [[`group ${id} (${named.group.name})`, ...new Set(lines)].join('\n')];
  });
}

/** What one director says of it. */
function stateAt(director: string, { hasBegun, missing, problem }: WaitingGroup): string[] {
  if (problem !== undefined) return [`${director} takes no part: ${problem}`];
  if (hasBegun) return [`does not run at ${director} yet`];
  if (missing.length === 0) return ['is about to begin'];
  return [`waits until these directors are restarted with it in their options: ${missing.join(', ')}`];
}
