/**
 * The layer rule of docs/architecture.md: a file imports from its own box and from lower layers only; boxes of one layer
 * do not import each other.
 *
 * A layer is a folder of `src`, listed below from the lowest up. In some layers every subfolder is a box of its own (a
 * gateway, a model, a store); the files directly in such a layer's folder are the contract its boxes share: every box
 * may import them, and they import no box. Elsewhere the whole layer is one box.
 *
 * Types count as well as values: a type that comes from above ties the layers together just as much. A test may also
 * import `test/` and what only tests use in its own layer (`tsconfig.build.json` lists it). A package that is imported comes
 * with Polylog (`dependencies`), except in tests. The host alone may import a path it is given: that is how a worker
 * thread finds its job.
 */
import { existsSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { join, posix } from 'node:path'
import {
  identifierName,
  lineAt,
  listSources,
  parseSource,
  readTestFilter,
  readText,
  stringValue,
  walk,
} from './files.mjs'

/** @typedef {{ layer: string, rank: number, box: string }} Place */

/** @type {{ name: string, boxes?: boolean }[][]} lowest first; those of one row are siblings */
const layers = [
  [{ name: 'base' }],
  [{ name: 'host' }],
  [{ name: 'log', boxes: true }],
  [{ name: 'storage', boxes: true }],
  [{ name: 'database' }],
  [{ name: 'model', boxes: true }],
  [{ name: 'query' }],
  [{ name: 'language', boxes: true }],
  [{ name: 'principal' }],
  [{ name: 'session' }],
  [{ name: 'library' }],
  [{ name: 'gateway', boxes: true }],
  [{ name: 'server' }],
  [{ name: 'polylog.ts' }],
  [{ name: 'cli' }, { name: 'studio' }],
]

/**
 * What a file may import besides the layers below it.
 * @typedef {object} Surroundings
 * @property {(path: string) => boolean} isTest
 * @property {Set<string> | undefined} dependencies the packages that come with Polylog; undefined where none is known
 */

/**
 * @param {string} root
 * @returns {import('./files.mjs').Problem[]}
 */
export function checkLayers(root) {
  const surroundings = { isTest: readTestFilter(root), dependencies: readDependencies(root) }
  return listSources(root).flatMap((path) => checkFile(path, readText(root, path), surroundings))
}

/**
 * @param {string} root
 * @returns {Set<string> | undefined}
 */
function readDependencies(root) {
  if (!existsSync(join(root, 'package.json'))) return undefined
  const manifest = /** @type {{ dependencies?: object }} */ (JSON.parse(readText(root, 'package.json')))
  return new Set(Object.keys(manifest.dependencies ?? {}))
}

/**
 * @param {string} path
 * @param {string} text
 * @param {Surroundings} surroundings
 * @returns {import('./files.mjs').Problem[]}
 */
function checkFile(path, text, surroundings) {
  const from = placeOf(path)
  if (from === undefined) return [`${path}:1 is in no layer; the layers are listed in scripts/check/layers.mjs`]
  return readImports(path, text).flatMap(({ specifier, start }) => {
    const complaint = judge(path, from, specifier, surroundings)
    return complaint === undefined ? [] : [`${path}:${lineAt(text, start)} ${complaint}`]
  })
}

/**
 * @param {string} path
 * @param {Place} from
 * @param {string | undefined} specifier
 * @param {Surroundings} surroundings
 * @returns {string | undefined} what is wrong
 */
function judge(path, from, specifier, { isTest, dependencies }) {
  if (specifier === undefined) {
    return from.layer === 'host' ? undefined : 'imports a path that is not a literal, so its layer cannot be known'
  }
  if (!specifier.startsWith('.') && !specifier.startsWith('/')) {
    return judgePackage(specifier, isTest(path) ? undefined : dependencies)
  }
  const target = posix.join(posix.dirname(path), specifier)
  if (!target.startsWith('src/')) {
    if (isTest(path) && target.startsWith('test/')) return undefined
    return `imports ${target}, which lies outside src`
  }
  if (isTest(target) && !isTest(path)) return `imports the test ${target}`
  return judgePlace(from, target, isTest(target))
}

/**
 * @param {string} specifier
 * @param {Set<string> | undefined} dependencies
 * @returns {string | undefined}
 */
function judgePackage(specifier, dependencies) {
  const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
  if (name === 'polylog') return `imports ${specifier} by the package's own name`
  if (dependencies === undefined || isBuiltin(specifier) || dependencies.has(name)) return undefined
  return `imports ${name}, which does not come with the package`
}

/**
 * @param {Place} from
 * @param {string} target
 * @param {boolean} isTestTarget what only tests use is open to all tests of its layer
 * @returns {string | undefined}
 */
function judgePlace(from, target, isTestTarget) {
  const to = placeOf(target)
  if (to === undefined) return `imports ${target}, which is in no layer`
  if (to.rank > from.rank) return `imports ${target}: ${to.layer} lies above ${from.layer}`
  if (to.rank < from.rank || to.box === from.box || to.box === to.layer) return undefined
  if (isTestTarget && to.layer === from.layer) return undefined
  if (from.box === from.layer) return `imports ${target}: what the boxes of ${from.layer} share imports none of them`
  return `imports ${target}: ${from.box} and ${to.box} are siblings`
}

/**
 * @param {string} path from the root
 * @returns {Place | undefined}
 */
function placeOf(path) {
  const [, first = '', second = '', ...rest] = path.split('/')
  const rank = layers.findIndex((row) => row.some((layer) => layer.name === first))
  const layer = layers[rank]?.find((one) => one.name === first)
  if (layer === undefined) return first === 'polylog.test.ts' ? placeOf('src/polylog.ts') : undefined
  if (layer.boxes !== true)
    return { layer: first, rank, box: first === 'studio' || first === 'cli' ? `${first}/` : first }
  return { layer: first, rank, box: rest.length > 0 ? `${first}/${second}` : first }
}

/**
 * Every way in which a file names another module.
 * @param {string} path
 * @param {string} text
 * @returns {{ specifier: string | undefined, start: number }[]}
 */
function readImports(path, text) {
  /** @type {{ specifier: string | undefined, start: number }[]} */
  const imports = []
  walk(parseSource(path, text), (node) => {
    const source = node['source']
    const isImport = /^(Import|ExportNamed|ExportAll)Declaration$|^ImportExpression$|^TSImportType$/.test(node.type)
    if (isImport && source !== null) imports.push({ specifier: stringValue(source), start: node.start })
    if (node.type === 'CallExpression' && identifierName(node['callee']) === 'require') {
      imports.push({ specifier: undefined, start: node.start })
    }
  })
  return imports
}
