/**
 * Writes `src/base/collation/collation-data.ts` from what an installed ICU answers to `scripts/collations.c`.
 *
 * Usage: node scripts/collations.mjs   (needs a C compiler and ICU's headers: `libicu-dev`)
 *
 * The ideographs of Han keep the order of the Unicode Collation Algorithm's implicit weights, by code point, and not ICU's
 * by radicals and strokes, which would double the data. Locales that order them otherwise (zh, ja, ko) are left out.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { brotliCompressSync, constants } from 'node:zlib'

/** @typedef {{ points: number[], elements: [number, number][] }} Mapping  elements: primary, then the other weights */

const locales = (
  'af am ar as az be bg bn bo br bs ceb chr cs cy da de@collation=phonebook dsb ee el en_US_POSIX eo ' +
  'es es@collation=traditional et fa fa_AF fi fi@collation=traditional fil fo fr_CA gl gu ha haw he hi hr hsb hu hy ' +
  'ig is ka kk kl km kn kok ku ky lkt ln lo lt lv mk ml mn mr mt my nb ne nn om or pa pl ps ro ru se si sk sl smn sq sr ' +
  'sr_Latn sv ta te th tk to tr ug uk ur uz vi wo yi yo'
).split(' ')

const folder = mkdtempSync(join(tmpdir(), 'collations-'))
const program = join(folder, 'collations')
execFileSync('cc', ['-O1', '-o', program, 'scripts/collations.c', '-licui18n', '-licuuc'])

const root = readLocale('root')
/** By ICU's weight, which ideograph has it. */
const han = new Map(root.mappings.filter(isIdeograph).map(({ points, elements }) => [elements[0]?.[0], points[0]]))
const rootMappings = new Map(
  root.mappings.filter((mapping) => !isIdeograph(mapping)).map((mapping) => [keyOf(mapping), ownElements(mapping)]),
)

const rootSection = sectionOf([...rootMappings].map(([key, elements]) => ({ points: pointsOf(key), elements })))
const classSection = packed([
  root.classes.length,
  ...root.classes.flatMap(([point, value], i) => [point - (root.classes[i - 1]?.[0] ?? 0), value]),
])
const lines = locales.map((locale) => `  '${locale}': ${JSON.stringify(localeLine(locale)).replaceAll('"', "'")},\n`)

writeFileSync(
  'src/base/collation/collation-data.ts',
  `/**
 * The order of texts in the root collation of CLDR, and what locales change of it; written by \`scripts/collations.mjs\`, not
 * by hand, from ICU's data for Unicode ${root.unicode}. Copyright of the data: Unicode, Inc., under the Unicode License
 * (https://www.unicode.org/license.txt), which lets anybody use and pass it on with this notice.
 *
 * What the texts hold: \`collation-tables.ts\`.
 */

/** Of the data: what is stored in its order is made anew where this is another one. */
export const collationVersion = '${root.version}'

/** The last primary weights of the groups that may be variable. */
export const groupEnds: Readonly<Record<string, number>> = {
${root.boundaries.map(([name, weight]) => `  ${name}: 0x${weight.toString(16)},\n`).join('')}}

/** First and last ones, in pairs; those of the first blocks come before the others. */
export const ideographs: readonly number[] = [
  ${root.ideographs
    .flat()
    .map((point) => `0x${point.toString(16)}`)
    .join(', ')},
]

export const rootMappings: string =
  '${rootSection}'

/** Canonical combining classes but 0: how many, then the distance of each code point from the one before and its class. */
export const combiningClasses: string =
  '${classSection}'

/** By locale: settings that differ from the root's, between \`|\` the ranges of scripts that move, and the mappings. */
export const localeData: Readonly<Record<string, string>> = {
${lines.join('')}}
`,
)

