/**
 * Installs and builds what is missing or out of date, and nothing else. Uses Node's own modules only, because it runs
 * on a fresh clone before anything is installed.
 *
 * - Dependencies: `npm ci`, unless what npm noted in `node_modules` agrees with the lock file. A stamp with the lock
 *   file's hash makes the next look cheap.
 * - Build: TypeScript, unless the stamp of the last build carries the fingerprint (paths, sizes, times) of the sources
 *   that are there now; then one file for worker threads is made of its output, and of the package a few: 470 modules take
 *   0.6 s of processor time to load, one 0.2. Output files that the build did not write are left over from deleted
 *   sources and removed.
 *
 * Usage: node scripts/prepare.mjs [--tools] [--force]
 *   --tools  builds the benchmarks, simulation and suites (`.cache/tools`) as well
 *   --force  builds even when nothing has changed
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

export const repositoryRoot = fileURLToPath(new URL('..', import.meta.url))

/**
 * What is compiled from where to where. `entries`: modules of the output that are bundled, with all that they import, into
 * `bundles`; `threads`: the folder in the output of the main module of worker threads.
 * @typedef {{ name: string, project: string, sources: string[], output: string, threads: string,
 *   entries?: string[], bundles?: string }} BuildTarget
 */

/** @type {BuildTarget} */
const packageBuild = {
  name: 'package',
  project: 'tsconfig.build.json',
  sources: ['src'],
  output: join('.cache', 'package'),
  threads: 'server',
  entries: ['polylog', 'cli/polylog'],
  bundles: 'dist',
}

/** @type {BuildTarget} */
const toolsBuild = {
  name: 'tools',
  project: 'tsconfig.tools.json',
  sources: ['src', 'test', 'bench', 'samples'],
  output: join('.cache', 'tools'),
  threads: join('src', 'server'),
}

/** A failure that has already been explained on stderr. */
export class PreparationFailed extends Error {}

/**
 * @param {string} root
 * @param {{ tools?: boolean, force?: boolean }} [options]
 */
export async function prepare(root, options = {}) {
  requireNode(process.versions.node)
  install(root)
  await build(root, packageBuild, options.force === true)
  if (options.tools === true) await build(root, toolsBuild, options.force === true)
}

/** @param {string} version */
export function requireNode(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return
  console.error(`Polylog needs Node 20.19 or newer; this is ${version}`)
  throw new PreparationFailed('Node is too old')
}

/** @param {string} root */
function install(root) {
  const lockText = readFileSync(join(root, 'package-lock.json'), 'utf8')
  const stamp = join(root, 'node_modules', '.polylog-installed')
  const hash = createHash('sha256').update(lockText).digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return
  if (!isInstalled(lockText, readIfThere(join(root, 'node_modules', '.package-lock.json')))) {
    console.error('Installing dependencies (npm ci) …')
    runNpm(root, ['ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'])
  }
  writeFileSync(stamp, hash)
}

/**
 * As far as it is read here.
 * @typedef {{ packages: Record<string, { version?: string, integrity?: string, optional?: boolean }> }} LockFile
 */

/**
 * Whether `node_modules` holds every package of the lock file at its version. Optional packages are those of other
 * platforms.
 * @param {string} lockText
 * @param {string | undefined} installedText what npm writes to `node_modules/.package-lock.json`
 * @returns {boolean}
 */
export function isInstalled(lockText, installedText) {
  if (installedText === undefined) return false
  const wanted = /** @type {LockFile} */ (JSON.parse(lockText)).packages
  const present = /** @type {LockFile} */ (JSON.parse(installedText)).packages
  return Object.entries(wanted).every(([path, entry]) => {
    if (path === '') return true
    const found = present[path]
    if (found === undefined) return entry.optional === true
    return found.version === entry.version && found.integrity === entry.integrity
  })
}

/**
 * @param {string} root
 * @param {BuildTarget} target
 * @param {boolean} force
 */
async function build(root, target, force) {
  const stamp = join(root, '.cache', `built-${target.name}`)
  const inputs = [...target.sources, 'package-lock.json', 'tsconfig.json', target.project]
  const current = fingerprint(root, inputs)
  const output = join(root, target.output)
  const made = target.bundles ?? target.output
  if (!force && existsSync(join(root, made)) && readIfThere(stamp) === current) return
  console.error(`Building ${made} …`)
  rmSync(stamp, { force: true })
  const startedMs = Date.now()
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  run(root, process.execPath, [compiler, '-p', target.project])
  removeOlder(output, startedMs)
  const threads = join(output, target.threads)
  const { entries, bundles } = target
  if (entries === undefined || bundles === undefined) await bundleThreads(threads, threads)
  else {
    await bundleEntries(output, entries, join(root, bundles))
    await bundleThreads(threads, join(root, bundles, partsFolder))
    removeOlder(join(root, bundles), startedMs)
  }
  mkdirSync(join(root, '.cache'), { recursive: true })
  writeFileSync(stamp, current)
}

