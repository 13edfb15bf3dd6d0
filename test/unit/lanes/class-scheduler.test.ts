import { expect } from 'chai';
import { ClassScheduler } from '../../../src/lanes/index.js';

const OPTIONS = { controlReserveBytes: 100, streamQuantumBytes: 50, bulkQuantumBytes: 80 };
const PLENTY = 10_000;

function scheduler(): ClassScheduler {
  const made = new ClassScheduler(OPTIONS);
  made.setWindow(PLENTY);
  made.beginTurn();
  return made;
}

/** Picks, hands over all that was offered and says it, for example `4:50`; `-` when nothing may leave. */
function handOver(scheduler: ClassScheduler, waiting: Map<number, number>, capacityBytes: number): string {
  const pick = scheduler.pick(capacityBytes);
  if (pick === null) return '-';
  const { streamId, bytesMax } = pick;
  const left = (waiting.get(streamId) ?? 0) - bytesMax;
  waiting.set(streamId, left);
  scheduler.sent(streamId, bytesMax, left);
  return `${streamId}:${bytesMax}`;
}

/** Adds streams `[id, class, bytes]` and marks them ready. */
function fill(
  scheduler: ClassScheduler,
  streams: readonly (readonly [number, 'control' | 'data' | 'bulk', number])[],
): Map<number, number> {
  const waiting = new Map<number, number>();
  for (const [streamId, trafficClass, bytes] of streams) {
    scheduler.add(streamId, trafficClass);
    scheduler.markReady(streamId, bytes);
    waiting.set(streamId, bytes);
  }
  return waiting;
}

