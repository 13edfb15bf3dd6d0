import { expect } from 'chai';
import fc from 'fast-check';
import { ClassScheduler, type SchedulerOptions } from '../../../src/lanes/index.js';
import { TRAFFIC_CLASSES, type TrafficClass } from '../../../src/ports/index.js';

/** A link with a window: bytes handed over occupy it until the link has drained them. */
class Link {
  inFlightBytes = 0;
  readonly windowBytes: number;

  constructor(windowBytes: number) {
    this.windowBytes = windowBytes;
  }

  get capacityBytes(): number {
    return this.windowBytes - this.inFlightBytes;
  }

  drain(bytes: number): void {
    this.inFlightBytes = Math.max(0, this.inFlightBytes - bytes);
  }
}

interface Lane {
  readonly id: number;
  readonly trafficClass: TrafficClass;
  waitingBytes: number;
  writtenBytes: number;
  sentBytes: number;
}

type HandOver = (lane: Lane, bytes: number, capacityBytes: number) => void;

/** One connection: lanes, their scheduler and the link they share. */
class Model {
  readonly scheduler: ClassScheduler;
  readonly lanes: Lane[];
  readonly link: Link;

  constructor(options: SchedulerOptions, windowBytes: number, classes: readonly TrafficClass[]) {
    this.scheduler = new ClassScheduler(options);
    this.scheduler.setWindow(windowBytes);
    this.link = new Link(windowBytes);
    this.lanes = classes.map((trafficClass, index) => {
      this.scheduler.add(index * 4, trafficClass);
      return { id: index * 4, trafficClass, waitingBytes: 0, writtenBytes: 0, sentBytes: 0 };
    });
  }

  write(lane: Lane, bytes: number): void {
    lane.waitingBytes += bytes;
    lane.writtenBytes += bytes;
    this.scheduler.markReady(lane.id, lane.waitingBytes);
  }

  /** `accept` says how much of an offer the stream's own flow control takes. */
  turn(onHandOver: HandOver, accept: (lane: Lane, bytes: number) => number = (_lane, bytes) => bytes): void {
    this.scheduler.beginTurn();
    for (;;) {
      const capacityBytes = this.link.capacityBytes;
      const pick = this.scheduler.pick(capacityBytes);
      if (pick === null) return;
      const lane = this.lanes[pick.streamId / 4]!;
      const bytes = accept(lane, pick.bytesMax);
      const offered = pick.bytesMax;
      expect(offered).to.be.within(1, Math.min(lane.waitingBytes, capacityBytes));
      this.link.inFlightBytes += bytes;
      lane.waitingBytes -= bytes;
      lane.sentBytes += bytes;
      this.scheduler.sent(lane.id, bytes, lane.waitingBytes);
      if (bytes < offered) this.scheduler.blocked(lane.id);
      onHandOver(lane, bytes, capacityBytes);
    }
  }
}

const options = fc.record({
  controlReserveBytes: fc.integer({ min: 0, max: 500 }),
  streamQuantumBytes: fc.integer({ min: 1, max: 800 }),
  bulkQuantumBytes: fc.integer({ min: 1, max: 800 }),
});
const windowBytes = fc.integer({ min: 64, max: 5_000 });
const classes = fc.array(fc.constantFrom(...TRAFFIC_CLASSES), { minLength: 1, maxLength: 12 });
/** What happens between two turns: writes to lanes (index, bytes) and bytes acknowledged. */
const steps = fc.array(
  fc.record({
    writes: fc.array(fc.tuple(fc.nat(11), fc.integer({ min: 1, max: 2_000 })), { maxLength: 6 }),
    drainedBytes: fc.nat(3_000),
    acceptPercent: fc.integer({ min: 0, max: 150 }),
  }),
  { minLength: 1, maxLength: 60 },
);

const nothing = (): void => {};

