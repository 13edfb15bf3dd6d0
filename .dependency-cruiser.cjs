/** Layer rules, made from the one table in `.ci/layers/table.cjs`. Run by `npm run lint:layers`. */
const { UNITS, COMPOSERS } = require('./.ci/layers/table.cjs');

const folder = (name) => name.replace('*', '[^/]+');
const anyOf = (names) =>
  `^src/(?:${names.map((name) => (name === 'index' ? 'index\\.ts$' : `${folder(name)}/`)).join('|')})`;
const UNIT = '(?:io|drivers)/[^/]+|[^/]+';

const layerRules = UNITS.map((unit) => ({
  name: `layer-${unit.name.replace('/*', '')}`,
  comment: `src/${unit.name} imports only ${unit.imports.join(', ') || 'nothing'} (${unit.holds})`,
  severity: 'error',
  from: {
    path: `^src/(${folder(unit.name)})/`,
    ...(COMPOSERS.includes(unit.name) ? { pathNot: '/create\\.ts$' } : {}),
  },
  to: { path: '^src/', pathNot: ['^src/$1/', ...(unit.imports.length > 0 ? [anyOf(unit.imports)] : [])] },
}));

const composerRules = UNITS.filter((unit) => COMPOSERS.includes(unit.name)).map((unit) => ({
  name: `layer-${unit.name}-create`,
  comment: `src/${unit.name}/create.ts composes io with what src/${unit.name} imports`,
  severity: 'error',
  from: { path: `^src/(${unit.name})/create\\.ts$` },
  to: { path: '^src/', pathNot: ['^src/$1/', anyOf([...unit.imports, 'io/*'])] },
}));

const pureRules = UNITS.filter((unit) => unit.pure).map((unit) => ({
  name: `pure-${unit.name}`,
  comment: `src/${unit.name} is pure: no node: module and ${unit.packages?.length ? `no package but ${unit.packages}` : 'no package'}`,
  severity: 'error',
  from: { path: `^src/${unit.name}/` },
  to: { pathNot: ['^src/', ...(unit.packages ?? []).map((name) => `(?:^|node_modules/)${name}(?:/|$)`)] },
}));

module.exports = {
  forbidden: [
    ...layerRules,
    ...composerRules,
    ...pureRules,
    {
      name: 'unit-unknown',
      comment: 'every folder of src stands in .ci/layers/table.cjs',
      severity: 'error',
      from: { path: '^src/.+/', pathNot: anyOf(UNITS.map((unit) => unit.name)) },
      to: {},
    },
    {
      name: 'index-only',
      comment: "another folder is imported through its index.ts, which says what is for others' use",
      severity: 'error',
      from: { path: `^src/(${UNIT})/` },
      to: { path: '^src/.+/', pathNot: ['^src/$1/', '/index\\.ts$'] },
    },
    {
      name: 'index-only-public',
      comment: 'the public API, examples and benches import a folder through its index.ts',
      severity: 'error',
      from: { path: '^(?:src/[^/]+\\.ts$|examples/|benches/)' },
      to: { path: '^src/.+/', pathNot: '/index\\.ts$' },
    },
    {
      name: 'no-cycles',
      comment: 'files that need each other are one concept or a missing third file',
      severity: 'error',
      from: { path: '^(?:src|test|examples|benches)/' },
      to: { circular: true },
    },
    {
      name: 'testing-stays-out',
      comment: 'production never imports what exists for tests',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/testing/' },
      to: { path: '^(?:src/testing|test|benches|examples)/' },
    },
    {
      name: 'native-behind-one-file',
      comment: 'only src/io/quic/native.ts loads the addon, so that another binding can replace it',
      severity: 'error',
      from: { path: '^(?:src|examples|benches|test)/', pathNot: '^src/io/quic/native\\.ts$' },
      to: { path: '@matrixai/quic' },
    },
    {
      name: 'examples-public-api',
      comment: 'examples show what users can do: the public API, and the testing entry',
      severity: 'error',
      from: { path: '^examples/' },
      to: { path: '^(?:src|test|benches)/', pathNot: '^src/(?:testing/)?index\\.ts$' },
    },
    {
      name: 'not-resolvable',
      comment: 'the import leads nowhere, so that no rule could judge it',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true, pathNot: '^flotilla-rpc(?:/testing)?$' }, // our own name, before the first build
    },
  ],
  options: {
    parser: 'tsc',
    tsPreCompilationDeps: true, // type-only imports count: a type is a dependency of the reader too
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['types', 'import', 'node', 'default'] },
  },
};
