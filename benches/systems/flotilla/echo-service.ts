import { defineService, type Handlers, serverStream, unary } from '../../../src/rpc/index.js';
import { makeStreamMessage } from '../stream-message.js';

/** The service of the bench. */
export const Echo = defineService('bench', {
  echo: unary<Uint8Array, Uint8Array>({ idempotent: true }),
  stream: serverStream<{ messageBytes: number }, Uint8Array>(),
});

export const echoHandlers: Handlers<typeof Echo.methods> = {
  echo: (payload) => payload,
  stream: function* ({ messageBytes }) {
    for (;;) yield makeStreamMessage(messageBytes);
  },
};
