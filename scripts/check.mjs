/**
 * The repository's checks: format, lint, types, dead code by well-kept tools; layers, host rule, links, words, sizes and
 * dependencies by the scripts in `check/`. All run, also after one has failed.
 *
 * Usage: node scripts/check.mjs [NAME…]
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { checkDependencies } from './check/dependencies.mjs'
import { checkFileSizes } from './check/file-sizes.mjs'
import { checkHostRule } from './check/host-rule.mjs'
import { checkLayers } from './check/layers.mjs'
import { checkLinks } from './check/links.mjs'
import { checkWords } from './check/words.mjs'
import { repositoryRoot } from './prepare.mjs'

/** @typedef {{ name: string, ok: boolean, output: string, tookMs: number }} CheckResult */
/** @typedef {(root: string) => Promise<{ ok: boolean, output: string }>} Check */

/** @type {Record<string, Check>} the slow ones first */
export const checks = {
  types: tool('typescript/bin/tsc', '-p', 'tsconfig.json'),
  'types-of-scripts': tool('typescript/bin/tsc', '-p', 'scripts/tsconfig.json'),
  'dead-code': tool('knip/bin/knip.js', '--no-progress'),
  format: tool('oxfmt/bin/oxfmt', '--check'),
  lint: tool('oxlint/bin/oxlint', '--deny-warnings', '-f', 'unix'),
  layers: own(checkLayers),
  'host-rule': own(checkHostRule),
  links: own(checkLinks),
  words: own(checkWords),
  'file-sizes': own(checkFileSizes),
  dependencies: own(checkDependencies),
}

/**
 * A command-line tool from `node_modules`; it passes when it ends with status 0.
 * @param {string} script
 * @param {...string} args
 * @returns {Check}
 */
function tool(script, ...args) {
  return (root) =>
    new Promise((resolve) => {
      const path = join(root, 'node_modules', script)
      const child = spawn(process.execPath, [path, ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
      let output = ''
      child.stdout.on('data', (chunk) => (output += chunk))
      child.stderr.on('data', (chunk) => (output += chunk))
      child.on('error', (error) => resolve({ ok: false, output: error.message }))
      child.on('close', (status) => resolve({ ok: status === 0, output }))
    })
}

/**
 * @param {(root: string) => string[]} find
 * @returns {Check}
 */
function own(find) {
  return async (root) => {
    const problems = find(root)
    return { ok: problems.length === 0, output: problems.join('\n') }
  }
}

/**
 * Runs the named checks, or all, two at a time, and prints each as it ends.
 * @param {string} root
 * @param {string[]} names
 * @returns {Promise<CheckResult[]>}
 */
export async function runChecks(root, names = Object.keys(checks)) {
  const waiting = [...names]
  /** @type {CheckResult[]} */
  const results = []
  const lane = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) {
      const result = await runCheck(root, name)
      console.log(`${result.ok ? 'ok    ' : 'FAILED'} ${name} (${result.tookMs} ms)`)
      if (!result.ok) console.log(result.output.replace(/^(?=.)/gm, '    '))
      results.push(result)
    }
  }
  await Promise.all([lane(), lane()])
  return results
}

/**
 * @param {string} root
 * @param {string} name
 * @returns {Promise<CheckResult>}
 */
async function runCheck(root, name) {
  const startedMs = Date.now()
  /** @param {{ ok: boolean, output: string }} outcome */
  const finish = (outcome) => ({ name, ...outcome, tookMs: Date.now() - startedMs })
  const check = checks[name]
  if (check === undefined)
    return finish({ ok: false, output: `no such check; there are: ${Object.keys(checks).join(', ')}` })
  try {
    return finish(await check(root))
  } catch (error) {
    return finish({ ok: false, output: error instanceof Error ? error.message : String(error) })
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const names = process.argv.slice(2)
  const results = await runChecks(repositoryRoot, names.length > 0 ? names : undefined)
  const failed = results.filter((result) => !result.ok).length
  console.log(`${results.length - failed} checks passed, ${failed} failed`)
  process.exitCode = failed === 0 ? 0 : 1
}
