/**
 * The order of texts by a collation: a key whose bytes are in the order of the texts (Unicode Technical Standard 10, with the
 * options of CLDR), made as ICU makes sort keys.
 *
 *   key := primary weights [01 secondary] [01 case] [01 tertiary] [01 quaternary] [01 the text itself]
 *
 * By strength: 1 letters, 2 accents, 3 capitals, 4 punctuation where that is `shifted` behind everything else, 5 what is
 * written. Secondary and tertiary weights are nearly all the common one: a run of them is one byte that says how long it
 * is, so that a longer run comes behind a shorter one where a lesser weight or the end follows, and before it where a greater one
 * does.
 *
 * Invariants: no byte of a level is 00 or 01; equal keys, equal texts at that strength. The last level alone may have any.
 */
import { ByteWriter } from '../bytes.ts'
import { ElementList, readElements } from './collation-elements.ts'
import { type CollationTables, tablesOf, variableEnd } from './collation-tables.ts'

export interface CollationOptions {
  /** Of the tables: see `findLocale`. */
  readonly table: string
  readonly strength: 1 | 2 | 3 | 4 | 5
  readonly caseLevel: boolean
  readonly caseFirst: 'off' | 'upper' | 'lower'
  readonly numericOrdering: boolean
  readonly alternate: 'non-ignorable' | 'shifted'
  readonly maxVariable: 'punct' | 'space'
  /** Accents are compared from the end. */
  readonly backwards: boolean
  readonly normalization: boolean
}

/** What a locale is compared by unless more is said. */
export function optionsOfTable(table: string): CollationOptions {
  return {
    ...tablesOf(table).settings,
    table,
    strength: 3,
    caseLevel: false,
    numericOrdering: false,
    maxVariable: 'punct',
  }
}

/** How runs of the common weight are written: from `low` up before a lesser one, from `high` down before a greater one. */
interface Runs {
  readonly common: number
  readonly low: number
  readonly high: number
}

const secondaryRuns: Runs = { common: 0x0500, low: 0x05, high: 0x45 }
/** Without case bits, with small letters first, with capital ones first. */
const tertiaryRuns: Runs = { common: 0x0500, low: 0x05, high: 0xc5 }
const lowerFirstRuns: Runs = { common: 0x0500, low: 0x05, high: 0x45 }
const upperFirstRuns: Runs = { common: 0x0500, low: 0x85, high: 0xc5 }
const quaternaryRuns: Runs = { common: 0xffff, low: 0x1c, high: 0xfc }

const levelEnd = 0x01
/** Of U+FFFE, which stands between texts that are compared one after another. */
const separatorPrimary = 0x0200_0000
const separatorWeight = 0x0200

class Level {
  readonly out = new ByteWriter(64)
  #runs: Runs = secondaryRuns
  #count = 0

  begin(runs: Runs): void {
    this.out.reset()
    this.#runs = runs
    this.#count = 0
  }

  common(): void {
    this.#count++
  }

