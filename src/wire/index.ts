export { type CallHead, encodeMethodName, readCallHead, writeCallHead } from './call-head.js';
export { readErrorBody, writeErrorBody } from './error-body.js';
export {
  abandonFrame,
  beginFrame,
  endFrame,
  FLAG,
  FRAME,
  FRAME_HEADER_BYTES,
  type FrameType,
  LANE_LENGTH_MAX,
  LENGTH_FIELD_BYTES,
  PREAMBLE_BYTES,
  STREAM_KIND,
  streamLengthMax,
  writeEmptyFrame,
  writePreamble,
} from './frame.js';
export { type FrameFault, FrameReader, type FrameSink, ReassemblyBudget } from './frame-reader.js';
export { readHeaders, writeHeaders } from './headers.js';
export {
  ALPN,
  chooseVersion,
  FEATURES,
  type Hello,
  type HelloAck,
  PROTOCOL_VERSIONS,
  parseHello,
  parseHelloAck,
} from './hello.js';
export { decodeMessage, type EncodedMessage, encodeMessage } from './message.js';
export { checkMessage, type MessageFault } from './message-guard.js';
