/**
 * A source file of over 600 lines holds two subjects. Those that hold one all the same are listed with the reason why.
 */
import { listSources, readTestFilter, readText } from './files.mjs'

const limitLines = 600

/**
 * path → why it is long
 * @type {Map<string, string>}
 */
const longFiles = new Map([])

/**
 * @param {string} root
 * @param {Map<string, string>} [allowed]
 * @returns {import('./files.mjs').Problem[]}
 */
export function checkFileSizes(root, allowed = longFiles) {
  const isTest = readTestFilter(root)
  return listSources(root).flatMap((path) => {
    if (isTest(path)) return []
    const lines = readText(root, path).split('\n').length - 1
    const isLong = lines > limitLines
    if (isLong && !allowed.has(path)) return [`${path}:1 has ${lines} lines, over ${limitLines}`]
    if (!isLong && allowed.has(path)) return [`${path}:1 has ${lines} lines and needs no exception any more`]
    return []
  })
}
