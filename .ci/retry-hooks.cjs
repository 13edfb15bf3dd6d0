/**
 * Tests with real sockets and processes are tried a second time when they fail, with a line that says so: other tenants of
 * the machine can hold a process up for seconds. Unit tests and simulations depend on nothing outside: one failure counts.
 */
const REAL = /[\\/]test[\\/](?:integration|process)[\\/]/;

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