/** Where what entries share lies, and the script of threads, which a module of that looks for beside itself. */
const partsFolder = 'parts'

const comments = { legal: true, annotation: false, jsdoc: false }

/**
 * V8 keeps the text of what it runs, and all of it twice as wide where one character is not of ASCII.
 * @param {string} folder
 * @param {import('rolldown').RolldownOutput} bundle
 */
function writeAscii(folder, { output }) {
  for (const file of output) {
    if (file.type !== 'chunk') continue
    const path = join(folder, file.fileName)
    mkdirSync(dirname(path), { recursive: true })
    const escaped = (/** @type {string} */ unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`
    writeFileSync(path, file.code.replace(/[^\0-\x7f]/g, escaped))
  }
}

/**
 * Makes a file of each entry and of what it loads only when asked for. What is installed with the package stays outside.
 * @param {string} folder
 * @param {string[]} entries
 * @param {string} target
 */
async function bundleEntries(folder, entries, target) {
  const { rolldown } = await import('rolldown')
  const bundled = await rolldown({
    input: Object.fromEntries(entries.map((name) => [name, join(folder, `${name}.js`)])),
    platform: 'node',
    external: /^[^./]/,
    logLevel: 'silent',
  })
  const bundle = await bundled.generate({
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: `${partsFolder}/[name].js`,
    comments,
  })
  writeAscii(target, bundle)
  await bundled.close()
}

/**
 * Makes one file of the main module of worker threads and all that it imports: threads are started of its text.
 * @param {string} folder
 * @param {string} target
 */
async function bundleThreads(folder, target) {
  const input = join(folder, 'worker-main.js')
  if (!existsSync(input)) return
  const { rolldown } = await import('rolldown')
  const bundled = await rolldown({ input, platform: 'node', logLevel: 'silent' })
  const bundle = await bundled.generate({
    entryFileNames: 'worker-script.cjs',
    format: 'cjs',
    codeSplitting: false,
    comments,
  })
  writeAscii(target, bundle)
  await bundled.close()
}

/**
 * Changes when a source file is added, removed or touched; tests are not sources.
 * @param {string} root
 * @param {string[]} inputs
 * @returns {string}
 */
export function fingerprint(root, inputs) {
  const hash = createHash('sha256')
  /** @param {string} path */
  const add = (path) => {
    const status = statSync(path, { throwIfNoEntry: false })
    if (status === undefined) return
    if (status.isDirectory()) {
      for (const name of readdirSync(path).toSorted()) add(join(path, name))
    } else if (!path.endsWith('.test.ts')) {
      hash.update(`${relative(root, path)}\0${status.size}\0${status.mtimeMs}\n`)
    }
  }
  for (const input of inputs) add(join(root, input))
  return hash.digest('hex')
}

/**
 * The compiler writes every output file of a build anew, so an older one has lost its source. Two seconds of grace for
 * file systems with coarse times.
 * @param {string} folder
 * @param {number} startedMs
 */
function removeOlder(folder, startedMs) {
  if (!existsSync(folder)) return
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) removeOlder(path, startedMs)
    else if (statSync(path).mtimeMs < startedMs - 2000) rmSync(path)
  }
}

/**
 * @param {string} path
 * @returns {string | undefined}
 */
function readIfThere(path) {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined
}

/**
 * The npm that runs this script, or the one on the path.
 * @param {string} root
 * @param {string[]} args
 */
function runNpm(root, args) {
  const npm = process.env['npm_execpath']
  if (npm !== undefined && /npm-cli\.[cm]?js$/.test(npm)) run(root, process.execPath, [npm, ...args])
  else run(root, process.platform === 'win32' ? 'npm.cmd' : 'npm', args)
}

/**
 * Runs a command whose output goes to stderr: the stdout of `npm start` belongs to the server.
 * @param {string} root
 * @param {string} command
 * @param {string[]} args
 */
function run(root, command, args) {
  const shell = command.endsWith('.cmd')
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2], shell })
  if (result.status === 0) return
  const reason = result.error?.message ?? `status ${result.status ?? result.signal}`
  console.error(`${[command, ...args].join(' ')}: ${reason}`)
  throw new PreparationFailed(reason)
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    await prepare(repositoryRoot, { tools: process.argv.includes('--tools'), force: process.argv.includes('--force') })
  } catch (error) {
    if (!(error instanceof PreparationFailed)) throw error
    process.exitCode = 1
  }
}
