/** Readers of flag values. Each says what is allowed; commander adds the flag's name and the value. */
import { InvalidArgumentError } from 'commander';
import { type FlotillaError, formatAddress, nodeId, parseAddress, parseFilter } from '../index.js';

/** A whole number between `min` and `max`. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
    if (!(value >= min && value <= max)) throw allowed(`a whole number from ${min} to ${max}`);
    return value;
  };
}

/** A number from `min`, or above 0, up to `max`; fractions are fine. */
export function positiveNumber(max: number, min = 0): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (!(value > 0 && value >= min && value <= max)) {
      throw allowed(min === 0 ? `a number above 0, up to ${max}` : `a number from ${min} to ${max}`);
    }
    return value;
  };
}

/** Zero, or a number from `min` to `max`. */
export function zeroOrNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}(?:\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (value !== 0 && !(value >= min && value <= max)) throw allowed(`0 (off), or a number from ${min} to ${max}`);
    return value;
  };
}

export function address(text: string): string {
  return formatAddress(guarded(() => parseAddress(text), 'HOST:PORT, such as 127.0.0.1:7401 or [::1]:7401'));
}

/** An address to reach: its port is a real one. */
export function reachableAddress(text: string): string {
  const parsed = guarded(() => parseAddress(text), 'HOST:PORT, such as 127.0.0.1:7401 or [::1]:7401');
  if (parsed.port === 0) throw allowed('HOST:PORT with a port from 1 to 65535');
  return formatAddress(parsed);
}

export function addressList(text: string): string[] {
  return text.split(',').map(reachableAddress);
}

/** `d1=HOST:PORT,d2=HOST:PORT`: at most nine, each id and address once. */
export function peerList(text: string): Record<string, string> {
  const pairs = text.split(',').map((pair): [string, string] => {
    const [, id, at] = /^\s*([^=]*)=(.*?)\s*$/.exec(pair) ?? [];
    if (id === undefined || at === undefined) throw allowed('ID=HOST:PORT pairs, separated by commas');
    return [identifier(id), reachableAddress(at)];
  });
  if (pairs.length > PEERS_MAX) throw allowed(`at most ${PEERS_MAX} directors`);
  for (const at of [0, 1] as const) {
    if (new Set(pairs.map((pair) => pair[at])).size !== pairs.length) throw allowed('each id and each address once');
  }
  return Object.fromEntries(pairs);
}

/** `HOST:PORT`; with the port alone (`9100`, `:9100`) only this machine can reach it. */
export function httpAddress(text: string): string {
  return address(/^:?\d+$/.test(text) ? `127.0.0.1:${text.replace(':', '')}` : text);
}

export function identifier(text: string): string {
  return guarded(() => nodeId(text), '1-64 characters of A-Z a-z 0-9 . _ - starting with a letter or digit');
}

/** `admin,backup`: each once. */
export function identifierList(text: string): string[] {
  const ids = text.split(',').map((id) => identifier(id.trim()));
  if (new Set(ids).size !== ids.length) throw allowed('each id once');
  return ids;
}

export function hostList(text: string): string[] {
  const hosts = text.split(',').map((host) => host.trim());
  if (hosts.includes('')) throw allowed('host names and IP addresses, separated by commas');
  return hosts;
}

/** `zone=a,role=worker`. */
export function tagList(text: string): Record<string, string> {
  const pairs = text.split(',').map((pair): [string, string] => {
    const [, key, value] = /^\s*([\w./:@+*-]{1,64})=([^,]{0,256})$/.exec(pair) ?? [];
    if (key === undefined || value === undefined)
      throw allowed('KEY=VALUE pairs, separated by commas, such as zone=a,disk=ssd');
    return [key, value.trim()];
  });
  if (new Set(pairs.map(([key]) => key)).size !== pairs.length) throw allowed('each key once');
  return Object.fromEntries(pairs);
}

/** A worker filter, checked here so that a slip in it costs no connection. */
export function filter(text: string): string {
  try {
    parseFilter(text);
  } catch (error) {
    throw new InvalidArgumentError(
      `${(error as FlotillaError).message}. Allowed: key=value, key!=value, key in (a,b), key, !key`,
    );
  }
  return text;
}

export function oneOf(names: readonly string[]): (text: string) => string {
  return (text) => {
    if (!names.includes(text)) throw allowed(names.join(', '));
    return text;
  };
}

function guarded<T>(read: () => T, what: string): T {
  try {
    return read();
  } catch {
    throw allowed(what);
  }
}

function allowed(what: string): InvalidArgumentError {
  return new InvalidArgumentError(`Allowed: ${what}.`);
}

/** As many as may found a cluster. */
const PEERS_MAX = 9;
