/**
 * The parts of the book and of CONTRIBUTING.md that are made from tables in the code, as pure functions: the writer
 * (generate.mjs) and the test that they are current (test/unit/project/generated-docs.test.ts) share them.
 */

const NOTICE = '<!-- Made by `npm run book:generate`; change the source it names instead. -->';

/** `reference/errors.md` from `src/base/error-table.ts`. */
export function errorsPage({ RPC_CODES, RPC_REASONS, SETUP_REASONS }) {
  const rpcRows = Object.entries(RPC_REASONS).map(([reason, row]) => [
    anchor(reason),
    `\`${row.code}\``,
    row.retryable ? 'yes' : 'no',
    row.maybeExecuted ? 'maybe' : 'no',
    sentence(row.meaning),
    sentence(row.remedy),
  ]);
  const setupRows = Object.entries(SETUP_REASONS).map(([reason, row]) => [
    anchor(reason),
    sentence(row.meaning),
    sentence(row.remedy),
  ]);
  return `${NOTICE}
# Errors

Source: \`src/base/error-table.ts\`.

A call that fails rejects with one \`RpcError\`. Its \`code\` is one of the sixteen gRPC status codes, its \`reason\` is a
name from the first table and says more precisely what happened. *Retry* is the default of \`error.retryable\`: a later
or another attempt may succeed. *Executed* is the default of \`error.maybeExecuted\`: \`no\` means that the request
certainly never reached a handler, so that repeating it is safe whatever the method does.

Everything outside a call (options, certificates, addresses, files, sockets) throws a \`FlotillaError\` whose \`code\` is a
name from the second table. Messages are one line and say what to do; programs compare \`code\` and \`reason\`, never the
message.

## Reasons of failed calls

${table(['Reason', 'Code', 'Retry', 'Executed', 'Meaning', 'What to do'], rpcRows)}

## Errors outside a call

${table(['Code', 'Meaning', 'What to do'], setupRows)}

## Numbers of the codes on the wire

${table(
  ['Number', 'Code'],
  RPC_CODES.map((code, index) => [String(index + 1), `\`${code}\``]),
)}
`;
}

/** `reference/limits.md` from `src/base/limits.ts`: values from the object, meanings from its comments. */
export function limitsPage(limits, source) {
  const rows = Object.entries(limits).map(([name, value]) => [
    `\`${name}\``,
    amount(name, value),
    commentOn(name, source),
  ]);
  return `${NOTICE}
# Limits

Source: \`src/base/limits.ts\`.

Fixed bounds of the wire and of memory. They are checked against each other when the module loads. What you may tune
are [options](options.md), and options stay within these bounds.

${table(['Limit', 'Value', 'Meaning'], rows)}
`;
}

/** `reference/options.md` from the schema in `src/config`. */
export function optionsPage({ OPTION_DOCS, PRESET_NAMES, PRESET_TEXTS }) {
  const groups = [...new Set(OPTION_DOCS.map(groupOf))];
  const sections = groups.map((group) => {
    const rows = OPTION_DOCS.filter((doc) => groupOf(doc) === group).map((doc) => optionRow(doc, PRESET_NAMES));
    return `## \`${group}\`\n\n${table(['Option', 'Default', 'Allowed', 'What', 'Presets'], rows)}`;
  });
  return `${NOTICE}
# Options

Source: \`src/config/\`.

Every option has a default, and a value outside what is allowed fails at once with \`OPTION_INVALID\`, naming the option,
the value and what is allowed. Options are given in code (\`{ transport: { idleTimeoutMs: '10s' } }\`) or in a TOML file,
where names are in snake case (\`[transport]\`, \`idle_timeout_ms = "10s"\`).

Durations are milliseconds, or a text with a unit: \`250\`, \`'250ms'\`, \`'30s'\`, \`'5m'\`, \`'1h'\`. Sizes are bytes, or a
text with a unit: \`65536\`, \`'64KiB'\`, \`'4MiB'\`, \`'1GiB'\`.

## Presets

A preset sets several options at once; what you set yourself wins.

${table(
  ['Preset', 'For'],
  PRESET_NAMES.map((name) => [`\`${name}\``, PRESET_TEXTS[name]]),
)}

