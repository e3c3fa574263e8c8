/**
 * What has no place in the repository: paths of the machine it was written on, registries by name in the lock file or
 * the documents, notes of unfinished work, and tests that are switched off.
 *
 * Where a pattern below would find itself, it is written so that it does not.
 */
import { listFiles, readText } from './files.mjs'

/** @typedef {{ pattern: RegExp, message: string, applies: (path: string) => boolean }} Rule */

const anywhere = () => true
/** @param {string} path */
const isCode = (path) => /\.([cm]?[jt]sx?|json|sh|ya?ml)$/.test(path) && path !== 'package-lock.json'
/** @param {string} path */
const isTestCode = (path) => path.endsWith('.test.ts') || path.startsWith('test/')
/** @param {string} path */
const namesPackages = (path) => path === 'package-lock.json' || path.endsWith('.md') || path.endsWith('.npmrc')

/** @type {Rule[]} */
const rules = [
  { pattern: /(?<![\w.}/])\/(work|root)\/\w/, message: 'names a path of one machine', applies: anywhere },
  { pattern: /\/tmp\/(bash_jobs|briefs)\b/, message: 'names a path of one machine', applies: anywhere },
  { pattern: /(?<![\w.}/])\/(home|Users)\/(?!user\b)[a-z]/, message: 'names a path of one machine', applies: anywhere },
  { pattern: /\bregistry\.[\w-]+\.\w+|"resolved": /, message: 'names a package registry', applies: namesPackages },
  { pattern: /\b(TO[D]O|FIX[M]E|HA[C]K|X[X]X)\b/, message: 'leaves a note of unfinished work', applies: isCode },
  {
    pattern: /\b[Ii]ssue #?\d/,
    message: 'names an issue, which readers of the repository cannot see',
    applies: anywhere,
  },
  {
    pattern: /\b(it|test|describe|suite)(\.\w+)*\.(skip|only|todo|fails)\b/,
    message: 'switches a test off',
    applies: isTestCode,
  },
]

/** Files whose bytes are not text of ours. */
const foreign = /(^|\/)(golden|LICENSE$)|\.(bin|wal|log|png|ico|woff2?|gz)$/

/**
 * @param {string} root
 * @returns {import('./files.mjs').Problem[]}
 */
export function checkWords(root) {
  return listFiles(root)
    .filter((path) => !foreign.test(path))
    .flatMap((path) => {
      const applicable = rules.filter((rule) => rule.applies(path))
      const text = readText(root, path)
      return text.includes('\0') ? [] : findWords(path, text, applicable)
    })
}

/**
 * @param {string} path
 * @param {string} text
 * @param {Rule[]} applicable
 * @returns {import('./files.mjs').Problem[]}
 */
function findWords(path, text, applicable) {
  const suspects = applicable.filter((rule) => rule.pattern.test(text))
  if (suspects.length === 0) return []
  return text.split('\n').flatMap((line, index) =>
    suspects.flatMap(({ pattern, message }) => {
      const found = pattern.exec(line)
      return found === null ? [] : [`${path}:${index + 1} ${message}: ${found[0]}`]
    }),
  )
}
