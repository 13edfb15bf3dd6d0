import type { Connection } from '../../ports/index.js';
import { STREAM_KIND, writePreamble } from '../../wire/index.js';
import { ClientLane, type LaneOwner } from './client-lane.js';
import { SILENT_STREAM_HANDLER } from './silent-stream-handler.js';

/** The lanes of a client connection: one for control, some for data. */
export class ClientLanes {
  readonly control: ClientLane;
  private readonly data: readonly ClientLane[];
  private turn = 0;

  private constructor(control: ClientLane, data: readonly ClientLane[]) {
    this.control = control;
    this.data = data;
  }

  /** Opens the control lane, which must be the connection's first stream, and `count` data lanes; `undefined` when the peer allows too few streams. */
  static open(connection: Connection, owner: LaneOwner, count: number): ClientLanes | undefined {
    const control = openLane(connection, owner, 'control');
    const data: ClientLane[] = [];
    for (let i = 0; i < count; i++) {
      const lane = openLane(connection, owner, 'data');
      if (lane !== undefined) data.push(lane);
    }
    return control === undefined || data.length < count ? undefined : new ClientLanes(control, data);
  }

  /**
   * The data lane for the next request. All requests of one turn go on one lane (one native call instead of one per
   * lane), those of the next turn on the next: a lost packet then holds up only its own turn's calls.
   */
  next(): ClientLane {
    const lane = this.data[this.turn] as ClientLane;
    if (lane.out.length > 0) return lane;
    this.turn = (this.turn + 1) % this.data.length;
    return this.data[this.turn] as ClientLane;
  }
}

function openLane(connection: Connection, owner: LaneOwner, trafficClass: 'control' | 'data'): ClientLane | undefined {
  const stream = connection.openStream(trafficClass, SILENT_STREAM_HANDLER);
  if (stream === undefined) return undefined;
  const lane = new ClientLane(stream, owner);
  const isControl = trafficClass === 'control';
  const mark = lane.out.length;
  writePreamble(lane.out, isControl ? STREAM_KIND.CONTROL_LANE : STREAM_KIND.DATA_LANE, isControl ? 0 : 1);
  lane.written(mark, false);
  return lane;
}
