/**
 * `npm test`: installs, builds, checks, runs every test, and says in a line each what failed, and ends with the line
 * `N passed, N failed, N skipped` alone.
 * A check counts as a test; a build that fails, a test file that does not load and a runner that crashes count as a
 * failure each. The exit status is 0 only where nothing failed.
 *
 * Usage: node scripts/test.mjs [--ci-only]
 *   --ci-only  runs what is too long for every day instead: the steps of `ci-only.mjs`
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { pathToFileURL } from 'node:url'
import { PreparationFailed, prepare, repositoryRoot } from './prepare.mjs'
import { addTotals, formatTotals, parseTotals } from './totals.mjs'

/** @typedef {import('./totals.mjs').Totals} Totals */

/**
 * What Vitest's JSON reporter writes, as far as it is read here.
 * @typedef {object} VitestReport
 * @property {FileReport[]} testResults
 */

/** @typedef {{ status: string, name?: string, message?: string, assertionResults: TestReport[] }} FileReport */
/** @typedef {{ status: string, fullName?: string, failureMessages?: string[] }} TestReport */

/** Several times what a run takes on a slow machine. */
const longestRunMs = 40 * 60_000

/** Characters of what a failure says that stand beside its name. */
const longestReason = 300

/**
 * What failed, said once more in front of the totals: the output in between is long, and is not always kept whole.
 * @type {string[]}
 */
export const failures = []

/** @type {Totals} */
const oneFailure = { passed: 0, failed: 1, skipped: 0 }

/**
 * @param {string} root
 * @param {string[]} args
 * @returns {Promise<Totals>}
 */
async function testEverything(root, args) {
  const isCiOnly = args.includes('--ci-only')
  const prepared = await prepareOrCount(root)
  if (!existsSync(join(root, 'node_modules', '.polylog-installed'))) return prepared
  const tested = isCiOnly ? await runCiOnly(root) : addTotals(await runChecks(root), runVitest(root, {}))
  return addTotals(prepared, tested)
}

/**
 * What is installed but does not build is tested all the same: the other faults are worth knowing too.
 * @param {string} root
 * @returns {Promise<Totals>}
 */
async function prepareOrCount(root) {
  try {
    await prepare(root, { tools: true })
    return { passed: 0, failed: 0, skipped: 0 }
  } catch (error) {
    if (!(error instanceof PreparationFailed)) throw error
    failures.push(`preparation: ${shortened(error.message)}`)
    return oneFailure
  }
}

/**
 * @param {string} root
 * @returns {Promise<Totals>}
 */
async function runChecks(root) {
  const { runChecks: run } = await import('./check.mjs')
  const results = await run(root)
  const passed = results.filter((result) => result.ok).length
  for (const { name, output } of results.filter((result) => !result.ok))
    failures.push(`check ${name}: ${shortened(output)}`)
  return { passed, failed: results.length - passed, skipped: 0 }
}

/**
 * @param {string} root
 * @returns {Promise<Totals>}
 */
async function runCiOnly(root) {
  const { ciOnlySteps, suitesByStore } = await import('./ci-only.mjs')
  let totals = runVitest(root, { POLYLOG_CI_ONLY: '1' })
  for (const [store, suites] of Object.entries(suitesByStore)) {
    console.log(`\n== suites on the store "${store}"`)
    totals = addTotals(totals, runVitest(root, { POLYLOG_TEST_STORE: store }, suites))
  }
  for (const step of ciOnlySteps) {
    console.log(`\n== ${step.name}`)
    totals = addTotals(totals, runStep(root, step))
  }
  return totals
}

/**
 * @param {string} root
 * @param {import('./ci-only.mjs').CiStep} step
 * @returns {Totals}
 */
function runStep(root, step) {
  const result = spawnSync(process.execPath, step.args, {
    cwd: root,
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    timeout: step.limitMinutes * 60_000,
    maxBuffer: 1 << 28,
    env: { ...process.env, ...step.environment },
  })
  process.stdout.write(result.stdout)
  const isOk = result.status === 0
  failures.push(...[...result.stdout.matchAll(/^failed: (.*)$/gm)].map(([, name = '']) => name))
  if (!isOk) {
    const outcome = `${step.name} ended with ${result.error?.message ?? `status ${result.status ?? result.signal}`}`
    console.log(outcome)
    failures.push(outcome)
  }
  return settle(parseTotals(result.stdout) ?? { passed: isOk ? 1 : 0, failed: 0, skipped: 0 }, isOk)
}

