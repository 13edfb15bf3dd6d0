/** Windows that do not hold 10 KB payloads back (the default is 64 KiB per stream and per connection). */
export const STREAM_WINDOW_BYTES = 1024 * 1024;
export const SESSION_WINDOW_BYTES = 16 * 1024 * 1024;

/** Messages of the stream are framed by a length, as gRPC does: HTTP/2 itself keeps no message bounds. */
export const FRAME_HEADER_BYTES = 4;
