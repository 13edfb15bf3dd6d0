import { once } from 'node:events';
import http2 from 'node:http2';
import { BENCH_SERVER_NAME, type BenchClient, type MessageStream, type TlsMaterial } from '../types.js';
import { FRAME_HEADER_BYTES, SESSION_WINDOW_BYTES, STREAM_WINDOW_BYTES } from './settings.js';

/** One session, a stream per call: node:http2 as it comes, without a framework on top. */
export async function connect(port: number, tls: TlsMaterial): Promise<BenchClient> {
  const session = http2.connect(`https://127.0.0.1:${port}`, {
    ca: tls.ca,
    cert: tls.cert,
    key: tls.key,
    servername: BENCH_SERVER_NAME,
    settings: { initialWindowSize: STREAM_WINDOW_BYTES, enablePush: false },
  });
  await Promise.all([once(session, 'connect'), once(session, 'remoteSettings')]);
  session.setLocalWindowSize(SESSION_WINDOW_BYTES);
  return {
    echo: (payload) => echo(session, payload),
    openStream: (messageBytes, onMessage) => listen(session.request({ ':path': `/stream/${messageBytes}` }), onMessage),
  };
}

function echo(session: http2.ClientHttp2Session, payload: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':method': 'POST', ':path': '/echo' });
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)));
    stream.on('error', reject);
    stream.end(payload);
  });
}

function listen(stream: http2.ClientHttp2Stream, onMessage: (message: Uint8Array) => void): MessageStream {
  let rest: Buffer | undefined;
  const take = (chunk: Buffer) => {
    const bytes = rest === undefined ? chunk : Buffer.concat([rest, chunk]);
    let at = 0;
    while (bytes.length - at >= FRAME_HEADER_BYTES) {
      const end = at + FRAME_HEADER_BYTES + bytes.readUInt32LE(at);
      if (end > bytes.length) break;
      onMessage(bytes.subarray(at + FRAME_HEADER_BYTES, end));
      at = end;
    }
    rest = at === bytes.length ? undefined : bytes.subarray(at);
  };
  const ended = new Promise<void>((resolve, reject) => {
    stream.on('data', take);
    stream.on('error', reject);
    stream.on('close', resolve);
  });
  return { ended, stop: () => stream.close(http2.constants.NGHTTP2_CANCEL) };
}
