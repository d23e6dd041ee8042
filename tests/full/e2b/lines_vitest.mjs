// A vitest reporter: each test's result as one line of JSON on the descriptor DM_LINES, the moment it is known.

import { writeSync } from 'node:fs'

const say = (test, state, errors = []) => {
  const why = errors.map((e) => e?.message ?? String(e)).join('; ').slice(0, 500)
  writeSync(Number(process.env.DM_LINES), JSON.stringify({ test, state, why }) + '\n')
}

export default class {
  onTestCaseResult(test) {
    const { state, errors } = test.result()
    say(`${test.module.relativeModuleId} > ${test.fullName}`, state, errors ?? [])
  }

  // A file that cannot be loaded, or whose own set-up fails, has no test case to say so.
  onTestModuleEnd(module) {
    const errors = module.errors()
    if (errors.length > 0) say(module.relativeModuleId, 'failed', errors)
  }

  onTestSuiteResult(suite) {
    const errors = suite.errors()
    if (errors.length > 0) say(`${suite.module.relativeModuleId} > ${suite.fullName}`, 'failed', errors)
  }
}