  add(weight: number): void {
    this.endRun(weight >= this.#runs.low << 8)
    this.out.u8(weight >>> 8)
    if ((weight & 0xff) !== 0) this.out.u8(weight & 0xff)
  }

  /** `beforeGreater`: what follows is a greater weight. */
  endRun(beforeGreater: boolean): void {
    if (this.#count === 0) return
    const { low, high } = this.#runs
    const middle = (low + high) >> 1
    const most = middle - low + 1
    let rest = this.#count - 1
    for (; rest >= most; rest -= most) this.out.u8(middle)
    this.out.u8(beforeGreater ? high - rest : low + rest)
    this.#count = 0
  }
}

const elements = new ElementList()
const secondary = new Level()
const tertiary = new Level()
const quaternary = new Level()
const cases = new ByteWriter(64)
/** Secondary weights that are written backwards. */
const accents: number[] = []
const identical = new ByteWriter(64)

export class Collator {
  readonly options: CollationOptions
  readonly #tables: CollationTables
  readonly #variableEnd: number
  readonly #keepsCase: boolean
  readonly #tertiaryRuns: Runs
  /** Variable elements have weights of the fourth level. */
  readonly #hasQuaternary: boolean

  constructor(options: CollationOptions) {
    const { table, alternate, maxVariable, caseFirst, caseLevel, strength } = options
    this.options = options
    this.#tables = tablesOf(table)
    this.#variableEnd = alternate === 'shifted' ? variableEnd(maxVariable) : 0
    this.#keepsCase = caseFirst !== 'off' && !caseLevel
    this.#tertiaryRuns = !this.#keepsCase ? tertiaryRuns : caseFirst === 'upper' ? upperFirstRuns : lowerFirstRuns
    this.#hasQuaternary = strength >= 4 && alternate === 'shifted'
  }

  /** Writes the key of a text behind what is there. */
  writeKey(text: string, into: ByteWriter): void {
    const { strength, caseLevel, normalization, backwards, numericOrdering } = this.options
    readElements(normalization ? normalized(text, this.#tables) : text, this.#tables, numericOrdering, elements)
    secondary.begin(secondaryRuns)
    tertiary.begin(this.#tertiaryRuns)
    quaternary.begin(quaternaryRuns)
    cases.reset()
    accents.length = 0
    this.#writeLevels(into)
    if (strength >= 2) {
      if (backwards) addBackwards(accents)
      endLevel(secondary, into)
    }
    if (caseLevel) endBytes(cases, into)
    if (strength >= 3) endLevel(tertiary, into)
    if (this.#hasQuaternary) endLevel(quaternary, into)
    if (strength === 5) {
      identical.reset().utf8(normalized(text, this.#tables))
      endBytes(identical, into)
    }
  }

  #writeLevels(into: ByteWriter): void {
    const { strength, backwards, caseLevel } = this.options
    let isAfterVariable = false
    for (let i = 0; i < elements.length; i++) {
      const primary = elements.primaries[i]!
      const others = elements.others[i]!
      if (primary > separatorPrimary && primary <= this.#variableEnd) {
        isAfterVariable = true
        if (this.#hasQuaternary) this.#addShifted(primary)
        continue
      }
      if (primary === 0 && isAfterVariable) continue
      isAfterVariable = false
      if (primary !== 0) writeWeight(this.#tables.hasMoves ? this.#tables.moved(primary) : primary, into)
      if (strength >= 2 && backwards) accents.push(secondaryOf(primary, others))
      else if (strength >= 2) addSecondary(secondaryOf(primary, others))
      if (caseLevel) this.#addCase(primary, others)
      if (strength >= 3) this.#addTertiary(primary, others)
      if (this.#hasQuaternary && (others & 0xffff) !== 0) quaternary.common()
    }
  }

  #addShifted(primary: number): void {
    quaternary.endRun(false)
    const weight = this.#tables.hasMoves ? this.#tables.moved(primary) : primary
    if (weight >>> 24 >= shiftedLimit) quaternary.out.u8(shiftedLimit)
    writeWeight(weight, quaternary.out)
  }

  #addCase(primary: number, others: number): void {
    const isWithoutCase = this.options.strength === 1 ? primary === 0 : others >>> 16 === 0
    if (isWithoutCase || others === 0) return
    const bits = (others >>> 14) & 3
    const isUpperFirst = this.options.caseFirst === 'upper'
    cases.u8(primary === separatorPrimary ? separatorWeight >>> 8 : isUpperFirst ? 6 - bits : 4 + bits)
  }

  #addTertiary(primary: number, others: number): void {
    const weight = others & (this.#keepsCase ? 0xff3f : 0x3f3f)
    if (weight === 0) return
    if (primary === separatorPrimary) tertiary.add(separatorWeight)
    else if (weight === tertiaryRuns.common) tertiary.common()
    else if (!this.#keepsCase) tertiary.add(weight + 0xc000)
    else if (this.options.caseFirst === 'lower') tertiary.add(weight + 0x4000)
    else tertiary.add(upperFirst(weight, others))
  }
}

/** Weights of the fourth level lie below this byte, or behind it. */
const shiftedLimit = 0x1b

/** With the case bits of letters turned round; those of marks stay greater than all of them. */
function upperFirst(weight: number, others: number): number {
  if (others >>> 16 === 0) return weight + 0x4000
  const turned = weight ^ 0xc000
  return turned < upperFirstRuns.high << 8 ? turned - 0x4000 : turned
}

function secondaryOf(primary: number, others: number): number {
  return primary === separatorPrimary ? separatorWeight : others >>> 16
}

function addSecondary(weight: number): void {
  if (weight === secondaryRuns.common) secondary.common()
  else if (weight !== 0) secondary.add(weight)
}

/** From the last to the first, between separators. */
function addBackwards(weights: readonly number[]): void {
  for (let from = 0; from < weights.length;) {
    const separator = weights.indexOf(separatorWeight, from)
    const to = separator < 0 ? weights.length : separator
    for (let i = to - 1; i >= from; i--) addSecondary(weights[i]!)
    if (separator >= 0) addSecondary(separatorWeight)
    from = to + 1
  }
}

function endLevel(level: Level, into: ByteWriter): void {
  level.endRun(false)
  endBytes(level.out, into)
}

function endBytes(bytes: ByteWriter, into: ByteWriter): void {
  into.u8(levelEnd)
  into.copy(bytes.bytes, 0, bytes.end)
}

function writeWeight(weight: number, into: ByteWriter): void {
  into.u8(weight >>> 24)
  if ((weight & 0xff_ffff) === 0) return
  into.u8((weight >>> 16) & 0xff)
  if ((weight & 0xffff) === 0) return
  into.u8((weight >>> 8) & 0xff)
  if ((weight & 0xff) !== 0) into.u8(weight & 0xff)
}

/** Below all characters that a mark may change, or that are made of others. */
const firstComposed = 0xc0

/**
 * Decomposed, what the tables know: what came later to Unicode stays as it is, so that Node's version changes nothing.
 */
function normalized(text: string, tables: CollationTables): string {
  let made = ''
  let run = ''
  let isPlain = true
  for (const character of text) {
    const point = character.codePointAt(0)!
    if (point >= firstComposed) isPlain = false
    if (point < firstComposed || isKnown(point, tables)) run += character
    else {
      made += run.normalize('NFD') + character
      run = ''
    }
  }
  return isPlain ? text : made + run.normalize('NFD')
}

function isKnown(point: number, tables: CollationTables): boolean {
  return tables.elementsOf(point) !== 0 || (point >= 0xac00 && point <= 0xd7a3)
}
