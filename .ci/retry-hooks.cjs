/**
 * Tests with real sockets and processes are tried a second time when they fail, with lines that say so and why: other
 * tenants of the machine can hold a process up for seconds. Unit tests and simulations depend on nothing outside: one
 * failure counts.
 */
const REAL = /[\\/]test[\\/](?:integration|process)[\\/]/;
const FRAMES_MAX = 6;

exports.mochaHooks = {
  beforeEach() {
    if (REAL.test(this.currentTest?.file ?? '')) this.currentTest.retries(1);
  },
  afterEach() {
    const test = this.currentTest;
    if (test !== undefined && test.currentRetry() > 0)
      console.log(`    tried twice: ${test.fullTitle()}: ${test.state}`);
  },
};

/** `this` is the runner, which alone is told of a first try's error; with --parallel that of the main process. */
exports.mochaGlobalSetup = function () {
  this.on('retry', (test, error) => console.log(`    first try: ${test.fullTitle()}:\n${describe(error)}`));
};

/** The whole message, and the first lines of the stack. */
function describe(error) {
  const lines = String(error?.stack ?? error).split('\n');
  const isFrame = (line) => /^\s+at /.test(line);
  const frames = lines.filter(isFrame).slice(0, FRAMES_MAX);
  return [...lines.filter((line) => !isFrame(line)), ...frames].map((line) => `      ${line.trimEnd()}`).join('\n');
}
