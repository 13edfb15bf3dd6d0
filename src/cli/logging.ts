import { type LoggerOptions, pino, stdSerializers, stdTimeFunctions } from 'pino';
import type { Logger } from '../index.js';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

export interface LogOptions {
  readonly level: string;
  /** Fields of every line: who logs. */
  readonly base: Readonly<Record<string, string>>;
}

/** A logger to stderr: one readable line per message on a terminal, one JSON object per line elsewhere. */
export function createLogger({ level, base }: LogOptions): Logger {
  const options: LoggerOptions = {
    level,
    base,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    serializers: { error: stdSerializers.err, err: stdSerializers.err },
  };
  if (process.stderr.isTTY)
    return pino(options, { write: (line: string) => void process.stderr.write(readableLine(line)) });
  // Written at once: a process that ends has logged why.
  return pino(options, pino.destination({ fd: 2, sync: true }));
}

/** `11:42:03.120 warn  worker w1: lease lost (attempt=2)` from a JSON log line. */
export function readableLine(json: string): string {
  const { level, time, msg, role, id, ...fields } = JSON.parse(json) as Record<string, unknown>;
  const clock = typeof time === 'string' ? time.slice(11, 23) : '';
  const who = [role, id].filter((part) => part !== undefined).join(' ');
  const rest = Object.entries(fields).map(([key, value]) => `${key}=${fieldText(value)}`);
  const text = `${clock} ${String(level).padEnd(5)} ${who === '' ? '' : `${who}: `}${String(msg ?? '')}`;
  return `${text}${rest.length === 0 ? '' : ` (${rest.join(', ')})`}\n`;
}

function fieldText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'object' && value !== null && 'message' in value && 'stack' in value)
    return String(value.message);
  return JSON.stringify(value);
}
