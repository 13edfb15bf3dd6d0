/**
 * Which folder of `src` may import which (DESIGN: imports go one way). One table for three readers: the check
 * (`npm run lint:layers`), the table in CONTRIBUTING.md and the graph in the book.
 *
 * A unit is a folder of `src`, or a folder of `src/io` or `src/drivers`. A unit that is missing here fails the check.
 */
const CORES = ['lanes', 'rpc', 'gossip', 'raft', 'wal', 'kv'];
const ROLE_IMPORTS = ['base', 'ports', 'wire', ...CORES, 'drivers/*', 'config', 'certs'];

/**
 * @typedef {object} Unit
 * @property {string} name folder below `src`; `io/*` stands for every folder of `src/io`
 * @property {readonly string[]} imports units whose `index.ts` it may import
 * @property {boolean} [pure] no `node:` module, clock, timer or randomness
 * @property {readonly string[]} [packages] packages that a pure unit may import
 * @property {string} holds what a new line of code must be to belong here
 */

/** @type {readonly Unit[]} */
const UNITS = [
  {
    name: 'base',
    imports: [],
    pure: true,
    holds: 'words that every layer shares: errors, limits, ids, asserts, byte and queue helpers',
  },
  {
    name: 'ports',
    imports: ['base'],
    pure: true,
    holds: 'interfaces to the outside: clock, transport, logger, random',
  },
  { name: 'wire', imports: ['base'], pure: true, packages: ['msgpackr'], holds: 'bytes to messages and back' },
  ...CORES.map((name) => ({
    name,
    imports: ['base', 'ports', 'wire'],
    pure: true,
    packages: { rpc: ['@standard-schema/spec'], gossip: ['tweetnacl'], kv: ['sorted-btree'] }[name] ?? [],
    holds: {
      lanes: 'which bytes leave next: priority, quanta, reserve, fairness',
      rpc: 'service definitions, call table, stream state',
      gossip: 'the membership protocol as a state machine',
      raft: 'the consensus protocol as a state machine',
      wal: 'record format, segments and recovery rules',
      kv: 'the metadata state machine',
    }[name],
  })),
  { name: 'certs', imports: ['base'], holds: 'making and reading certificates' },
  { name: 'config', imports: ['base'], holds: 'options, their schema, defaults and documentation, TOML files' },
  { name: 'io/*', imports: ['base', 'ports', 'wal'], holds: 'what touches the system: sockets, disks, clock, entropy' },
  {
    name: 'drivers/*',
    imports: ['base', 'ports', 'wire', ...CORES, 'drivers/*'],
    holds: 'the code that pumps a core and carries out its effects; io arrives as constructor arguments',
  },
  { name: 'client', imports: ROLE_IMPORTS, holds: 'ClusterClient, balancing, filters, the worker registry' },
  { name: 'worker', imports: [...ROLE_IMPORTS, 'client'], holds: 'Worker: serving, registration, drain' },
  { name: 'director', imports: [...ROLE_IMPORTS, 'client'], holds: 'Director: registry, leases, admission' },
  {
    name: 'local',
    imports: [...ROLE_IMPORTS, 'client', 'worker', 'director'],
    holds: 'Cluster.local: all roles in one process',
  },
  {
    name: 'testing',
    imports: [...ROLE_IMPORTS, 'io/*', 'client', 'worker', 'director', 'local'],
    holds: 'simulated clock and network, contract suites; exported as flotilla-rpc/testing',
  },
  { name: 'cli', imports: ['index'], holds: 'the command line, over the public API' },
  { name: 'dashboard', imports: ['index'], holds: 'the web page, over the public API' },
];

/** Roles compose io in one file each. */
const COMPOSERS = ['client', 'worker', 'director', 'local'];

module.exports = { UNITS, CORES, COMPOSERS };
