/**
 * The host rule: time, randomness, disk, network, workers and timers come from `Host`. Outside `src/host` no other file
 * touches what Node offers for them, so that the whole server replays from a seed.
 *
 * How it looks: a global is forbidden by its name wherever the name is read as a value, so a local variable of that name
 * needs another one. A module of Node is forbidden unless it is listed as pure. Types, property names, comments and
 * strings are not looked at. Tests, and what only tests use, are exempt: they may use real files and timers.
 */
import { calendarFiles } from './calendar-files.mjs'
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

/** @typedef {import('./files.mjs').SyntaxNode} SyntaxNode */

const clock = 'time comes from Host.now and Host.monotonic'
const timer = 'timers come from Host.at and Host.turn'
const chance = 'randomness comes from Host.random'
const network = 'the network comes from Host.network'
const thread = 'workers come from Host.worker'
const indirect = 'globals are named directly, so that this check can see them'

/** @type {Map<string, string>} global name → the way out */
const forbiddenGlobals = new Map([
  ['Date', clock],
  ['performance', clock],
  ['Temporal', clock],
  ['setTimeout', timer],
  ['setInterval', timer],
  ['setImmediate', timer],
  ['clearTimeout', timer],
  ['clearInterval', timer],
  ['clearImmediate', timer],
  ['scheduler', timer],
  ['crypto', chance],
  ['fetch', network],
  ['WebSocket', network],
  ['EventSource', network],
  ['XMLHttpRequest', network],
  ['Worker', thread],
  ['MessageChannel', thread],
  ['BroadcastChannel', thread],
  ['WeakRef', 'what the garbage collector does cannot be replayed'],
  ['FinalizationRegistry', 'what the garbage collector does cannot be replayed'],
  ['Intl', 'collations and time zones are our own, versioned in the catalog'],
  ['navigator', 'the machine is described by Host'],
  ['process', 'the process belongs to Host; the command line in cli/ may read its arguments and write its output'],
  ['require', indirect],
  ['globalThis', indirect],
  ['global', indirect],
  ['eval', indirect],
  ['Function', indirect],
])

/** @type {Map<string, Map<string, string>>} global → property → the way out; the global is used in no other manner */
const forbiddenProperties = new Map([
  ['Math', new Map([['random', chance]])],
  ['AbortSignal', new Map([['timeout', timer]])],
  [
    'Atomics',
    new Map([
      ['wait', timer],
      ['waitAsync', timer],
      ['pause', timer],
    ]),
  ],
])

/** What the command line may use of `process`. */
const commandLineProperties = new Set(
  'argv stdin stdout stderr exit exitCode on once off pid cwd execPath execArgv platform version versions'.split(' '),
)

/** Modules of Node without time, chance or I/O. */
const pureModules = new Set([
  'assert',
  'assert/strict',
  'buffer',
  'events',
  'path',
  'path/posix',
  'string_decoder',
  'util',
])

/** @type {Map<string, RegExp>} module → the exports of it that are pure */
const partlyPureModules = new Map([
  ['crypto', /^(create(Hash|Hmac)|hash|timingSafeEqual|pbkdf2Sync|scryptSync|(Hash|Hmac)$)/],
  ['zlib', /^(crc32|constants|\w+Sync)$/],
  ['url', /^(URL|URLSearchParams|fileURLToPath|pathToFileURL)$/],
])

/** Methods that read the machine's locale or time zone. */
const localeMethods =
  /^(toLocale\w+|localeCompare|get(FullYear|Month|Date|Day|Hours|Minutes|Seconds|Milliseconds|TimezoneOffset)|set(FullYear|Month|Hours|Minutes|Seconds|Milliseconds)|to(Date|Time)String)$/

/**
 * @param {string} root
 * @param {Map<string, string>} [calendar] path → reason
 * @returns {import('./files.mjs').Problem[]}
 */
export function checkHostRule(root, calendar = calendarFiles) {
  const isTest = readTestFilter(root)
  const present = new Set(listSources(root))
  const stale = [...calendar.keys()].filter((path) => !present.has(path))
  const listed = [...present].filter((path) => !path.startsWith('src/host/') && !isTest(path))
  return [
    ...listed.flatMap((path) => checkFile(path, readText(root, path), calendar.has(path))),
    ...stale.map((path) => `scripts/check/calendar-files.mjs:1 lists ${path}, which is not there`),
  ]
}

/**
 * @param {string} path
 * @param {string} text
 * @param {boolean} mayUseCalendar
 * @returns {import('./files.mjs').Problem[]}
 */
export function checkFile(path, text, mayUseCalendar) {
  /** @type {import('./files.mjs').Problem[]} */
  const problems = []
  const rules = { path, mayUseCalendar, isCommandLine: path.startsWith('src/cli/') }
  walk(parseSource(path, text), (node, parent, property) => {
    const complaint =
      judgeModule(node) ?? judgeGlobal(node, parent, property, rules) ?? judgeMethod(node) ?? judgeIdentifierMaker(node)
    if (complaint !== undefined) problems.push(`${path}:${lineAt(text, node.start)} ${complaint}`)
  })
  return problems
}

/**
 * @param {SyntaxNode} node
 * @returns {string | undefined}
 */
function judgeModule(node) {
  const names = importedNames(node)
  const specifier = stringValue(node['source'])
  if (names === undefined || specifier === undefined || /^[./]/.test(specifier)) return undefined
  if (node['importKind'] === 'type' || node['exportKind'] === 'type') return undefined
  const name = specifier.replace(/^node:/, '')
  if (name === specifier && !nodeModules.has(name.split('/')[0] ?? '')) return undefined
  if (pureModules.has(name)) return undefined
  const pure = partlyPureModules.get(name)
  const impure = names.filter((one) => pure === undefined || !pure.test(one))
  if (impure.length === 0 && pure !== undefined) return undefined
  return `imports ${specifier}${pure === undefined ? '' : ` (${impure.join(', ')})`}: what Node offers comes from Host`
}