describe('lanes: class scheduler, properties', () => {
  it('conserves bytes: whatever is written is handed over exactly once when the link drains', () => {
    fc.assert(
      fc.property(options, windowBytes, classes, steps, (chosen, window, kinds, history) => {
        const model = new Model(chosen, window, kinds);
        for (const { writes, drainedBytes, acceptPercent } of history) {
          for (const [index, bytes] of writes) model.write(model.lanes[index % kinds.length]!, bytes);
          model.turn(nothing, (_lane, bytes) => Math.min(bytes, Math.floor((bytes * acceptPercent) / 100)));
          model.link.drain(drainedBytes);
          for (const lane of model.lanes) expect(lane.sentBytes + lane.waitingBytes).to.equal(lane.writtenBytes);
        }
        const writtenBytes = model.lanes.reduce((sum, lane) => sum + lane.writtenBytes, 0);
        for (let left = writtenBytes + kinds.length; left > 0; left -= 1) {
          if (model.lanes.every((lane) => lane.waitingBytes === 0)) break;
          model.link.drain(window);
          model.turn(nothing);
        }
        for (const lane of model.lanes) expect(lane.sentBytes).to.equal(lane.writtenBytes);
      }),
      { numRuns: 150 },
    );
  });

  it('never lets data or bulk into the reserve, nor bulk above its quantum in a turn', () => {
    fc.assert(
      fc.property(options, windowBytes, classes, steps, (chosen, window, kinds, history) => {
        const model = new Model(chosen, window, kinds);
        const reserveBytes = Math.min(chosen.controlReserveBytes, Math.floor(window / 4));
        for (const { writes, drainedBytes } of history) {
          for (const [index, bytes] of writes) model.write(model.lanes[index % kinds.length]!, bytes);
          let bulkBytes = 0;
          model.turn((lane, bytes, capacityBytes) => {
            if (lane.trafficClass !== 'control') expect(capacityBytes - bytes).to.be.at.least(reserveBytes);
            if (lane.trafficClass === 'bulk') bulkBytes += bytes;
          });
          expect(bulkBytes).to.be.at.most(chosen.bulkQuantumBytes);
          model.link.drain(drainedBytes);
        }
      }),
    );
  });

  it('hands over nothing of a lower class while a higher one is ready and not blocked', () => {
    fc.assert(
      fc.property(options, windowBytes, classes, steps, (chosen, window, kinds, history) => {
        const model = new Model(chosen, window, kinds);
        const rank = (lane: Lane): number => TRAFFIC_CLASSES.indexOf(lane.trafficClass);
        for (const { writes, drainedBytes } of history) {
          for (const [index, bytes] of writes) model.write(model.lanes[index % kinds.length]!, bytes);
          model.turn((sent) => {
            const passedOver = model.lanes.filter((lane) => rank(lane) < rank(sent) && lane.waitingBytes > 0);
            expect(passedOver).to.deep.equal([]);
          });
          model.link.drain(drainedBytes);
        }
      }),
    );
  });

  it('keeps a control frame waiting for at most one bulk quantum, however long bulk has saturated the link', () => {
    fc.assert(
      fc.property(
        options,
        windowBytes,
        fc.array(fc.record({ frameBytes: fc.integer({ min: 1, max: 400 }), drainedBytes: fc.nat(2_000) }), {
          minLength: 1,
          maxLength: 80,
        }),
        (chosen, window, pings) => {
          const model = new Model(chosen, window, ['bulk', 'bulk', 'control']);
          const reserveBytes = Math.min(chosen.controlReserveBytes, Math.floor(window / 4));
          const [first, second, control] = model.lanes as [Lane, Lane, Lane];
          for (const { frameBytes, drainedBytes } of pings) {
            model.write(first, 5_000);
            model.write(second, 5_000);
            // The frame is written in the middle of a turn, after some bulk has been handed over.
            let writtenAt = -1;
            let passedBytes = 0;
            const capacityBefore = model.link.capacityBytes;
            model.turn((lane, bytes) => {
              if (lane.trafficClass === 'control') return;
              passedBytes += bytes;
              if (writtenAt < 0) {
                writtenAt = passedBytes;
                model.write(control, frameBytes);
              }
            });
            if (writtenAt < 0) model.write(control, frameBytes);
            // Bulk that left before it in this turn is at most a quantum, and none left after it was written.
            expect(passedBytes).to.be.at.most(chosen.bulkQuantumBytes);
            if (writtenAt >= 0 && control.waitingBytes > 0) expect(passedBytes).to.equal(writtenAt);
            // A frame that fits the reserve leaves in the turn it was written in, or in the next one.
            model.turn(nothing);
            if (frameBytes <= reserveBytes && capacityBefore >= reserveBytes) expect(control.waitingBytes).to.equal(0);
            // Everything handed over to control is drained before the next ping; bulk keeps the rest of the window full.
            model.link.drain(frameBytes + drainedBytes);
            while (control.waitingBytes > 0) {
              model.link.drain(1);
              model.turn(nothing);
            }
          }
        },
      ),
    );
  });

  it('starves no stream of a class: saturated streams get equal bytes, within one quantum', () => {
    fc.assert(
      fc.property(
        options,
        windowBytes,
        fc.constantFrom(...TRAFFIC_CLASSES),
        fc.integer({ min: 2, max: 6 }),
        fc.array(fc.nat(3_000), { minLength: 1, maxLength: 100 }),
        (chosen, window, trafficClass, count, drains) => {
          const model = new Model(chosen, window, new Array<TrafficClass>(count).fill(trafficClass));
          for (const lane of model.lanes) model.write(lane, 1_000_000);
          const quantumBytes = trafficClass === 'bulk' ? chosen.bulkQuantumBytes : chosen.streamQuantumBytes;
          for (const drainedBytes of drains) {
            model.turn(() => {
              const sent = model.lanes.map((lane) => lane.sentBytes);
              expect(Math.max(...sent) - Math.min(...sent)).to.be.at.most(quantumBytes);
            });
            model.link.drain(drainedBytes);
          }
        },
      ),
    );
  });

  it('is work-conserving when only bulk is ready: no turn ends with usable capacity, bulk waiting and quantum left', () => {
    fc.assert(
      fc.property(options, windowBytes, fc.integer({ min: 1, max: 4 }), steps, (chosen, window, count, history) => {
        const model = new Model(chosen, window, new Array<TrafficClass>(count).fill('bulk'));
        const reserveBytes = Math.min(chosen.controlReserveBytes, Math.floor(window / 4));
        for (const { writes, drainedBytes } of history) {
          for (const [index, bytes] of writes) model.write(model.lanes[index % count]!, bytes);
          let bulkBytes = 0;
          model.turn((_lane, bytes) => {
            bulkBytes += bytes;
          });
          const waiting = model.lanes.some((lane) => lane.waitingBytes > 0);
          const usable = model.link.capacityBytes > reserveBytes;
          if (waiting && usable) expect(bulkBytes).to.equal(chosen.bulkQuantumBytes);
          expect(model.scheduler.turnLimited).to.equal(waiting && usable);
          model.link.drain(drainedBytes);
        }
      }),
    );
  });
});
