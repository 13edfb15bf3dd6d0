/**
 * The code blocks of the book: what stands between `<!-- code PATH[:ANCHOR] -->` and `<!-- /code -->` is the named file,
 * or its lines between `ANCHOR: name` and `ANCHOR_END: name`. The code itself is in the page, so that it can be read in
 * an editor or on a repository's site, not only in the built book.
 */
import { posix } from 'node:path';

const BLOCK = /<!-- code (\S+?)(?::(\S+))? -->\n[\s\S]*?<!-- \/code -->/g;
const ANCHOR_LINE = /^\s*\/\/ ANCHOR(?:_END)?: /;

/** `page` with its code blocks as they must be; `path` is where it is, `read` gives the text of a file of the project. */
export function includeCode(page, path, read) {
  return page.replace(BLOCK, (_, target, anchor) => {
    const file = posix.join(posix.dirname(path), target);
    const code = codeOf(read(file), anchor, file);
    return `<!-- code ${target}${anchor === undefined ? '' : `:${anchor}`} -->\n\`\`\`ts\n// ${file}\n${code}\n\`\`\`\n<!-- /code -->`;
  });
}

function codeOf(text, anchor, file) {
  const lines = text.trimEnd().split('\n');
  let [start, end] = [0, lines.length];
  if (anchor !== undefined) {
    start = lines.findIndex((line) => line.trim() === `// ANCHOR: ${anchor}`) + 1;
    end = lines.findIndex((line) => line.trim() === `// ANCHOR_END: ${anchor}`);
    if (start === 0 || end < start) throw new Error(`${file} has no ANCHOR: ${anchor} with its ANCHOR_END`);
  }
  const code = lines.slice(start, end).filter((line) => !ANCHOR_LINE.test(line));
  const indents = code.filter((line) => line !== '').map((line) => line.search(/\S/));
  return code.map((line) => line.slice(Math.min(...indents))).join('\n');
}