/** Names that mean Node's module even without `node:`. */
const nodeModules = new Set(
  'assert async_hooks buffer child_process cluster console crypto dgram dns events fs http http2 https inspector module net os path perf_hooks process punycode querystring readline repl stream string_decoder timers tls tty url util v8 vm worker_threads zlib'.split(
    ' ',
  ),
)

/**
 * @param {SyntaxNode} node
 * @returns {string[] | undefined} undefined where the node imports nothing; `*` for a whole module
 */
function importedNames(node) {
  if (node.type === 'ImportExpression' || node.type === 'ExportAllDeclaration') return ['*']
  if (node.type !== 'ImportDeclaration' && node.type !== 'ExportNamedDeclaration') return undefined
  const specifiers = /** @type {SyntaxNode[]} */ (node['specifiers'] ?? [])
  return specifiers
    .filter((one) => one['importKind'] !== 'type' && one['exportKind'] !== 'type')
    .map((one) => identifierName(one['imported'] ?? (one.type === 'ExportSpecifier' ? one['local'] : undefined)) ?? '*')
}

/**
 * @param {SyntaxNode} node
 * @param {SyntaxNode | undefined} parent
 * @param {string} property
 * @param {{ mayUseCalendar: boolean, isCommandLine: boolean }} rules
 * @returns {string | undefined}
 */
function judgeGlobal(node, parent, property, rules) {
  const name = identifierName(node)
  if (name === undefined || parent === undefined || !isValue(parent, property)) return undefined
  const member = parent.type === 'MemberExpression' && property === 'object' ? memberName(parent) : undefined
  const properties = forbiddenProperties.get(name)
  if (properties !== undefined) return judgeProperty(name, member, properties, parent)
  const reason = forbiddenGlobals.get(name)
  if (reason === undefined) return undefined
  if (name === 'Date' && isPureDate(parent, property, member, rules.mayUseCalendar)) return undefined
  if (name === 'process' && rules.isCommandLine && commandLineProperties.has(member ?? '')) return undefined
  return `uses ${name}${member === undefined ? '' : `.${member}`}: ${reason}`
}

/**
 * @param {string} name
 * @param {string | undefined} member
 * @param {Map<string, string>} properties
 * @param {SyntaxNode} parent
 * @returns {string | undefined}
 */
function judgeProperty(name, member, properties, parent) {
  if (parent.type === 'BinaryExpression') return undefined
  if (member === undefined) return `uses ${name} without naming a property: ${indirect}`
  const reason = properties.get(member)
  return reason === undefined ? undefined : `uses ${name}.${member}: ${reason}`
}

/**
 * `instanceof Date` reads no clock; `new Date(ms)` and `Date.UTC` neither, in the files that are listed for it.
 * @param {SyntaxNode} parent
 * @param {string} property
 * @param {string | undefined} member
 * @param {boolean} mayUseCalendar
 * @returns {boolean}
 */
function isPureDate(parent, property, member, mayUseCalendar) {
  if (parent.type === 'BinaryExpression') return parent['operator'] === 'instanceof'
  if (!mayUseCalendar) return false
  if (member === 'UTC') return true
  const callArguments = /** @type {SyntaxNode[]} */ (parent['arguments'] ?? [])
  const only = callArguments[0]
  return (
    parent.type === 'NewExpression' &&
    property === 'callee' &&
    callArguments.length === 1 &&
    only?.type !== 'SpreadElement'
  )
}

/**
 * @param {SyntaxNode} node
 * @returns {string | undefined}
 */
function judgeMethod(node) {
  const name = node.type === 'MemberExpression' ? memberName(node) : undefined
  if (name === undefined || !localeMethods.test(name)) return undefined
  return `uses .${name}, which depends on the machine's locale or time zone`
}

/**
 * The identifier classes of `bson` draw from the clock and from chance when they are given nothing.
 * @param {SyntaxNode} node
 * @returns {string | undefined}
 */
function judgeIdentifierMaker(node) {
  if (node.type === 'NewExpression') {
    const name = identifierName(node['callee'])
    const isEmpty = /** @type {SyntaxNode[]} */ (node['arguments']).length === 0
    return isEmpty && (name === 'ObjectId' || name === 'UUID') ? `uses new ${name}(): ${chance}` : undefined
  }
  if (node.type !== 'MemberExpression' || memberName(node) !== 'generate') return undefined
  const name = identifierName(node['object'])
  return name === 'ObjectId' || name === 'UUID' ? `uses ${name}.generate: ${chance}` : undefined
}

/**
 * @param {SyntaxNode} node
 * @returns {string | undefined}
 */
function memberName(node) {
  return node['computed'] === true ? stringValue(node['property']) : identifierName(node['property'])
}

/**
 * Whether an identifier that stands there reads or binds a value: not a property's name, a type or a label.
 * @param {SyntaxNode} parent
 * @param {string} property
 * @returns {boolean}
 */
function isValue(parent, property) {
  if (parent.type === 'TSTypeQuery') return false
  if (parent.type.startsWith('TS')) return /^TS(As|Satisfies|NonNull|TypeAssertion|Instantiation)/.test(parent.type)
  if (property === 'key' || property === 'property') return parent['computed'] === true
  if (property === 'label' || property === 'meta') return false
  if (parent.type === 'ExportSpecifier') return property === 'local'
  return parent.type !== 'ImportSpecifier' || property === 'local'
}
