/** Calls the server beside it: `node dist/examples/typed-service/client.js [HOST:PORT]`. */
import { type ClientInterceptor, ClusterClient, ensureNodeCertificate, RpcError } from 'flotilla-rpc';
import { Shop, Text } from './service.js';

const directors = process.argv[2] ?? '127.0.0.1:7401';
const tls = await ensureNodeCertificate({ dir: 'certs', role: 'client', id: 'client' });

// ANCHOR: client-interceptor
/** Gives every call an id of its own. */
const requestId: ClientInterceptor = (next) => (request) => {
  const headers = { ...request.options.headers, 'request-id': crypto.randomUUID() };
  return next({ ...request, options: { ...request.options, headers } });
};
// ANCHOR_END: client-interceptor

// ANCHOR: client
await using client = await ClusterClient.connect({ directors, tls, interceptors: [requestId] });
const text = client.service(Text);
const shop = client.service(Shop);

const { counts, total } = await text.count({ text: 'a b a' });
const quote = await shop.quote({ item: 'rope', pieces: 3 }, { timeoutMs: 500, filter: 'role=worker,zone=a' });
// ANCHOR_END: client
console.log(`text.count: ${total} words, ${JSON.stringify(counts)}`);
console.log(`shop.quote: ${quote.total}`);

// ANCHOR: headers
await shop.quote(
  { item: 'anchor', pieces: 1 },
  {
    headers: { currency: 'SEK' },
    onHeaders: (headers) => console.log(`headers: in ${headers.currency}, served by ${headers['served-by']}`),
  },
);
// ANCHOR_END: headers

// ANCHOR: errors
try {
  await shop.quote({ item: 'sail', pieces: 1 });
} catch (error) {
  const { code, message, details } = RpcError.from(error);
  console.log(`an error of the handler: ${code}, ${message}; details ${JSON.stringify(details)}`);
}

try {
  await shop.quote({ item: 'rope', pieces: 0.5 });
} catch (error) {
  const { code, reason, maybeExecuted } = RpcError.from(error);
  console.log(`an input that does not fit: ${code}, ${reason}, ${maybeExecuted ? 'maybe' : 'not'} executed`);
}
// ANCHOR_END: errors

// ANCHOR: deadline
try {
  await shop.order({ item: 'rope', pieces: 1_000 }, { timeoutMs: 50 });
} catch (error) {
  const { code, maybeExecuted } = RpcError.from(error);
  console.log(`too late: ${code}, ${maybeExecuted ? 'maybe' : 'not'} executed`);
}
// ANCHOR_END: deadline

// ANCHOR: untyped
const reply = await client.callWorker('text.count', { text: 'by name' }, 'role=worker');
// ANCHOR_END: untyped
console.log(`by name: ${JSON.stringify(reply)}`);