/**
 * @param {string} root
 * @param {Record<string, string>} environment
 * @param {readonly string[]} [paths]
 * @param {string} [node] the program that runs them
 * @returns {Totals}
 */
export function runVitest(root, environment, paths = [], node = process.execPath) {
  const report = join(root, '.cache', 'vitest.json')
  mkdirSync(join(root, '.cache'), { recursive: true })
  rmSync(report, { force: true })
  const running = join(root, '.cache', 'running-tests')
  rmSync(running, { recursive: true, force: true })
  mkdirSync(running, { recursive: true })
  const script = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const args = [script, 'run', ...paths, '--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const result = spawnSync(node, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, POLYLOG_RUNNING_TESTS: running, ...environment },
    timeout: longestRunMs,
    killSignal: 'SIGKILL',
  })
  const hanging = endRunning(running).map((name) => `${name}: it hangs`)
  for (const name of hanging) console.log(`FAIL ${name}`)
  const written = existsSync(report) ? readFileSync(report, 'utf8') : undefined
  const totals = countVitest(written, result.status === 0)
  const failed = [...hanging, ...failuresOf(root, written)]
  if (totals.failed > 0 && failed.length === 0) failed.push('Vitest: it failed without a failed test')
  failures.push(...failed)
  return totals
}

/**
 * The tests and files that failed, each with what it says first.
 *
 * @param {string} root file names are given from there on
 * @param {string | undefined} reportText
 * @returns {string[]}
 */
export function failuresOf(root, reportText) {
  if (reportText === undefined) return []
  const report = /** @type {VitestReport} */ (JSON.parse(reportText))
  return report.testResults.flatMap((file) => {
    const path = relative(root, file.name ?? '')
    const tests = file.assertionResults.filter((one) => one.status === 'failed')
    if (tests.length === 0) return file.status === 'failed' ? [`${path}: ${shortened(file.message ?? '')}`] : []
    return tests.map((one) => `${path} > ${one.fullName ?? ''}: ${shortened(one.failureMessages?.[0] ?? '')}`)
  })
}

/**
 * @param {string} text of any lines
 * @returns {string} one line
 */
function shortened(text) {
  const line = text.trim().replaceAll(/\s+/g, ' ')
  return line.length > longestReason ? `${line.slice(0, longestReason)}…` : line
}

/**
 * Ends the processes of tests that run although their runner has ended, and answers which tests those were
 * (`test/running-test.ts`): one that never gives the thread back is stopped by nothing else.
 *
 * @param {string} folder
 * @returns {string[]}
 */
export function endRunning(folder) {
  return readdirSync(folder).map((pid) => {
    try {
      process.kill(Number(pid), 'SIGKILL')
    } catch {
      // It has ended by itself.
    }
    return readFileSync(join(folder, pid), 'utf8')
  })
}

/**
 * @param {string | undefined} reportText undefined where Vitest wrote none
 * @param {boolean} isOk by its exit status
 * @returns {Totals}
 */
export function countVitest(reportText, isOk) {
  /** @type {Totals} */
  const totals = { passed: 0, failed: 0, skipped: 0 }
  if (reportText === undefined) return oneFailure
  for (const file of /** @type {VitestReport} */ (JSON.parse(reportText)).testResults) {
    const statuses = file.assertionResults.map((one) => one.status)
    const failed = statuses.filter((status) => status === 'failed').length
    const passed = statuses.filter((status) => status === 'passed').length
    totals.passed += passed
    totals.failed += file.status === 'failed' ? Math.max(failed, 1) : failed
    totals.skipped += statuses.length - passed - failed
  }
  return settle(totals, isOk)
}

/**
 * A runner that says it failed has failed, even where it counted no failure.
 * @param {Totals} totals
 * @param {boolean} isOk
 * @returns {Totals}
 */
function settle(totals, isOk) {
  return isOk || totals.failed > 0 ? totals : { ...totals, failed: 1 }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  let totals = oneFailure
  try {
    totals = await testEverything(repositoryRoot, process.argv.slice(2))
  } catch (error) {
    console.error(error)
  }
  process.exitCode = totals.failed === 0 ? 0 : 1
  process.stdout.write(['', ...failures.map((one) => `failed: ${one}`), `${formatTotals(totals)}\n`].join('\n'))
}
