import { FlotillaError, RpcError } from '../../base/index.js';
import {
  type AnyMethod,
  type CallContext,
  chainServer,
  type Implementation,
  methodName,
  type ServerInterceptor,
  type UntypedHandler,
} from '../../rpc/index.js';

/** A method as the server dispatches to it. */
export interface ServedMethod {
  readonly name: string;
  readonly definition: AnyMethod;
  /** The handler inside all interceptors. */
  readonly handler: UntypedHandler;
}

/** The methods of a server by name and by the number that its hello gives them. */
export class MethodTable {
  /** In the order of their numbers. */
  readonly names: readonly string[];
  private readonly byNumber: readonly ServedMethod[];
  private readonly byName: ReadonlyMap<string, ServedMethod>;

  /** @throws FlotillaError `SERVICE_INVALID` when two services define the same method */
  constructor(services: readonly Implementation[], interceptors: readonly ServerInterceptor[]) {
    const byName = new Map<string, ServedMethod>();
    for (const { service, handlers } of services) {
      for (const [name, definition] of Object.entries(service.methods)) {
        const fullName = methodName(service.name, name);
        if (byName.has(fullName)) throw new FlotillaError('SERVICE_INVALID', `method ${fullName} is served twice`);
        const handler = handlers[name] ?? missing(fullName);
        byName.set(fullName, {
          name: fullName,
          definition,
          handler: chainServer(interceptors, handler, { name: fullName, definition }),
        });
      }
    }
    this.byName = byName;
    this.byNumber = [...byName.values()];
    this.names = [...byName.keys()];
  }

  find(name: string | undefined, number: number): ServedMethod | undefined {
    return name === undefined ? this.byNumber[number] : this.byName.get(name);
  }
}

/** Checks a value against a method's schema. @throws RpcError `INPUT_INVALID` or `OUTPUT_INVALID` with `details.issues` */
export function validated(schema: AnyMethod['input'], value: unknown, which: 'input' | 'output'): unknown {
  if (schema === undefined) return value;
  const result = schema['~standard'].validate(value);
  return result instanceof Promise ? result.then((settled) => checked(settled, which)) : checked(result, which);
}

function checked(result: SchemaResult, which: 'input' | 'output'): unknown {
  if (result.issues === undefined) return result.value;
  const issues = result.issues.slice(0, ISSUES_MAX).map(({ message, path }) => ({
    message,
    path: (path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.'),
  }));
  const first = issues[0];
  throw RpcError.of(
    which === 'input' ? 'INPUT_INVALID' : 'OUTPUT_INVALID',
    `the ${which} does not fit its schema: ${first === undefined ? '' : `${first.path === '' ? '' : `${first.path}: `}${first.message}`}`,
    { details: { issues } },
  );
}

type Schema = NonNullable<AnyMethod['input']>;
type SchemaResult = Awaited<ReturnType<Schema['~standard']['validate']>>;

const ISSUES_MAX = 16;

function missing(name: string): UntypedHandler {
  return (_input: unknown, _context: CallContext) => {
    throw RpcError.of('METHOD_UNKNOWN', `method ${name} has no handler`);
  };
}
