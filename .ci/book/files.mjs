import { includeCode } from './include-code.mjs';
import {
  closeCodesTable,
  errorsPage,
  fillIn,
  includeOptions,
  layersGraph,
  layersTable,
  limitsPage,
  optionsPage,
} from './pages.mjs';

/** Every file that is generated, whole or in part: path to the text it must have. */
export function generatedFiles({ base, config, units, read }) {
  return {
    ...chaptersWithParts(read, config),
    'book/src/reference/errors.md': errorsPage(base),
    'book/src/reference/limits.md': limitsPage(base.LIMITS, read('src/base/limits.ts')),
    'book/src/reference/options.md': optionsPage(config),
    'book/src/reference/wire-protocol.md': fillIn(
      read('book/src/reference/wire-protocol.md'),
      'close-codes',
      closeCodesTable(base.CLOSE_CODES, read('src/base/close-codes.ts')),
    ),
    'book/src/internals/layers.md': fillIn(
      fillIn(read('book/src/internals/layers.md'), 'layers-graph', layersGraph(units)),
      'layers-table',
      layersTable(units),
    ),
    'README.md': fillIn(
      read('README.md'),
      'readme-example',
      `\`\`\`ts\n${read('examples/typed-service/readme.ts').trimEnd()}\n\`\`\``,
    ),
    'CONTRIBUTING.md': fillIn(read('CONTRIBUTING.md'), 'layers-table', layersTable(units)),
  };
}

/** The chapters that show code of the examples, or tables of options. */
function chaptersWithParts(read, config) {
  const chapters = [...read('book/src/SUMMARY.md').matchAll(/\]\(([^)]+\.md)\)/g)].map(
    ([, path]) => `book/src/${path}`,
  );
  const pages = chapters.map((path) => [path, read(path)]).filter(([, page]) => /<!-- (?:code|options) /.test(page));
  return Object.fromEntries(pages.map(([path, page]) => [path, includeOptions(includeCode(page, path, read), config)]));
}
