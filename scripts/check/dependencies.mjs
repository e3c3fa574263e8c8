/**
 * Dependencies are few, exact and explained: each has a row in docs/decisions/dependencies.md, versions are no ranges,
 * nothing that is installed runs a script on installation, and the lock file covers every platform.
 */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { findMissing } from '../complete-lock.mjs'
import { readText } from './files.mjs'

const explanation = 'docs/decisions/dependencies.md'

/**
 * @typedef {object} Manifest
 * @property {Record<string, string>} [dependencies]
 * @property {Record<string, string>} [devDependencies]
 */

/** @typedef {import('../complete-lock.mjs').LockFile} LockFile */

/**
 * @param {string} root
 * @returns {import('./files.mjs').Problem[]}
 */
export function checkDependencies(root) {
  const manifest = /** @type {Manifest} */ (JSON.parse(readText(root, 'package.json')))
  const wanted = { ...manifest.dependencies, ...manifest.devDependencies }
  return [...checkVersions(wanted), ...checkExplanations(root, wanted), ...checkLock(root)]
}

/**
 * @param {Record<string, string>} wanted
 * @returns {import('./files.mjs').Problem[]}
 */
function checkVersions(wanted) {
  return Object.entries(wanted)
    .filter(([, version]) => !/^(?:npm:[@/\w-]+@)?\d+\.\d+\.\d+(-[\w.]+)?$/.test(version))
    .map(([name, version]) => `package.json:1 asks for ${name} ${version}, which is not one exact version`)
}

/**
 * @param {string} root
 * @param {Record<string, string>} wanted
 * @returns {import('./files.mjs').Problem[]}
 */
function checkExplanations(root, wanted) {
  if (!existsSync(join(root, explanation))) return [`${explanation}:1 is missing`]
  const rows = [...readText(root, explanation).matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1] ?? '')
  const missing = Object.keys(wanted).filter((name) => !rows.includes(name))
  const stale = rows.filter((name) => wanted[name] === undefined)
  return [
    ...missing.map((name) => `package.json:1 depends on ${name}, which has no row in ${explanation}`),
    ...stale.map((name) => `${explanation}:1 has a row for ${name}, which package.json does not name`),
  ]
}

/**
 * @param {string} root
 * @returns {import('./files.mjs').Problem[]}
 */
function checkLock(root) {
  const lock = /** @type {LockFile} */ (JSON.parse(readText(root, 'package-lock.json')))
  const missing = findMissing(lock).map(
    ({ name }) => `package-lock.json:1 has no entry for ${name}: run node scripts/complete-lock.mjs`,
  )
  const faults = Object.entries(lock.packages).flatMap(([path, entry]) => [
    ...(entry.hasInstallScript === true ? [`package-lock.json:1 ${path} runs a script on installation`] : []),
    ...(entry.resolved === undefined
      ? []
      : [`package-lock.json:1 ${path} names where it came from: ${entry.resolved}`]),
  ])
  return [...missing, ...faults]
}
