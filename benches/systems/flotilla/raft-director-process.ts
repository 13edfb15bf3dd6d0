/** The process of one director under test, as `flotilla director` has it, with default options; it can also load itself. */
import { parseDirectorOptions } from '../../../src/config/index.js';
import { Director, letHeapGrow } from '../../../src/index.js';
import { serveRequests } from '../../harness/child.js';
import { closedLoop } from '../../harness/load.js';
import { keySequence, textOf, VALUE } from '../raft/keys.js';
import type { RaftJob } from '../raft/types.js';
import type { TlsMaterial } from '../types.js';

export interface DirectorStart {
  readonly id: string;
  readonly listen: string;
  readonly dataDir: string;
  readonly peers: string;
  readonly tls: TlsMaterial;
}

let director: Director | undefined;

letHeapGrow();

serveRequests({
  /** Resolves to the election timeout. */
  start: async (options: DirectorStart) => {
    director = await Director.start(options);
    return parseDirectorOptions({}).raft.electionTimeoutMs;
  },
  /** The id of the director that this one takes for the leader; empty for none. */
  leader: () => started().status().groups[0]?.leader ?? '',
  status: () => started().status(),
  measure: (job: RaftJob, emit) => {
    const { metadata } = started();
    const key = keySequence(0);
    const write = () => metadata.put(textOf(key()), VALUE);
    return closedLoop(write, { ...job, onMeasuring: () => emit('measuring') });
  },
});

function started(): Director {
  if (director === undefined) throw new Error('start comes first');
  return director;
}
