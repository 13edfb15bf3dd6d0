/** What a process says on stdout when it is ready. */
export interface Ready {
  readonly role: string;
  readonly id: string;
  readonly address: string;
  readonly [field: string]: string;
}

/** `flotilla: ready role=director id=d1 address=127.0.0.1:7401`, further fields behind. No value has a space. */
export function readyLine({ role, id, address, ...more }: Ready): string {
  const fields = Object.entries({ role, id, address, ...more }).map(([name, value]) => `${name}=${value}`);
  return `${PREFIX}${fields.join(' ')}`;
}

/** The inverse of {@link readyLine}; `undefined` for any other line. */
export function parseReadyLine(line: string): Ready | undefined {
  if (!line.startsWith(PREFIX)) return undefined;
  const fields = line
    .slice(PREFIX.length)
    .split(' ')
    .map((field): [string, string] => {
      const at = field.indexOf('=');
      return [field.slice(0, at), field.slice(at + 1)];
    });
  const { role, id, address, ...more } = Object.fromEntries(fields);
  return role === undefined || id === undefined || address === undefined ? undefined : { role, id, address, ...more };
}

const PREFIX = 'flotilla: ready ';
