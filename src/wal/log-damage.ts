import { FlotillaError } from '../base/index.js';

/** `LOG_CORRUPT` with the place of the damage, for those who show it. */
export class LogDamage extends FlotillaError {
  /** Path of the segment. */
  readonly file: string;
  readonly offset: number;
  /** What is wrong there, without file, offset and advice. */
  readonly what: string;

  constructor(file: string, offset: number, what: string) {
    super('LOG_CORRUPT', `${file}: offset ${offset}: ${what}; ${ADVICE}`);
    this.file = file;
    this.offset = offset;
    this.what = what;
  }
}

const ADVICE =
  'look at it with `flotilla wal inspect`, then remove the data directory and let the node be rebuilt from its peers';
