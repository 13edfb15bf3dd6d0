import { expect } from 'chai';
import { readProjectFile } from './project-root.js';

interface LockedPackage {
  readonly version?: string;
  readonly resolved?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

const lock = JSON.parse(readProjectFile('package-lock.json')) as { packages: Record<string, LockedPackage> };

describe('package-lock.json', () => {
  it('names no host that packages came from', () => {
    const named = Object.entries(lock.packages).filter(([, entry]) => entry.resolved !== undefined);
    expect(named.map(([path]) => path)).to.deep.equal([]);
  });

  // npm leaves an optional package out of the lockfile when the registry it asked does not have it, and `npm ci` then
  // fails on every machine, also on those that would skip the package as made for another platform.
  it('has the optional packages of every platform', () => {
    const missing = Object.values(lock.packages)
      .flatMap((entry) => Object.keys(entry.optionalDependencies ?? {}))
      .filter((name) => !Object.keys(lock.packages).some((path) => path.endsWith(`node_modules/${name}`)));
    expect(missing).to.deep.equal([]);
  });

  it('agrees with package.json', () => {
    const { version, dependencies, devDependencies, engines } = JSON.parse(readProjectFile('package.json'));
    expect(lock.packages['']).to.include({ version }).and.to.deep.include({ dependencies, devDependencies, engines });
  });
});
