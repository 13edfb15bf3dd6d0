import * as zlib from 'node:zlib';
import { type Crc32, tableCrc32 } from '../../wal/index.js';

/** The native checksum where Node.js has it (20.15, 22.2), the table otherwise. */
export const systemCrc32: Crc32 = (zlib as { readonly crc32?: Crc32 }).crc32 ?? tableCrc32;
