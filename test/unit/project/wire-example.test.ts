import { expect } from 'chai';
import {
  decodeMessage,
  FLAG,
  FRAME,
  FrameReader,
  LANE_LENGTH_MAX,
  PREAMBLE_BYTES,
  parseHello,
  readCallHead,
  STREAM_KIND,
} from '../../../src/wire/index.js';
import { readProjectFile } from './project-root.js';

interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly callId: number;
  readonly body: Buffer;
}

/** The byte listings of the book's wire protocol page, without their remarks. */
function listings(): Buffer[] {
  const example = readProjectFile('book/src/reference/wire-protocol.md').split('## An example')[1] ?? '';
  return [...example.matchAll(/```text\n([^`]*)```/g)].map((match) =>
    Buffer.from((match[1] ?? '').replace(/#.*$/gm, '').replace(/\s/g, ''), 'hex'),
  );
}

function framesOf(bytes: Buffer): Frame[] {
  const frames: Frame[] = [];
  const reader = new FrameReader(
    {
      onFrame(type, flags, callId, data, start, end) {
        frames.push({ type, flags, callId, body: Buffer.from(data.subarray(start, end)) });
        return true;
      },
    },
    LANE_LENGTH_MAX,
  );
  expect(reader.push(bytes, true)).to.equal(undefined);
  return frames;
}

describe('the example of the wire protocol page', () => {
  const [control, request, reply] = listings();

  it('opens the control lane with a valid HELLO', () => {
    expect([...control!.subarray(0, PREAMBLE_BYTES)]).to.deep.equal([STREAM_KIND.CONTROL_LANE, 0]);
    const [frame, ...rest] = framesOf(control!.subarray(PREAMBLE_BYTES));
    expect(rest).to.deep.equal([]);
    expect(frame).to.include({ type: FRAME.HELLO, flags: 0, callId: 0 });
    expect(parseHello(decodeMessage(frame!.body, 0, frame!.body.length))).to.deep.equal({
      versions: [1],
      features: [],
      id: 'client',
      role: 'client',
      messageBytesMax: 4_194_304,
    });
  });

  it('sends a REQUEST on a data lane', () => {
    expect([...request!.subarray(0, PREAMBLE_BYTES)]).to.deep.equal([STREAM_KIND.DATA_LANE, 1]);
    const [frame, ...rest] = framesOf(request!.subarray(PREAMBLE_BYTES));
    expect(rest).to.deep.equal([]);
    expect(frame).to.include({ type: FRAME.REQUEST, flags: FLAG.NAMED | FLAG.IDEMPOTENT, callId: 65_536 });
    const { body } = frame!;
    const head = readCallHead(frame!.flags, body, 0, body.length);
    expect(head).to.include({ timeoutMs: 500, methodName: 'text.count', headers: undefined });
    expect(decodeMessage(body, head.payloadStart, body.length)).to.deep.equal({ text: 'a b a' });
  });

  it('gets a REPLY', () => {
    const [frame, ...rest] = framesOf(reply!);
    expect(rest).to.deep.equal([]);
    expect(frame).to.include({ type: FRAME.REPLY, flags: 0, callId: 65_536 });
    expect(frame!.body.readUInt16BE(0)).to.equal(0);
    expect(decodeMessage(frame!.body, 2, frame!.body.length)).to.deep.equal({ counts: { a: 2, b: 1 }, total: 3 });
  });
});
