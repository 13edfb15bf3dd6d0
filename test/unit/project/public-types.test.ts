import { join } from 'node:path';
import { expect } from 'chai';
import { PROJECT_ROOT, readProjectFile } from './project-root.js';
import { filesBelow } from './tracked-files.js';

describe('the declarations that users compile against', () => {
  it('do not pull in those of the root of the QUIC package, which do not compile', () => {
    const sources = filesBelow(join(PROJECT_ROOT, 'src')).filter((path) => path.endsWith('.ts'));
    expect(sources).to.include('src/io/quic/native.ts');
    expect(sources.filter((path) => readProjectFile(path).includes("'@matrixai/quic'"))).to.deep.equal([]);
  });
});
