import { createRequire } from 'node:module';

// The package's own name leads to its package.json from the sources and from the build alike.
const manifest = createRequire(import.meta.url)('flotilla-rpc/package.json') as { readonly version: string };

export const VERSION = manifest.version;