/** @param {string} locale */
function localeLine(locale) {
  const own = readLocale(locale)
  /** @type {Mapping[]} */
  const changed = []
  for (const mapping of own.mappings) {
    if (isIdeograph(mapping)) continue
    const elements = ownElements(mapping)
    const before = rootMappings.get(keyOf(mapping))
    if (before === undefined || JSON.stringify(before) !== JSON.stringify(elements)) {
      changed.push({ points: mapping.points, elements })
    }
  }
  return [settingsOf(own), movesOf(own.order), sectionOf(changed)].join('|')
}

/** @param {ReturnType<typeof readLocale>} locale */
function settingsOf({ settings }) {
  const said = [...settings].filter(([name, value]) => root.settings.get(name) !== value)
  return said.map(([name, value]) => `${name}=${value}`).join(',')
}

/**
 * Ranges of weights that are moved by the same distance, in hexadecimal: `from-to+distance` of the first 16 bits.
 *
 * @param {[number, number][]} order
 */
function movesOf(order) {
  /** @type {{ from: number, to: number, by: number }[]} */
  const moves = []
  const sorted = [...new Map(order)].sort(([a], [b]) => a - b)
  for (const [weight, to] of sorted.filter(([from]) => from < 0xfa000000)) {
    const by = (to >>> 16) - (weight >>> 16)
    const last = moves.at(-1)
    const at = weight >>> 16
    if (last !== undefined && last.by === by) last.to = at
    else if (last !== undefined && at <= last.to)
      throw new Error(`one range is moved to two places: ${at.toString(16)}`)
    else moves.push({ from: at, to: at, by })
  }
  const apart = moves.filter(({ by }) => by !== 0)
  return apart
    .map(
      ({ from, to, by }) => `${from.toString(16)}-${to.toString(16)}${by < 0 ? '-' : '+'}${Math.abs(by).toString(16)}`,
    )
    .join(',')
}

/** @param {Mapping} mapping */
function keyOf({ points }) {
  return points.join(' ')
}

/** @param {string} key */
function pointsOf(key) {
  return key.split(' ').map(Number)
}

/** @param {Mapping} mapping @returns {[number, number][]} */
function ownElements({ points, elements }) {
  return elements.map(([primary, lower]) => {
    if (primary < 0xfa000000 || primary >= 0xfe000000) return [primary, lower]
    const ideograph = han.get(primary)
    if (ideograph === undefined) throw new Error(`no ideograph of weight ${primary.toString(16)} in ${points.join()}`)
    return [implicit(ideograph), lower]
  })
}

/** @param {number} point */
function implicit(point) {
  const isCore = (point >= 0x4e00 && point <= 0x9fff) || (point >= 0xf900 && point <= 0xfaff)
  const place = isCore ? point : point + 0x10000
  return (
    (0xfa000000 +
      ((Math.floor(place / 64516) + 2) << 16) +
      (((Math.floor(place / 254) % 254) + 2) << 8) +
      (place % 254) +
      2) >>>
    0
  )
}

/** @param {Mapping} mapping */
function isIdeograph({ points }) {
  const [point = 0] = points
  return points.length === 1 && root.ideographs.some(([from, to]) => point >= from && point <= to)
}

/** @param {string} locale */
function readLocale(locale) {
  const { stdout, status } = spawnSync(program, [locale], { encoding: 'utf8', maxBuffer: 2 ** 30 })
  if (status !== 0) throw new Error(`${locale}: ${status}`)
  const read = {
    version: '',
    unicode: '',
    settings: new Map(),
    boundaries: /** @type {[string, number][]} */ ([]),
    classes: /** @type {[number, number][]} */ ([]),
    order: /** @type {[number, number][]} */ ([]),
    ideographs: /** @type {[number, number][]} */ ([]),
    mappings: /** @type {Mapping[]} */ ([]),
  }
  const hex = (/** @type {string} */ text) => Number.parseInt(text, 16)
  for (const line of stdout.split('\n')) {
    const [kind, a = '', b = ''] = line.split(' ')
    if (kind === 'version') read.version = a
    else if (kind === 'unicode') read.unicode = a.replace(/\.0$/, '')
    else if (kind === 'setting') read.settings.set(a, Number(b))
    else if (kind === 'boundary') read.boundaries.push([a, hex(b)])
    else if (kind === 'class') read.classes.push([hex(a), Number(b)])
    else if (kind === 'order') read.order.push([hex(a), hex(b)])
    else if (kind === 'ideographs') read.ideographs.push([hex(a), hex(b)])
    else if (kind === 'map') read.mappings.push(mappingOf(line))
  }
  // What begins with U+FDD1 marks where scripts begin, and is no text.
  read.mappings = read.mappings.filter(({ points }) => points.length === 1 || points[0] !== 0xfdd1)
  return read
}

