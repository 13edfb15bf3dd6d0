/**
 * The header blocks of gRPC requests to one server (RFC 7541). All requests of a connection differ in their path only,
 * so each header enters the dynamic table once and is one byte from then on. Blocks must be sent in the order in which
 * they were made.
 */
export class HpackRequests {
  private readonly authority: string;
  /** Headers in the dynamic table, in the order of their insertion. */
  private readonly inserted: string[] = [];

  constructor(authority: string) {
    this.authority = authority;
  }

  /** The block for `POST path`. */
  block(path: string): Buffer {
    return Buffer.concat([
      METHOD_POST,
      SCHEME_HTTP,
      this.header(NAME_PATH, path),
      this.header(NAME_AUTHORITY, this.authority),
      this.header(NAME_CONTENT_TYPE, 'application/grpc'),
      this.header(NAME_TE, 'trailers'),
    ]);
  }

  /** Whether every header of `path` is in the table: then `block(path)` is the same until something is inserted. */
  knows(path: string): boolean {
    return this.inserted.includes(`${NAME_PATH.toString('latin1')}${path}`);
  }

  private header(name: Buffer, value: string): Buffer {
    const key = `${name.toString('latin1')}${value}`;
    const at = this.inserted.indexOf(key);
    // Section 2.3.3: the newest entry comes first, behind the 61 of the static table.
    if (at >= 0) return Buffer.from([0x80 | (STATIC_ENTRIES + this.inserted.length - at)]);
    this.inserted.push(key);
    return Buffer.concat([name, text(value)]);
  }
}

/** A string of less than 127 bytes, not Huffman coded. */
function text(value: string): Buffer {
  return Buffer.from([value.length, ...Buffer.from(value, 'latin1')]);
}

const STATIC_ENTRIES = 61;
const METHOD_POST = Buffer.from([0x83]);
const SCHEME_HTTP = Buffer.from([0x86]);
/** Literals with incremental indexing: the name from the static table, or as text. */
const NAME_AUTHORITY = Buffer.from([0x41]);
const NAME_PATH = Buffer.from([0x44]);
const NAME_CONTENT_TYPE = Buffer.from([0x5f]);
const NAME_TE = Buffer.concat([Buffer.from([0x40]), text('te')]);
