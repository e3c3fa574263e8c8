/**
 * The weights of characters: those of the root collation, and what a locale changes of them, read from `collation-data.ts`
 * when somebody first asks.
 *
 * A mapping leads from a code point, or several that count as one ("ch" in Czech), to elements: a primary weight of 32 bits,
 * whose trailing zero bytes say nothing, a secondary one of 16 and a tertiary one of 16, two bits of which tell small, mixed
 * and capital letters. The data is columns of varints; see `sectionOf` in `scripts/collations.mjs`.
 *
 * What has no mapping is computed: Hangul syllables are their letters, ideographs and unknown code points have a weight by
 * their number.
 *
 * Invariants: no primary weight's bytes begin those of another; a weight has no byte 00 or 01 before its trailing zeros.
 */
import { brotliDecompressSync } from 'node:zlib'
import { assert } from '../errors.ts'
import { combiningClasses, groupEnds, ideographs, localeData, rootMappings } from './collation-data.ts'

export interface Contraction {
  /** Behind the first code point. */
  readonly rest: readonly number[]
  readonly elements: number
}

export interface Settings {
  readonly alternate: 'non-ignorable' | 'shifted'
  readonly caseFirst: 'off' | 'upper' | 'lower'
  readonly backwards: boolean
  readonly normalization: boolean
}

/** A range of primary weights that stands somewhere else, by their upper 16 bits. */
interface Move {
  readonly from: number
  readonly to: number
  readonly distance: number
}

const pageBits = 7
const pageSize = 1 << pageBits
const emptyPage = new Uint32Array(pageSize)
/** Of a list of elements the place of the first and how many: both in one number, which is 0 for no mapping. */
const mostElements = 32

/** Of all tables: lists of elements. The first is none, so that no list begins at 0. */
let primaries = new Uint32Array(0)
let others = new Uint32Array(0)

export function firstOf(list: number): number {
  return Math.floor(list / mostElements)
}

export function countOf(list: number): number {
  return list % mostElements
}

export function primaryAt(place: number): number {
  return primaries[place]!
}

/** Secondary and tertiary. */
export function othersAt(place: number): number {
  return others[place]!
}

export class CollationTables {
  readonly settings: Settings
  readonly #pages: Uint32Array[]
  readonly #contractions: ReadonlyMap<number, readonly Contraction[]>
  readonly #moves: readonly Move[]

  constructor(
    settings: Settings,
    pages: Uint32Array[],
    contractions: ReadonlyMap<number, readonly Contraction[]>,
    moves: readonly Move[],
  ) {
    this.settings = settings
    this.#pages = pages
    this.#contractions = contractions
    this.#moves = moves
  }

  /** A list of elements; 0: none. */
  elementsOf(point: number): number {
    return this.#pages[point >>> pageBits]![point & (pageSize - 1)]!
  }

  /** Longest first. */
  contractionsOf(point: number): readonly Contraction[] | undefined {
    return this.#contractions.get(point)
  }

  /** The weight where the locale has its script. */
  moved(primary: number): number {
    const head = primary >>> 16
    for (const { from, to, distance } of this.#moves) {
      if (head >= from && head <= to) return primary + distance
    }
    return primary
  }

  get hasMoves(): boolean {
    return this.#moves.length > 0
  }

  /** With the mappings of a locale over its own. */
  with(data: string): CollationTables {
    const [settings = '', moves = '', mappings = ''] = data.split('|')
    const pages = [...this.#pages]
    const contractions = new Map(this.#contractions)
    addMappings(mappings, pages, contractions)
    return new CollationTables(settingsOf(settings), pages, contractions, movesOf(moves))
  }
}

const rootSettings: Settings = { alternate: 'non-ignorable', caseFirst: 'off', backwards: false, normalization: false }

/** ICU's numbers. */
const settingOn = '17'
const settingUpperFirst = '25'
const settingShifted = '20'

function settingsOf(text: string): Settings {
  const said = new Map(text.split(',').map((one) => one.split('=') as [string, string]))
  return {
    alternate: said.get('alternate') === settingShifted ? 'shifted' : 'non-ignorable',
    caseFirst: said.get('caseFirst') === settingUpperFirst ? 'upper' : 'off',
    backwards: said.get('backwards') === settingOn,
    normalization: said.get('normalization') === settingOn,
  }
}

function movesOf(text: string): Move[] {
  return [...text.matchAll(/([0-9a-f]+)-([0-9a-f]+)([+-])([0-9a-f]+)/g)].map(([, from, to, sign, distance]) => ({
    from: Number.parseInt(from!, 16),
    to: Number.parseInt(to!, 16),
    distance: Number.parseInt(`${sign}${distance}`, 16) * 0x10000,
  }))
}

function numbersOf(data: string): () => number {
  const bytes = brotliDecompressSync(Buffer.from(data, 'base64'))
  let at = 0
  return () => {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++]!
      value += (byte & 0x7f) * scale
      if (byte < 128) return value
    }
  }
}

