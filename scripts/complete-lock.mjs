/**
 * Gives the lock file an entry for every platform's binary. npm leaves out those that it cannot see (a registry that
 * mirrors only some platforms, or `node_modules` of this platform at hand), and `npm ci` then refuses the lock file
 * everywhere. What is added has no integrity, because nobody has seen its bytes here; `npm install` against the full
 * registry fills it in.
 *
 * Run it after `npm install` where the check `dependencies` asks for it: node scripts/complete-lock.mjs
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { repositoryRoot } from './prepare.mjs'

/**
 * As far as it is read here.
 * @typedef {object} LockEntry
 * @property {string} [version]
 * @property {string} [resolved]
 * @property {string} [license]
 * @property {boolean} [hasInstallScript]
 * @property {boolean} [dev]
 * @property {boolean} [optional]
 * @property {string[]} [os]
 * @property {string[]} [cpu]
 * @property {string[]} [libc]
 * @property {Record<string, string>} [optionalDependencies]
 * @typedef {{ packages: Record<string, LockEntry> }} LockFile
 */

/**
 * The optional dependencies that no entry of the lock file stands for.
 * @param {LockFile} lock
 * @returns {{ name: string, version: string, parent: LockEntry }[]}
 */
export function findMissing(lock) {
  return Object.entries(lock.packages).flatMap(([path, parent]) =>
    Object.entries(parent.optionalDependencies ?? {})
      .filter(([name]) => !isLocked(lock, path, name))
      .map(([name, version]) => ({ name, version, parent })),
  )
}

/**
 * @param {LockFile} lock
 * @param {string} path
 * @param {string} name
 * @returns {boolean}
 */
function isLocked(lock, path, name) {
  return [`${path}/node_modules/${name}`, `node_modules/${name}`].some((at) => lock.packages[at] !== undefined)
}

/**
 * The lock file with them, in npm's order.
 * @param {LockFile} lock
 * @returns {LockFile}
 */
export function completeLock(lock) {
  /** @type {LockFile['packages']} */
  const packages = { ...lock.packages }
  for (const { name, version, parent } of findMissing(lock))
    packages[`node_modules/${name}`] = entryOf(name, version, parent)
  const sorted = Object.entries(packages).toSorted(([a], [b]) => a.localeCompare(b, 'en'))
  return { ...lock, packages: Object.fromEntries(sorted) }
}

/**
 * The platform is in the name: `@oxlint/binding-linux-arm64-musl`, `@oxlint-tsgolint/darwin-x64`.
 * @param {string} name
 * @param {string} version
 * @param {LockEntry} parent
 * @returns {LockEntry}
 */
function entryOf(name, version, parent) {
  const match =
    /(?:^|[/-])(aix|android|darwin|freebsd|linux|openharmony|win32)-(arm|arm64|ia32|ppc64|riscv64|s390x|x64)(?:-(\w+))?$/.exec(
      name,
    )
  const [, os, cpu, abi = ''] = match ?? []
  if (os === undefined || cpu === undefined || !/^\d+\.\d+\.\d+$/.test(version)) {
    throw new Error(`${name} ${version} names no platform or no version; its entry has to be written by hand`)
  }
  return {
    version,
    cpu: [cpu],
    ...(parent.dev === true ? { dev: true } : {}),
    ...(os === 'linux' && cpu !== 'arm' ? { libc: [abi.includes('musl') ? 'musl' : 'glibc'] } : {}),
    ...(parent.license === undefined ? {} : { license: parent.license }),
    optional: true,
    os: [os],
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const path = join(repositoryRoot, 'package-lock.json')
  const lock = /** @type {LockFile} */ (JSON.parse(readFileSync(path, 'utf8')))
  writeFileSync(path, `${JSON.stringify(completeLock(lock), undefined, 2)}\n`)
}
