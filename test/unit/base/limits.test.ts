import { expect } from 'chai';
import { checkLimits, FlotillaError, LIMITS } from '../../../src/base/index.js';

describe('base: limits', () => {
  it('do not contradict each other', () => {
    expect(() => checkLimits(LIMITS)).to.not.throw();
  });

  it('are positive whole numbers', () => {
    for (const [name, value] of Object.entries(LIMITS)) {
      expect(Number.isSafeInteger(value) && value > 0, name).to.equal(true);
    }
  });

  it('are refused with the rule that does not hold', () => {
    const contradictions: [Partial<Record<keyof typeof LIMITS, number>>, RegExp][] = [
      [{ laneFrameBytesMax: LIMITS.messageBytesDefault }, /laneFrameBytesMax < messageBytesDefault/],
      [{ messageBytesDefault: LIMITS.messageBytesMax + 1 }, /messageBytesDefault <= messageBytesMax/],
      [{ helloBytesMax: LIMITS.laneFrameBytesMax + 1 }, /helloBytesMax <= laneFrameBytesMax/],
      [{ headersBytesMax: LIMITS.laneFrameBytesMax }, /headersBytesMax < laneFrameBytesMax/],
      [{ reassemblyBytesMax: LIMITS.messageBytesMax }, /messageBytesMax < reassemblyBytesMax/],
      [{ connectionBufferBytesMax: LIMITS.messageBytesMax }, /messageBytesMax < connectionBufferBytesMax/],
      [{ streamBufferLowWaterBytes: LIMITS.streamBufferHighWaterBytes }, /low water < high water/],
      [{ datagramBytesWan: 1_100 }, /initialDatagramBytesMin <= datagramBytesWan/],
      [{ outstandingCallsMax: 65_537 }, /outstandingCallsMax <= 65,536/],
      [{ kvCommandBytesMax: LIMITS.kvValueBytesMax }, /a key and a value fit into a command/],
      [{ kvReplyBytesMax: LIMITS.kvValueBytesMax }, /a key and a value fit into a reply/],
      [{ walFlushBytes: LIMITS.walRecordBytesMax }, /walFlushBytes < walRecordBytesMax/],
    ];
    for (const [changed, rule] of contradictions) {
      expect(() => checkLimits({ ...LIMITS, ...changed }))
        .to.throw(FlotillaError, rule)
        .with.property('code', 'INTERNAL_LIMIT');
    }
  });
});
