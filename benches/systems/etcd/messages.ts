/** The few messages of etcd's KV and Maintenance services (api/etcdserverpb/rpc.proto) that the bench sends and reads. */

/** PutRequest: key = 1, value = 2. */
export function putRequest(key: Uint8Array, value: Uint8Array): Buffer {
  return Buffer.concat([lengthDelimited(1, key), lengthDelimited(2, value)]);
}

/** RangeRequest: key = 1, serializable = 7. */
export function rangeRequest(key: Uint8Array, serializable: boolean): Buffer {
  return Buffer.concat([lengthDelimited(1, key), ...(serializable ? [Buffer.from([7 << 3, 1])] : [])]);
}

/** Whether a RangeResponse holds a value of the size: kvs = 2 is a KeyValue, whose value = 5. */
export function holdsValue(rangeResponse: Buffer, valueBytes: number): boolean {
  return rangeResponse.length > valueBytes;
}

/** Ids from a StatusResponse: header = 1 with member_id = 2, leader = 4. */
export function statusOf(response: Buffer): { readonly member: bigint; readonly leader: bigint } {
  const fields = readFields(response);
  const header = fields.get(1);
  const member = Buffer.isBuffer(header) ? readFields(header).get(2) : undefined;
  const leader = fields.get(4);
  return { member: typeof member === 'bigint' ? member : 0n, leader: typeof leader === 'bigint' ? leader : 0n };
}

function lengthDelimited(field: number, bytes: Uint8Array): Buffer {
  const length = bytes.length < 0x80 ? [bytes.length] : [(bytes.length & 0x7f) | 0x80, bytes.length >>> 7];
  return Buffer.concat([Buffer.from([(field << 3) | 2, ...length]), bytes]);
}

/** Varints and length-delimited fields by number; the last one of a number. */
function readFields(message: Buffer): Map<number, bigint | Buffer> {
  const fields = new Map<number, bigint | Buffer>();
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = message[at++] ?? 0;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < message.length) {
    const tag = Number(varint());
    if ((tag & 7) === 0) fields.set(tag >>> 3, varint());
    else {
      const size = Number(varint());
      fields.set(tag >>> 3, message.subarray(at, at + size));
      at += size;
    }
  }
  return fields;
}
