import { expect, test } from 'vitest'
import { propertyTests, readReport } from './properties.ts'

test('property tests are found, by what they import too', () => {
  const files = propertyTests()
  expect(files).toContain('src/base/tuple.test.ts')
  expect(files).toContain('src/storage/memory/memory.test.ts')
  expect(files).not.toContain('src/base/slice.test.ts')
})

test('failures of tests and of whole files count', () => {
  const passed = { fullName: 'a b', status: 'passed', failureMessages: [] }
  const failed = { fullName: 'a c', status: 'failed', failureMessages: ['seed 7'] }
  const run = readReport({
    testResults: [
      { name: 'a.test.ts', message: '', status: 'failed', assertionResults: [passed, failed] },
      { name: 'b.test.ts', message: 'does not load', status: 'failed', assertionResults: [] },
    ],
  })
  expect(run).toEqual({ tests: 2, failures: ['a c: seed 7', 'b.test.ts: does not load'] })
})
