import { join } from 'node:path';
import { FlotillaError } from '../base/index.js';
import { CERTIFICATE_MODE, readIfPresent, replaceFile } from './files.js';

/** The deny list of a certificate directory. */
export function denyFileOf(dir: string): string {
  return join(dir, 'denied.txt');
}

/**
 * Refuses a certificate from now on: adds its fingerprint to `DIR/denied.txt`, which running nodes read again. Returns
 * whether it was new. `note` follows as a comment. One administrator at a time: two additions at once may lose one.
 *
 * @throws FlotillaError `CERT_INVALID`: not a fingerprint; `FILE_UNUSABLE`
 */
export function addToDenyList(dir: string, fingerprint: string, note = ''): boolean {
  const file = denyFileOf(dir);
  const entry = normalize(fingerprint, 'fingerprint');
  const text = readIfPresent(file) ?? DENY_LIST_HEADER;
  if (parseDenyList(text, file).includes(entry)) return false;
  const comment = note === '' ? '' : ` # ${note.replaceAll(/\s+/g, ' ')}`;
  replaceFile(file, `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${entry}${comment}\n`, CERTIFICATE_MODE);
  return true;
}

/** The fingerprints of `DIR/denied.txt`; none when there is no such file. */
export function readDenyList(dir: string): string[] {
  return parseDenyList(readIfPresent(denyFileOf(dir)) ?? '', denyFileOf(dir));
}

/**
 * One SHA-256 fingerprint per line, with or without colons; `#` starts a comment. A line that cannot be read is an
 * error, because skipping it would admit who was to be refused.
 *
 * @throws FlotillaError `CERT_INVALID` with file and line
 */
export function parseDenyList(text: string, file = 'denied.txt'): string[] {
  const entries = text.split(/\r?\n/).map((line, index) => {
    const entry = line.replace(/#.*$/, '').trim();
    return entry === '' ? '' : normalize(entry, `${file}:${index + 1}`);
  });
  return [...new Set(entries.filter((entry) => entry !== ''))];
}

function normalize(text: string, where: string): string {
  const digits = text.trim().replaceAll(':', '').toLowerCase();
  if (!/^[0-9a-f]{64}$/.test(digits)) {
    throw new FlotillaError(
      'CERT_INVALID',
      `${where}: ${JSON.stringify(text.slice(0, 100))} is not a SHA-256 fingerprint (64 hexadecimal digits)`,
    );
  }
  return digits;
}

export const DENY_LIST_HEADER =
  '# Certificates that no node accepts: one SHA-256 fingerprint per line. Running nodes read this file again.\n';
