import { FlotillaError } from '../../base/index.js';

/** Whether an error says that there is no room, which passes, in contrast to a broken disk. */
export function isDiskFull(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  return code === 'ENOSPC' || code === 'EDQUOT';
}

export function isMissing(error: unknown): boolean {
  return (error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
}

/** `DISK_FULL`, `DISK_FAILED`, or the error itself when it has a code of ours. */
export function diskError(error: unknown, path: string): FlotillaError {
  if (error instanceof FlotillaError) return error;
  const text = error instanceof Error ? error.message : String(error);
  if (isDiskFull(error))
    return new FlotillaError('DISK_FULL', `${path}: no room: ${text}; free space`, { cause: error });
  const message = `${path}: ${text}; nothing written since can be relied on: check the disk and restart the node`;
  return new FlotillaError('DISK_FAILED', message, { cause: error });
}
