export { createQuicEndpoint, type QuicEndpointOptions } from './create-quic-endpoint.js';
export type { SocketBuffers } from './datagram-socket.js';
export type { QuicEndpoint } from './endpoint.js';
export { createFileSessionStore, type FileSessionStore, type FileSessionStoreOptions } from './file-session-store.js';
export { TRANSPORT_DEFAULTS, type TransportOptions } from './options.js';
export { createMemorySessionStore } from './session-store.js';
export type { TlsFiles, TlsOptions, TlsPem } from './tls-source.js';
