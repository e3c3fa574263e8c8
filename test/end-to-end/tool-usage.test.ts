/** The tools beside the server, given what they do not understand: they say so at once, and never a run of nothing. */
import { describe, expect, test } from 'vitest'
import { runScript } from './server-process.ts'

describe('wrong usage of a tool', () => {
  test.each([
    ['test/simulation/simulate', ['--seeds', '5-1']],
    ['test/simulation/simulate', ['--json', '/nowhere/report.json']],
    ['bench/bench', ['--quik']],
    ['bench/bench', ['nothing']],
    ['bench/bench', ['--json', '/nowhere/report.json']],
    ['test/compat/compat', ['nothing']],
    ['test/compat/compat', ['redis-cts', '--json', '/nowhere/report.json']],
    ['test/soak/soak', ['--minute', '1']],
  ])('%s %j ends with status 2 and without a stack trace', async (script, args) => {
    const { status, stdout, stderr } = await runScript(`.cache/tools/${script}.js`, ...args)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr.trim()).not.toBe('')
    expect(stderr).not.toContain('    at ')
  })
})