describe('lanes: class scheduler', () => {
  it('offers control before data and data before bulk, in whatever order they became ready', () => {
    const lanes = scheduler();
    const waiting = fill(lanes, [
      [8, 'bulk', 10],
      [4, 'data', 10],
      [0, 'control', 10],
    ]);
    const order = [1, 2, 3, 4].map(() => handOver(lanes, waiting, PLENTY));
    expect(order).to.deep.equal(['0:10', '4:10', '8:10', '-']);
  });

  it('offers nothing when nothing waits or the connection accepts nothing', () => {
    const lanes = scheduler();
    lanes.add(0, 'control');
    expect(lanes.pick(PLENTY)).to.equal(null);
    lanes.markReady(0, 5);
    expect(lanes.pick(0)).to.equal(null);
    expect(lanes.pick(PLENTY)).to.include({ streamId: 0, bytesMax: 5 });
  });

  it('lets control use the reserve, and data and bulk not', () => {
    const lanes = scheduler();
    fill(lanes, [[4, 'data', 40]]);
    expect(lanes.pick(100)).to.equal(null);
    expect(lanes.pick(101)).to.include({ streamId: 4, bytesMax: 1 });
    lanes.setClass(4, 'bulk');
    expect(lanes.pick(100)).to.equal(null);
    expect(lanes.pick(103)).to.include({ streamId: 4, bytesMax: 3 });
    lanes.setClass(4, 'control');
    expect(lanes.pick(100)).to.include({ streamId: 4, bytesMax: 40 });
  });

  it('keeps less than half a datagram in reserve, so that a saturated window is full and may grow', () => {
    const lanes = new ClassScheduler({ controlReserveBytes: 8_192 });
    lanes.setWindow(13_500, 1_350);
    lanes.add(4, 'data');
    lanes.markReady(4, 100_000);
    lanes.beginTurn();
    expect(lanes.pick(13_500)?.bytesMax).to.equal(13_500 - 540);
  });

  it('keeps at most a quarter of the window in reserve, so that data moves through a small window', () => {
    const lanes = scheduler();
    fill(lanes, [[4, 'data', 40]]);
    lanes.setWindow(80);
    expect(lanes.pick(30)).to.include({ streamId: 4, bytesMax: 10 });
  });

  it('assumes the smallest window of RFC 9002, section 7.2, until it is told one', () => {
    const lanes = new ClassScheduler({ controlReserveBytes: 1_000_000, streamQuantumBytes: 10_000 });
    lanes.add(4, 'data');
    lanes.markReady(4, 5_000);
    expect(lanes.pick(2_400)).to.include({ bytesMax: 1_800 });
  });

  it('takes streams of a class in turns of one quantum', () => {
    const lanes = scheduler();
    const waiting = fill(lanes, [
      [4, 'data', 120],
      [8, 'data', 60],
    ]);
    const order = [1, 2, 3, 4, 5, 6].map(() => handOver(lanes, waiting, PLENTY));
    expect(order).to.deep.equal(['4:50', '8:50', '4:50', '8:10', '4:20', '-']);
  });

  it('lets a stream finish its quantum after the connection accepted only a part of it', () => {
    const lanes = scheduler();
    const waiting = fill(lanes, [
      [4, 'data', 200],
      [8, 'data', 200],
    ]);
    expect(handOver(lanes, waiting, 120)).to.equal('4:20');
    lanes.beginTurn();
    expect(handOver(lanes, waiting, PLENTY)).to.equal('4:30');
    expect(handOver(lanes, waiting, PLENTY)).to.equal('8:50');
  });

  it('offers all bulk streams together one bulk quantum per turn and says that a turn is missing', () => {
    const lanes = scheduler();
    const waiting = fill(lanes, [
      [4, 'bulk', 30],
      [8, 'bulk', 200],
    ]);
    const first = [1, 2, 3].map(() => handOver(lanes, waiting, PLENTY));
    expect(first).to.deep.equal(['4:30', '8:50', '-']);
    expect(lanes.turnLimited).to.equal(true);
    lanes.beginTurn();
    expect(lanes.turnLimited).to.equal(false);
    expect(handOver(lanes, waiting, PLENTY)).to.equal('8:30');
  });

  it('does not ask for another turn when bulk waits for capacity', () => {
    const lanes = scheduler();
    fill(lanes, [[4, 'bulk', 30]]);
    expect(lanes.pick(100)).to.equal(null);
    expect(lanes.turnLimited).to.equal(false);
  });

  it('skips a blocked stream until the next turn, while others of its class go on', () => {
    const lanes = scheduler();
    const waiting = fill(lanes, [
      [4, 'data', 10],
      [8, 'data', 10],
    ]);
    lanes.blocked(4);
    lanes.markReady(4, 20);
    waiting.set(4, 20);
    expect(handOver(lanes, waiting, PLENTY)).to.equal('8:10');
    expect(handOver(lanes, waiting, PLENTY)).to.equal('-');
    lanes.beginTurn();
    expect(handOver(lanes, waiting, PLENTY)).to.equal('4:20');
  });

  it('keeps a blocked stream blocked through a change of class', () => {
    const lanes = scheduler();
    fill(lanes, [[4, 'bulk', 10]]);
    lanes.blocked(4);
    lanes.setClass(4, 'control');
    expect(lanes.pick(PLENTY)).to.equal(null);
    lanes.beginTurn();
    expect(lanes.pick(PLENTY)).to.include({ streamId: 4, bytesMax: 10 });
  });

  it('takes a hand-over of nothing as blocked, so that a loop over pick ends', () => {
    const lanes = scheduler();
    fill(lanes, [[0, 'control', 10]]);
    lanes.sent(0, 0, 10);
    expect(lanes.pick(PLENTY)).to.equal(null);
  });

  it('keeps a stream in its place when more is written to it', () => {
    const lanes = scheduler();
    const waiting = fill(lanes, [
      [4, 'data', 10],
      [8, 'data', 10],
    ]);
    lanes.markReady(4, 25);
    waiting.set(4, 25);
    expect(handOver(lanes, waiting, PLENTY)).to.equal('4:25');
  });

  it('forgets a removed stream and what waited on it, and ignores calls about it', () => {
    const lanes = scheduler();
    fill(lanes, [[4, 'data', 10]]);
    lanes.remove(4);
    lanes.markReady(4, 10);
    lanes.sent(4, 3, 7);
    lanes.blocked(4);
    lanes.setClass(4, 'control');
    lanes.remove(4);
    expect(lanes.pick(PLENTY)).to.equal(null);
  });

  it('takes out a stream whose bytes were dropped', () => {
    const lanes = scheduler();
    fill(lanes, [[4, 'data', 10]]);
    lanes.markReady(4, 0);
    expect(lanes.pick(PLENTY)).to.equal(null);
  });

  it('counts what was ready before a change of class in the new class', () => {
    const lanes = scheduler();
    fill(lanes, [
      [4, 'data', 10],
      [8, 'bulk', 10],
    ]);
    lanes.setClass(8, 'control');
    expect(lanes.pick(PLENTY)).to.include({ streamId: 8 });
    lanes.add(4, 'control');
    lanes.remove(8);
    expect(lanes.pick(50)).to.include({ streamId: 4 });
  });

  it('answers with the same object every time', () => {
    const lanes = scheduler();
    fill(lanes, [[4, 'data', 10]]);
    const first = lanes.pick(PLENTY);
    expect(first).to.not.equal(null);
    expect(lanes.pick(PLENTY)).to.equal(first);
  });

  it('refuses options outside their range and names them', () => {
    expect(() => new ClassScheduler({ bulkQuantumBytes: 0 })).to.throw(/bulkQuantumBytes is 0.*1 or more/);
    expect(() => new ClassScheduler({ streamQuantumBytes: 1.5 })).to.throw(/streamQuantumBytes is 1.5/);
    expect(() => new ClassScheduler({ controlReserveBytes: -1 })).to.throw(/controlReserveBytes is -1/);
  });
});
