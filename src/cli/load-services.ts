import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Implementation, implement, type Service } from '../index.js';
import { BUILTIN_SERVICES } from './builtin-services.js';
import { CommandFailure } from './failure.js';

/**
 * The implementations that an ES module exports, singly or in lists, under any names; the built-in ones without a file.
 *
 * @throws CommandFailure when the module cannot be loaded or exports no implementation
 */
export async function loadServices(file: string | undefined): Promise<readonly Implementation[]> {
  if (file === undefined) return BUILTIN_SERVICES;
  const exported = Object.values(await load(file)).flat();
  // A module may export one implementation under two names.
  const found = [...new Set(exported.filter(isImplementation))];
  if (found.length === 0) {
    throw new CommandFailure(
      `--service ${file} exports no implementation; export what implement(Service, handlers) returns, or a list of them`,
    );
  }
  // Bound again: a module may come with its own copy of the package, or a plain object with service and handlers.
  return found.map(({ service, handlers }) => implement(service as Service, handlers as never));
}

async function load(file: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return (await import(pathToFileURL(resolve(file)).href)) as Record<string, unknown>;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CommandFailure(`--service ${file} cannot be loaded: ${why}`);
  }
}

function isImplementation(value: unknown): value is Implementation {
  return (
    isObject(value) &&
    isObject(value.service) &&
    typeof value.service.name === 'string' &&
    isObject(value.service.methods) &&
    isObject(value.handlers)
  );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
