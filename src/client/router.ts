import type { Random, WorkerRecord } from '../ports/index.js';
import type { ClusterCallOptions, MethodRef } from '../rpc/index.js';
import type { Candidate, PickContext, Strategy } from './balance/index.js';
import { type Filter, parseFilter } from './filter.js';

/** What a router chooses among: a strategy's candidate with the record that methods and filters are matched with. */
export interface Routed extends Candidate {
  readonly record: WorkerRecord;
}

/** The workers that may serve a method under a filter. Kept between calls; `links` is current after `Router.route`. */
export interface Route<L extends Routed = Routed> {
  /** Empty for any method. */
  readonly method: string;
  readonly filterText: string | undefined;
  readonly filter: Filter;
  version: number;
  links: readonly L[];
}

/**
 * Finds the worker of a call. The work that depends on the filter and the registry is done once per change of either;
 * a call costs two map look-ups and the strategy's pick.
 */
export class Router<L extends Routed = Routed> {
  private readonly strategy: Strategy;
  private readonly context: PickContext;
  private readonly routes = new Map<string, MethodRoutes<L>>();
  private readonly source: () => readonly L[];
  private links: readonly L[] = [];
  private linksVersion = 0;
  private version = 1;

  /** @param source the workers to choose among; asked after `invalidate`, when the next call needs them */
  constructor(strategy: Strategy, random: Random, source: () => readonly L[]) {
    this.strategy = strategy;
    this.source = source;
    this.context = { random, hashKey: undefined, excluded: undefined, usabilityMin: 2, zone: undefined };
  }

  /** The workers, their tags or their methods have changed. */
  invalidate(): void {
    this.version += 1;
  }

  /**
   * The route of a method (empty: any) and filter, up to date.
   *
   * @throws FlotillaError `FILTER_INVALID`
   */
  route(method: string, filterText: string | undefined): Route<L> {
    let routes = this.routes.get(method);
    if (routes === undefined) {
      if (this.routes.size >= ROUTES_MAX) this.routes.clear();
      routes = { unfiltered: newRoute(method, undefined), filtered: new Map(), ref: undefined, refVersion: -1 };
      this.routes.set(method, routes);
    }
    let route: Route<L> | undefined = routes.unfiltered;
    if (filterText !== undefined && filterText !== '') {
      route = routes.filtered.get(filterText);
      if (route === undefined) {
        route = newRoute(method, filterText);
        if (routes.filtered.size >= ROUTES_MAX) routes.filtered.clear();
        routes.filtered.set(filterText, route);
      }
    }
    if (route.version !== this.version) this.renew(route);
    return route;
  }

  /** The worker for a call, `undefined` when none can be used. A worker in doubt only when there is no other. */
  pick(route: Route<L>, options: ClusterCallOptions | undefined, excluded?: readonly L[]): L | undefined {
    const { context, strategy } = this;
    context.hashKey = options?.hashKey;
    context.excluded = excluded;
    context.usabilityMin = 2;
    const usual = strategy.pick(route.links, context);
    if (usual !== undefined) return usual;
    context.usabilityMin = 1;
    return strategy.pick(route.links, context);
  }

  /** A method known by its name only, as the workers advertise it; `undefined` when none serves it. */
  advertised(name: string): MethodRef | undefined {
    const { links, version } = this.route(name, undefined);
    const routes = this.routes.get(name) as MethodRoutes<L>;
    if (routes.refVersion !== version) {
      const method = links[0]?.record.methods.find((candidate) => candidate.name === name);
      routes.ref = method && { name, definition: { kind: method.kind, idempotent: method.idempotent } };
      routes.refVersion = version;
    }
    return routes.ref;
  }

  private renew(route: Route<L>): void {
    if (this.linksVersion !== this.version) {
      this.links = this.source();
      this.linksVersion = this.version;
    }
    route.links = this.links.filter(
      ({ record }) =>
        route.filter(record.tags) &&
        (route.method === '' || record.methods.some((method) => method.name === route.method)),
    );
    route.version = this.version;
  }
}

interface MethodRoutes<L extends Routed> {
  readonly unfiltered: Route<L>;
  readonly filtered: Map<string, Route<L>>;
  /** What the workers say about the method, as of `refVersion`. */
  ref: MethodRef | undefined;
  refVersion: number;
}

function newRoute<L extends Routed>(method: string, filterText: string | undefined): Route<L> {
  return { method, filterText, filter: parseFilter(filterText ?? ''), version: -1, links: [] };
}

/** Methods, and filters per method, that are kept; programs that make filters up as they go start over at this many. */
const ROUTES_MAX = 1_000;