function listOf(count: number, next: () => number): number[] {
  return Array.from({ length: count }, next)
}

function addMappings(data: string, pages: Uint32Array[], contractions: Map<number, readonly Contraction[]>): void {
  const next = numbersOf(data)
  const pairs = listOf(next(), next)
  const length = next()
  let point = 0
  const points = Array.from({ length }, () => {
    const restLength = next()
    point += next()
    return { point, rest: listOf(restLength, next) }
  })
  const counts = listOf(length, next)
  let place = Math.max(1, primaries.length)
  addElements(
    counts.reduce((sum, count) => sum + count, 0),
    pairs,
    next,
  )
  for (const [i, { point: first, rest }] of points.entries()) {
    const count = counts[i]!
    assert(count < mostElements, 'a character has fewer elements')
    const list = count === 0 ? emptyList : place * mostElements + count
    place += count
    if (rest.length === 0) setPoint(pages, first, list)
    else contractions.set(first, withContraction(contractions.get(first) ?? [], { rest, elements: list }))
  }
}

/** Of what is ignored at all levels. */
const emptyList: number = mostElements

function addElements(count: number, pairs: readonly number[], next: () => number): void {
  const before = Math.max(1, primaries.length)
  const made = new Uint32Array(before + count)
  made.set(primaries)
  let weight = 0
  for (let i = before; i < made.length; i++) {
    const distance = next()
    weight += distance % 2 === 1 ? -(distance + 1) / 2 : distance / 2
    made[i] = weight
  }
  const madeOthers = new Uint32Array(before + count)
  madeOthers.set(others)
  for (let i = before; i < madeOthers.length; i++) madeOthers[i] = pairs[next()]!
  primaries = made
  others = madeOthers
}

/** Pages are shared between tables until one of them has something of its own there. */
const owned = new WeakMap<Uint32Array, Uint32Array[]>()

function setPoint(pages: Uint32Array[], point: number, list: number): void {
  const number = point >>> pageBits
  let page = pages[number]!
  if (owned.get(page) !== pages) {
    page = page.slice()
    owned.set(page, pages)
    pages[number] = page
  }
  page[point & (pageSize - 1)] = list
}

function withContraction(known: readonly Contraction[], added: Contraction): Contraction[] {
  const text = added.rest.join(' ')
  return [...known.filter(({ rest }) => rest.join(' ') !== text), added].sort((a, b) => b.rest.length - a.rest.length)
}

let root: CollationTables | undefined
const byLocale = new Map<string, CollationTables>()
let classes: Map<number, number> | undefined

function rootTables(): CollationTables {
  if (root === undefined) {
    const pages = Array.from({ length: 0x110000 / pageSize }, () => emptyPage)
    const contractions = new Map<number, readonly Contraction[]>()
    addMappings(rootMappings, pages, contractions)
    root = new CollationTables(rootSettings, pages, contractions, [])
  }
  return root
}

/** `locale`: a name of `localeData`, or `root`. */
export function tablesOf(locale: string): CollationTables {
  if (locale === 'root') return rootTables()
  let tables = byLocale.get(locale)
  if (tables === undefined) {
    tables = rootTables().with(localeData[locale]!)
    byLocale.set(locale, tables)
  }
  return tables
}

/** Canonical combining class. */
export function combiningClass(point: number): number {
  if (point < 0x300) return 0
  if (classes === undefined) {
    classes = new Map()
    const next = numbersOf(combiningClasses)
    let at = 0
    for (let count = next(); count > 0; count--) classes.set((at += next()), next())
  }
  return classes.get(point) ?? 0
}

/** The weight of a code point by its number, behind a first byte: three digits of base 254 above 01. */
function numbered(head: number, place: number): number {
  const digits = [Math.floor(place / 64_516), Math.floor(place / 254) % 254, place % 254]
  return digits.reduce((weight, digit) => weight * 256 + digit + 2, head)
}

const headOfIdeographs = 0xfa
const headOfUnknown = 0xfe

export function implicitPrimary(point: number): number {
  for (let i = 0; i < ideographs.length; i += 2) {
    if (point < ideographs[i]! || point > ideographs[i + 1]!) continue
    const isFirstBlock = (point >= 0x4e00 && point <= 0x9fff) || (point >= 0xf900 && point <= 0xfaff)
    return numbered(headOfIdeographs, isFirstBlock ? point : point + 0x10000)
  }
  return numbered(headOfUnknown, point)
}

/** The last weight that is variable. */
export function variableEnd(group: 'space' | 'punct'): number {
  return groupEnds[group]!
}