${sections.join('\n\n')}
`;
}

/** The options of one group without its presets, for chapters: `<!-- options GROUP -->` and `<!-- /options -->`. */
export function includeOptions(page, { OPTION_DOCS }) {
  return page.replace(/<!-- options (\S+) -->\n[\s\S]*?<!-- \/options -->/g, (_, group) => {
    const docs = OPTION_DOCS.filter((doc) => groupOf(doc) === group);
    if (docs.length === 0) throw new Error(`there is no group of options ${group}`);
    const rows = docs.map((doc) => optionRow(doc, []).slice(0, -1));
    return `<!-- options ${group} -->\n${table(['Option', 'Default', 'Allowed', 'What'], rows)}\n<!-- /options -->`;
  });
}

/** The close codes of the wire protocol page, from `src/base/close-codes.ts`: numbers from the object, the rest from comments. */
export function closeCodesTable(codes, source) {
  return table(
    ['Code', 'Name', 'Meaning'],
    Object.entries(codes).map(([name, code]) => [String(code), `\`${name}\``, commentOn(name, source)]),
  );
}

/** The layer table of CONTRIBUTING.md and of the book, from `.ci/layers/table.cjs`. */
export function layersTable(units) {
  return table(
    ['Folder of `src`', 'A line belongs here when it is', 'May import'],
    units.map((unit) => [
      `\`${unit.name}\`${unit.pure ? ' (pure)' : ''}`,
      unit.holds,
      unit.name === 'cli' || unit.name === 'dashboard' ? 'the public API (`src/index.ts`)' : code(unit.imports),
    ]),
  );
}

/** The same rules as a mermaid graph: an arrow points at what may be imported; implied arrows are left out. */
export function layersGraph(units) {
  const edges = units.flatMap((unit) =>
    directImports(unit, units).map((target) => `  ${nodeOf(unit.name)} --> ${nodeOf(target)}`),
  );
  const api = '  index["index.ts: the public API"] --> local';
  return ['```mermaid', 'graph TD', ...edges, api, '```'].join('\n');
}

/** Puts `content` between the markers `<!-- name -->` and `<!-- /name -->` of a page. */
export function fillIn(page, name, content) {
  const [open, close] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [start, end] = [page.indexOf(open), page.indexOf(close)];
  if (start < 0 || end < start) throw new Error(`the page has no markers ${open} and ${close}`);
  return `${page.slice(0, start + open.length)}\n${content}\n${page.slice(end)}`;
}

function directImports(unit, units) {
  const reach = (name) => units.find((other) => other.name === name)?.imports ?? [];
  const imports = unit.imports.filter((name) => name !== unit.name);
  return imports.filter((name) => !imports.some((other) => other !== name && reach(other).includes(name)));
}

function nodeOf(name) {
  return name.replace('/*', '');
}

function groupOf({ key }) {
  return key.slice(0, key.lastIndexOf('.'));
}

function optionRow(doc, presetNames) {
  const ordered = doc.kind !== 'flag' && doc.kind !== 'choice';
  const larger = doc.larger === undefined ? '' : ` ${ordered ? `Larger: ${doc.larger}.` : sentence(doc.larger)}`;
  const smaller = doc.smaller === undefined ? '' : ` ${ordered ? `Smaller: ${doc.smaller}.` : sentence(doc.smaller)}`;
  const presets = presetNames.filter((name) => doc.presets[name] !== undefined);
  return [
    `\`${doc.key.slice(doc.key.lastIndexOf('.') + 1)}\``,
    doc.default,
    doc.allowed,
    `${sentence(doc.what)}${larger}${smaller}`.replaceAll('..', '.'),
    presets.map((name) => `${name}: ${doc.presets[name]}`).join('; '),
  ];
}

/** The documentation comment in front of `name:` in a source text. */
function commentOn(name, source) {
  const match = new RegExp(`/\\*\\*([^/]*?)\\*/\\s+${name}:`).exec(source);
  if (match === null) throw new Error(`there is no comment on ${name}`);
  return match[1].replace(/\s*\n\s*\* ?/g, ' ').trim();
}

function amount(name, value) {
  const plain = value.toLocaleString('en-US');
  if (!/Bytes/.test(name) || value < 1024 || value % 1024 !== 0) return plain;
  return value % 1_048_576 === 0 ? `${value / 1_048_576} MiB` : `${value / 1024} KiB`;
}

function anchor(reason) {
  return `<a id="${reason.toLowerCase()}"></a>\`${reason}\``;
}

function sentence(text) {
  return `${text[0].toUpperCase()}${text.slice(1)}.`;
}

function code(names) {
  return names.length === 0 ? 'nothing' : names.map((name) => `\`${name}\``).join(' ');
}

function table(head, rows) {
  const line = (cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}
