/**
 * Finds the repository's files and reads source files as syntax trees, for the checks beside this file.
 *
 * The trees are ESTree with TypeScript nodes, by oxc's parser, so that a check never mistakes a word in a string, a
 * comment or a regular expression for code.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, relative, sep } from 'node:path'
import { parseSync } from 'oxc-parser'

/** Made by tools or by running Polylog; never part of the repository. */
const generatedFolders = new Set(['.git', '.cache', 'node_modules', 'dist', 'coverage', 'polylog-data'])

/**
 * A node of a syntax tree, as far as a walk needs to know it.
 * @typedef {{ type: string, start: number, end: number } & Record<string, unknown>} SyntaxNode
 */

/**
 * Something wrong at a place: `path:line message`.
 * @typedef {string} Problem
 */

/**
 * All files below `root/folder` in order, as paths from the root with forward slashes.
 * @param {string} root
 * @param {string} [folder]
 * @returns {string[]}
 */
export function listFiles(root, folder = '.') {
  /** @type {string[]} */
  const found = []
  /** @param {string} path */
  const visit = (path) => {
    for (const entry of readdirSync(path, { withFileTypes: true })) {
      const child = join(path, entry.name)
      if (entry.isDirectory()) {
        if (!generatedFolders.has(entry.name)) visit(child)
      } else if (entry.isFile() && !generatedFolders.has(entry.name)) {
        // In a worktree `.git` is a file.
        found.push(relative(root, child).split(sep).join('/'))
      }
    }
  }
  visit(join(root, folder))
  return found.toSorted()
}

/**
 * The TypeScript files of `src`.
 * @param {string} root
 * @returns {string[]}
 */
export function listSources(root) {
  return listFiles(root, 'src').filter((path) => /\.[cm]?tsx?$/.test(path))
}

/**
 * Tells the package's sources from tests and what only tests use: those are what `tsconfig.build.json` excludes, by the
 * ending `.test.ts`, as a file or as a folder.
 * @param {string} root
 * @returns {(path: string) => boolean}
 */
export function readTestFilter(root) {
  const configuration = join(root, 'tsconfig.build.json')
  const text = existsSync(configuration) ? readFileSync(configuration, 'utf8') : '{}'
  const withoutComments = text.replace(/^\s*\/\/.*$/gm, '')
  const { exclude = [] } = /** @type {{ exclude?: string[] }} */ (JSON.parse(withoutComments))
  return (path) => path.endsWith('.test.ts') || exclude.some((one) => path === one || path.startsWith(`${one}/`))
}

/**
 * @param {string} root
 * @param {string} path
 * @returns {string}
 */
export function readText(root, path) {
  return readFileSync(join(root, path), 'utf8')
}

/**
 * @param {string} path
 * @param {string} text
 * @returns {SyntaxNode}
 */
export function parseSource(path, text) {
  const { program, errors } = parseSync(path, text)
  const first = errors[0]
  if (first !== undefined) throw new Error(`${path}: ${first.message}`)
  return /** @type {SyntaxNode} */ (/** @type {unknown} */ (program))
}

/**
 * Calls `visit` for every node in source order with its parent and the parent's property that holds it.
 * @param {SyntaxNode} root
 * @param {(node: SyntaxNode, parent: SyntaxNode | undefined, property: string) => void} visit
 */
export function walk(root, visit) {
  /**
   * @param {unknown} value
   * @param {SyntaxNode | undefined} parent
   * @param {string} property
   */
  const step = (value, parent, property) => {
    if (Array.isArray(value)) {
      for (const element of value) step(element, parent, property)
    } else if (isNode(value)) {
      visit(value, parent, property)
      for (const key of Object.keys(value)) {
        const child = value[key]
        if (typeof child === 'object' && child !== null) step(child, value, key)
      }
    }
  }
  step(root, undefined, '')
}

/**
 * @param {unknown} value
 * @returns {value is SyntaxNode}
 */
export function isNode(value) {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'
}

/**
 * @param {string} text
 * @param {number} offset
 * @returns {number} counted from one
 */
export function lineAt(text, offset) {
  let line = 1
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) line++
  return line
}

/**
 * The value of a string literal or of a template without holes.
 * @param {unknown} node
 * @returns {string | undefined}
 */
export function stringValue(node) {
  if (!isNode(node)) return undefined
  if (node.type === 'Literal' && typeof node['value'] === 'string') return node['value']
  if (node.type !== 'TemplateLiteral') return undefined
  const quasis = /** @type {{ value: { cooked: string } }[]} */ (node['quasis'])
  return quasis.length === 1 ? quasis[0]?.value.cooked : undefined
}

/**
 * @param {unknown} node
 * @returns {string | undefined}
 */
export function identifierName(node) {
  return isNode(node) && node.type === 'Identifier' ? /** @type {string} */ (node['name']) : undefined
}
