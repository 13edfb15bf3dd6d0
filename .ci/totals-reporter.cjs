/**
 * mocha's spec reporter that also writes `{ passes, failures, tests }` to the file named by TEST_TOTALS_FILE, for
 * `.ci/run` to add up. The file appears only when the run got to its end.
 */
const { writeFileSync } = require('node:fs');
const { reporters } = require('mocha');

class TotalsReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once('end', () => {
      const { passes, failures, tests } = this.stats;
      writeFileSync(process.env.TEST_TOTALS_FILE, `${passes} ${failures} ${tests}\n`);
    });
  }
}

module.exports = TotalsReporter;
