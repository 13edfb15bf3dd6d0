/** One director with real files, for tests that kill it. Its options are its argument as JSON. */
import { Director, type DirectorOptions } from '../../../src/index.js';

const options = JSON.parse(process.argv[2] ?? '{}') as DirectorOptions;
const director = await Director.start(options);
void director.failed.then((error) => {
  process.stderr.write(`${options.id}: ${error.code}: ${error.message}\n`);
  process.exit(1);
});
process.on('message', () => process.send?.(director.metadataHash()));
// The parent's end is the end of its directors.
process.on('disconnect', () => process.exit(0));
process.send?.('ready');
