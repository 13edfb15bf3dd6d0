import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FlotillaError, formatAddress, parseAddress } from '../../index.js';
import { makeDataDirectory } from '../data-directory.js';
import { CommandFailure } from '../failure.js';
import { freePorts } from './free-ports.js';

export interface ClusterDataOptions {
  /** Kept between runs; `undefined`: a temporary directory. */
  readonly dir: string | undefined;
  readonly directors: number;
  /** `HOST:PORT` of the first director; the others have the ports behind it. With port 0 free ones. */
  readonly listen: string;
  /** Not just the default: then it must be what an earlier run with this directory was given. */
  readonly isListenGiven: boolean;
}

/** Where the directors of a local cluster are, and keep their data. */
export class ClusterData {
  /** `HOST:PORT` by id, d1 first. */
  readonly addresses: ReadonlyMap<string, string>;
  private readonly dir: string;
  private readonly isTemporary: boolean;

  private constructor(dir: string, isTemporary: boolean, addresses: ReadonlyMap<string, string>) {
    this.dir = dir;
    this.isTemporary = isTemporary;
    this.addresses = addresses;
  }

  /**
   * Directors find one another where they were, so a directory that was used before brings its addresses along.
   *
   * @throws FlotillaError `FILE_UNUSABLE`, `ADDRESS_UNREACHABLE`; CommandFailure when an earlier run had other directors
   */
  static async open(options: ClusterDataOptions): Promise<ClusterData> {
    const { dir } = options;
    if (dir === undefined) {
      const addresses = await choose(options);
      return new ClusterData(mkdtempSync(join(tmpdir(), 'flotilla-up-')), true, addresses);
    }
    makeDataDirectory(dir);
    const file = join(dir, RECORD);
    const earlier = readRecord(file);
    if (earlier !== undefined) {
      checkSame(options, earlier);
      return new ClusterData(dir, false, earlier);
    }
    const addresses = await choose(options);
    writeFileSync(file, `${JSON.stringify({ directors: Object.fromEntries(addresses) })}\n`, { mode: 0o600 });
    return new ClusterData(dir, false, addresses);
  }

  /** The data directory of one director. */
  of(id: string): string {
    return join(this.dir, id);
  }

  /** Removes a temporary directory. Idempotent. */
  remove(): void {
    if (this.isTemporary) rmSync(this.dir, { recursive: true, force: true, maxRetries: 3 });
  }
}

async function choose({ directors, listen }: ClusterDataOptions): Promise<Map<string, string>> {
  const { host, port } = parseAddress(listen);
  const ports = port === 0 ? await freePorts(host, directors) : Array.from({ length: directors }, (_, at) => port + at);
  return new Map(ports.map((each, at) => [`d${at + 1}`, formatAddress({ host, port: each })]));
}

function checkSame({ dir, directors, listen, isListenGiven }: ClusterDataOptions, earlier: Map<string, string>): void {
  const first = earlier.get('d1') ?? '';
  const isElsewhere = isListenGiven && !listen.endsWith(':0') && listen !== first;
  if (earlier.size === directors && !isElsewhere) return;
  throw new CommandFailure(
    `--data ${dir} holds a cluster of --directors ${earlier.size} at --listen ${first}: start it like that, or name another directory`,
  );
}

function readRecord(file: string): Map<string, string> | undefined {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
  try {
    const { directors } = JSON.parse(text) as { readonly directors: Readonly<Record<string, string>> };
    return new Map(Object.entries(directors).map(([id, address]) => [id, formatAddress(parseAddress(address))]));
  } catch {
    throw new FlotillaError(
      'FILE_UNUSABLE',
      `${file} was not written by flotilla up; name another directory with --data`,
    );
  }
}

const RECORD = 'up.json';