/**
 * @param {string} line
 * @returns {Mapping}
 */
function mappingOf(line) {
  const [left = '', right = ''] = line.slice(4).split(':')
  return {
    points: left.split(' ').map((text) => Number.parseInt(text, 16)),
    elements: elementsOf(
      right
        .split(' ')
        .filter(Boolean)
        .map((text) => Number.parseInt(text, 16)),
    ),
  }
}

/**
 * ICU's pairs of 32 bits as a primary weight and secondary << 16 | tertiary with case bits.
 *
 * @param {number[]} halves
 * @returns {[number, number][]}
 */
function elementsOf(halves) {
  /** @type {[number, number][]} */
  const elements = []
  for (const half of halves) {
    const last = elements.at(-1)
    if (last !== undefined && (half & 0xc0) === 0xc0) {
      last[0] = (last[0] | (half >>> 16)) >>> 0
      last[1] = (last[1] | ((half & 0xff00) << 8) | (half & 0x3f)) >>> 0
    } else {
      elements.push([(half & 0xffff0000) >>> 0, (((half & 0xff00) << 16) | ((half & 0xff) << 8)) >>> 0])
    }
  }
  return elements
}

/**
 * Mappings as bytes, column by column: code points (how many, then the distance of the first from that of the one before, then
 * the others), how many elements, primary weights (the distance from the one before), and which of the pairs of other weights,
 * that come first of all.
 *
 * @param {Mapping[]} mappings
 */
function sectionOf(mappings) {
  const sorted = [...mappings].sort(
    (a, b) => (a.points[0] ?? 0) - (b.points[0] ?? 0) || a.points.length - b.points.length,
  )
  const pairs = [...new Set(sorted.flatMap(({ elements }) => elements.map(([, lower]) => lower)))].sort((a, b) => a - b)
  const places = new Map(pairs.map((pair, i) => [pair, i]))
  /** @type {number[]} */
  const points = []
  /** @type {number[]} */
  const primaries = []
  /** @type {number[]} */
  const lowers = []
  let point = 0
  let weight = 0
  for (const mapping of sorted) {
    const [first = 0, ...rest] = mapping.points
    points.push(rest.length, first - point, ...rest)
    point = first
    for (const [primary, lower] of mapping.elements) {
      primaries.push(signed(primary - weight))
      weight = primary
      lowers.push(places.get(lower) ?? 0)
    }
  }
  const counts = sorted.map(({ elements }) => elements.length)
  return packed([pairs.length, ...pairs, sorted.length, ...points, ...counts, ...primaries, ...lowers])
}

/** @param {number} distance */
function signed(distance) {
  return distance < 0 ? -2 * distance - 1 : 2 * distance
}

/**
 * Varints, compressed, as text.
 *
 * @param {number[]} numbers
 */
function packed(numbers) {
  const bytes = []
  for (const number of numbers) {
    let rest = number
    for (; rest >= 128; rest = Math.floor(rest / 128)) bytes.push((rest % 128) + 128)
    bytes.push(rest)
  }
  const parameters = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 22 }
  return brotliCompressSync(Buffer.from(bytes), { params: parameters }).toString('base64')
}
