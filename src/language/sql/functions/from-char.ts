/**
 * Dates and times read by a template: to_date, to_timestamp, and `.datetime(template)` of SQL/JSON paths, which is stricter.
 *
 * A template is cut into fields, separators (spaces and what is neither letter nor digit) and other characters. As PostgreSQL
 * does: spaces before and after fields are passed over; a separator takes one separator of the text, or none where there is
 * none; another character takes any one, unless spaces were passed over in its place. A number takes as many digits as its field
 * has places, or all of them where a separator follows. With FX, and in standard mode, everything stands where it must.
 */
import { calendarFromDays, daysFromCalendar, daysInMonth } from '../../../base/calendar.ts'
import { usPerDay } from '../../../model/table/types/calendar.ts'
import { failure } from '../failure.ts'

interface FieldNode {
  readonly kind: 'field'
  readonly name: string
  /** As it is written in the template, for messages. */
  readonly shown: string
  readonly fills: boolean
  readonly hasOrdinal: boolean
}

type Node = FieldNode | { readonly kind: 'separator' | 'space' | 'text'; readonly text: string }

const field =
  /(FM|fm|TM|tm)?(Y,YYY|YYYY|YYY|YY|Y|IYYY|IYY|IY|IDDD|ID|IW|I|MONTH|MON|MM|MI|MS|DDD|DD|DAY|DY|D|WW|W|CC|Q|J|RM|HH24|HH12|HH|SSSSS|SSSS|SS|US|FF[1-6]|A\.M\.|P\.M\.|AM|PM|B\.C\.|A\.D\.|BC|AD|TZH|TZM|TZ|OF)(TH)?/iy

function parseTemplate(template: string): { nodes: Node[]; isFixed: boolean } {
  const nodes: Node[] = []
  let isFixed = false
  for (let at = 0; at < template.length;) {
    if (/^FX/i.test(template.slice(at, at + 2))) {
      isFixed = true
      at += 2
      continue
    }
    field.lastIndex = at
    const found = field.exec(template)
    const character = template[at]!
    if (found !== null) {
      const [all, prefix, name = '', ordinal] = found
      nodes.push({
        kind: 'field',
        name: name.toUpperCase(),
        shown: name,
        fills: /^fm$/i.test(prefix ?? ''),
        hasOrdinal: ordinal !== undefined,
      })
      at += all.length
    } else if (character === '"') {
      for (at++; at < template.length && template[at] !== '"'; at++) {
        if (template[at] === '\\') at++
        if (at < template.length) nodes.push({ kind: 'text', text: template[at]! })
      }
      at++
    } else {
      const text =
        character === '\\' && template[at + 1] === '"' ? '"' : String.fromCodePoint(template.codePointAt(at)!)
      at += character === '\\' && template[at + 1] === '"' ? 2 : text.length
      const kind = /\s/.test(text) ? 'space' : isSeparator(text) ? 'separator' : 'text'
      nodes.push({ kind, text })
    }
  }
  return { nodes, isFixed }
}

/** ASCII that is neither a letter nor a digit. */
function isSeparator(character: string | undefined): boolean {
  return character !== undefined && character > ' ' && character < '\u007f' && !/[A-Za-z0-9]/.test(character)
}

const widths: Readonly<Record<string, number>> = {
  'Y,YYY': 4,
  YYYY: 4,
  YYY: 3,
  YY: 2,
  Y: 1,
  IYYY: 4,
  IYY: 3,
  IY: 2,
  I: 1,
  MM: 2,
  MI: 2,
  MS: 3,
  US: 6,
  DDD: 3,
  IDDD: 3,
  DD: 2,
  D: 1,
  ID: 1,
  WW: 2,
  IW: 2,
  W: 1,
  CC: 2,
  Q: 1,
  J: 9,
  HH24: 2,
  HH12: 2,
  HH: 2,
  SSSSS: 5,
  SSSS: 5,
  SS: 2,
  TZH: 2,
  TZM: 2,
}

const monthNames = 'january february march april may june july august september october november december'.split(' ')
const dayNames = 'sunday monday tuesday wednesday thursday friday saturday'.split(' ')
const romanMonths = 'xii xi x ix viii vii vi v iv iii ii i'.split(' ')

function badFormat(message: string, more: { detail?: string; hint?: string } = {}): Error {
  return failure('22007', message, more)
}

export interface ReadParts {
  readonly days: number
  readonly timeUs: bigint
  /** East of UTC, where the text says it. */
  readonly zoneSeconds: number | undefined
  readonly hasDate: boolean
  readonly hasTime: boolean
  readonly hasZone: boolean
}

export interface TemplateOptions {
  readonly isStandard?: boolean
}

export function readByTemplate(
  text: string,
  template: string,
  { isStandard = false }: TemplateOptions = {},
): ReadParts {
  if (isStandard) checkStandard(template)
  const reader = new TemplateReader(text, template, isStandard)
  reader.read()
  return reader.parts()
}

function checkStandard(template: string): void {
  for (const node of parseTemplate(template).nodes) {
    if (node.kind === 'separator' && !"-./,';:".includes(node.text)) {
      throw badFormat(`invalid datetime format separator: "${node.text}"`)
    }
    if (node.kind === 'text' && !template.includes('"')) {
      throw badFormat(`invalid datetime format separator: "${node.text}"`)
    }
  }
}

const dateFields = /^(?:Y|I|MONTH|MON|MM|D|W|CC|Q|J|RM|B\.?C|A\.?D)/
const timeFields = /^(?:HH|MI|MS|US|SS|FF|A\.?M|P\.?M)/

class TemplateReader {
  readonly #text: string
  readonly #nodes: readonly Node[]
  readonly #isFixed: boolean
  readonly #isStandard: boolean
  readonly #values = new Map<string, number>()
  #at = 0
  #yearDigits = 4
  #half: 'am' | 'pm' | undefined
  #isBeforeChrist = false
  #zoneSign = 1
  #isTwelve = false

  constructor(text: string, template: string, isStandard: boolean) {
    const { nodes, isFixed } = parseTemplate(template)
    this.#text = text
    this.#nodes = nodes
    this.#isFixed = isFixed || isStandard
    this.#isStandard = isStandard
  }

  read(): void {
    const text = this.#text
    let skipped = 0
    let index = 0
    for (; index < this.#nodes.length && this.#at < text.length; index++) {
      const node = this.#nodes[index]!
      if (!this.#isFixed && (node.kind === 'field' || index === 0)) skipped += this.#skipSpace()
      if (node.kind === 'field') {
        this.#field(node, index)
        if (!this.#isFixed) skipped = this.#skipSpace()
      } else if (node.kind === 'text') {
        if (this.#isStandard && text[this.#at] !== node.text)
          throw badFormat(`unmatched format character "${node.text}"`)
        if (!this.#isFixed && skipped > 0) skipped--
        else this.#at += node.text.length
      } else if (this.#isStandard) {
        if (text[this.#at] !== node.text) throw badFormat(`unmatched format separator "${node.text}"`)
        this.#at++
      } else if (this.#isFixed) this.#at++
      else {
        skipped--
        if (/\s/.test(text[this.#at]!) || isSeparator(text[this.#at])) {
          this.#at++
          skipped++
        }
      }
    }
    if (!this.#isStandard) return
    if (index < this.#nodes.length) throw badFormat('input string is too short for datetime format')
    if (text.slice(this.#at).trim() !== '') {
      throw badFormat('trailing characters remain in input string after datetime format')
    }
  }

  #skipSpace(): number {
    const start = this.#at
    while (/\s/.test(this.#text[this.#at] ?? 'x')) this.#at++
    return this.#at - start
  }

  #field(node: FieldNode, index: number): void {
    const { name } = node
    if (/^(?:A\.?M\.?|P\.?M\.?)$/.test(name)) {
      this.#half = this.#oneOf(['a.m.', 'p.m.', 'am', 'pm'], node).startsWith('a') ? 'am' : 'pm'
      this.#isTwelve = true
    } else if (/^(?:B\.?C\.?|A\.?D\.?)$/.test(name)) {
      this.#isBeforeChrist = this.#oneOf(['b.c.', 'a.d.', 'bc', 'ad'], node).startsWith('b')
    } else if (name === 'MONTH') this.#put('MM', monthNames.indexOf(this.#oneOf(monthNames, node)) + 1, node)
    else if (name === 'MON') this.#put('MM', this.#shortened(monthNames, node) + 1, node)
    else if (name === 'RM') this.#put('MM', 12 - romanMonths.indexOf(this.#oneOf(romanMonths, node)), node)
    else if (name === 'DAY') this.#put('D', dayNames.indexOf(this.#oneOf(dayNames, node)) + 1, node)
    else if (name === 'DY') this.#put('D', this.#shortened(dayNames, node) + 1, node)
    else if (name === 'TZ' || name === 'OF') {
      throw failure('0A000', `formatting field "${node.shown}" is only supported in to_char`)
    } else this.#number(node, index)
    if (node.hasOrdinal) this.#at += 2
  }

  #shortened(names: readonly string[], node: FieldNode): number {
    const short = this.#oneOf(
      names.map((one) => one.slice(0, 3)),
      node,
    )
    return names.findIndex((one) => one.startsWith(short))
  }

  /** The first of the words that stands there; none is an error. */
  #oneOf(words: readonly string[], { shown }: FieldNode): string {
    const rest = this.#text.slice(this.#at).toLowerCase()
    const found = words.find((word) => rest.startsWith(word))
    if (found === undefined) {
      throw badFormat(`invalid value "${this.#text.slice(this.#at).split(/\s/, 1)[0]!}" for "${shown}"`, {
        detail: 'The given value did not match any of the allowed values for this field.',
      })
    }
    this.#at += found.length
    return found
  }

  #number(node: FieldNode, index: number): void {
    const { name } = node
    if (name === 'TZH') {
      const sign = this.#text[this.#at]
      if (sign === '+' || sign === '-' || sign === ' ') {
        this.#zoneSign = sign === '-' ? -1 : 1
        this.#at++
      }
    }
    const isFraction = /^(?:MS|US|FF[1-6])$/.test(name)
    const width = name.startsWith('FF') ? Number(name[2]) : widths[name]!
    const start = this.#at
    const value = name === 'Y,YYY' ? this.#thousands(node) : this.#integer(node, index, width)
    const digits = this.#at - start
    if (isFraction) this.#put('US', value * 10 ** (6 - digits), node)
    else if (name === 'YYY' || name === 'YY' || name === 'Y' || name === 'IYY' || name === 'IY' || name === 'I') {
      this.#yearDigits = name.length
      this.#put(name.startsWith('I') ? 'IYYY' : 'YYYY', digits < 4 ? nearYear(value) : value, node)
    } else this.#put(canonical(name), value, node)
    if (name === 'HH' || name === 'HH12') this.#isTwelve = true
  }

  #thousands(node: FieldNode): number {
    const match = /^(\d+),(\d{3})/.exec(this.#text.slice(this.#at))
    if (match === null) throw badFormat(`invalid input string for "${node.shown}"`)
    this.#at += match[0].length
    return Number(match[1]) * 1000 + Number(match[2])
  }

  #integer({ shown, fills }: FieldNode, index: number, width: number): number {
    this.#skipSpace()
    const rest = this.#text.slice(this.#at)
    const isFree = fills || this.#separatorFollows(index)
    const source = isFree ? rest : rest.slice(0, width)
    const digits = /^[+-]?\d+/.exec(source)?.[0]
    if (!isFree && source.length < width) {
      throw badFormat(`source string too short for "${shown}" formatting field`, {
        detail: `Field requires ${width} characters, but only ${source.length} remain.`,
        hint: 'If your source string is not fixed-width, try using the "FM" modifier.',
      })
    }
    if (digits === undefined) {
      throw badFormat(`invalid value "${rest.slice(0, width)}" for "${shown}"`, { detail: 'Value must be an integer.' })
    }
    if (!isFree && digits.length < width) {
      throw badFormat(`invalid value "${source}" for "${shown}"`, {
        detail: `Field requires ${width} characters, but only ${digits.length} could be parsed.`,
        hint: 'If your source string is not fixed-width, try using the "FM" modifier.',
      })
    }
    this.#at += digits.length
    const value = Number(digits)
    if ((value | 0) !== value) {
      throw failure('22008', `value for "${shown}" in source string is out of range`, {
        detail: 'Value must be in the range -2147483648 to 2147483647.',
      })
    }
    return value
  }

  /** At the end, or before what is no digit. */
  #separatorFollows(index: number): boolean {
    const next = this.#nodes[index + 1]
    if (next === undefined) return true
    if (next.kind === 'field') return /^(?:MONTH|MON|RM|DAY|DY|A\.?M|P\.?M|B\.?C|A\.?D|TZ$)/.test(next.name)
    return !/^\d$/.test(next.text)
  }

  #put(name: string, value: number, { shown }: FieldNode): void {
    const known = this.#values.get(name)
    if (known !== undefined && known !== value) {
      throw badFormat(`conflicting values for "${shown}" field in formatting string`, {
        detail: 'This value contradicts a previous setting for the same field type.',
      })
    }
    this.#values.set(name, value)
  }

  parts(): ReadParts {
    const names = this.#nodes.flatMap((node) => (node.kind === 'field' ? [node.name] : []))
    const hour = this.#values.get('TZH')
    const minutes = this.#values.get('TZM') ?? 0
    return {
      days: this.#days(),
      timeUs: this.#time(),
      zoneSeconds: hour === undefined ? undefined : this.#zoneSign * (hour * 3600 + minutes * 60),
      hasDate: names.some((name) => dateFields.test(name)),
      hasTime: names.some((name) => timeFields.test(name)),
      hasZone: names.some((name) => name.startsWith('TZ')),
    }
  }

  #outOfRange(): Error {
    return failure('22008', `date/time field value out of range: "${this.#text}"`)
  }

  #time(): bigint {
    const get = (name: string): number | undefined => this.#values.get(name)
    let hour = get('HH') ?? 0
    let [minute, second] = [get('MI') ?? 0, get('SS') ?? 0]
    const ofDay = get('SSSSS')
    if (ofDay !== undefined) {
      if (ofDay > 86_400) throw this.#outOfRange()
      ;[hour, minute, second] = [Math.floor(ofDay / 3600), Math.floor(ofDay / 60) % 60, ofDay % 60]
    } else if (this.#isTwelve) {
      if (hour < 1 && this.#values.has('HH')) throw this.#notTwelve(hour)
      if (hour > 12) throw this.#notTwelve(hour)
      if (this.#half === 'pm' && hour < 12) hour += 12
      else if (this.#half !== 'pm' && hour === 12) hour = 0
    }
    if (hour > 24 || hour < 0 || minute > 59 || minute < 0 || second > 59 || second < 0) throw this.#outOfRange()
    if (hour === 24 && (minute > 0 || second > 0)) throw this.#outOfRange()
    return BigInt(hour * 3600 + minute * 60 + second) * 1_000_000n + BigInt(get('US') ?? 0)
  }

  #notTwelve(hour: number): Error {
    return badFormat(`hour "${hour}" is invalid for the 12-hour clock`, {
      hint: 'Use the 24-hour clock, or give an hour between 1 and 12.',
    })
  }

  #year(): number | undefined {
    const century = this.#values.get('CC')
    let year = this.#values.get('YYYY')
    if (century !== undefined && year !== undefined && this.#yearDigits <= 2) {
      year = century >= 0 ? (year % 100 === 0 ? century * 100 : (century - 1) * 100 + (year % 100)) : year
    } else if (century !== undefined && year === undefined) year = (century - 1) * 100 + 1
    if (year === undefined) return undefined
    if (this.#isBeforeChrist && year > 0) return 1 - year
    // The year 0 is 1 BC, as negative ones count.
    return year < 0 ? year + 1 : year === 0 ? 0 : year
  }

  #days(): number {
    const get = (name: string): number | undefined => this.#values.get(name)
    const julian = get('J')
    if (julian !== undefined) return julian - 2_440_588
    const isoYear = get('IYYY')
    if (isoYear !== undefined || get('IW') !== undefined) return this.#isoDays(isoYear ?? 1)
    const year = this.#year()
    const dayOfYear = get('DDD')
    if (dayOfYear !== undefined) {
      if (year === undefined) throw badFormat('cannot calculate day of year without year information')
      const days = daysFromCalendar(year, 1, 1) + dayOfYear - 1
      if (dayOfYear < 1 || calendarFromDays(days).year !== year) throw this.#outOfRange()
      return days
    }
    const week = get('WW')
    const month = get('MM')
    if (week !== undefined && month === undefined) return daysFromCalendar(year ?? 0, 1, 1) + (week - 1) * 7
    const weekOfMonth = get('W')
    const day = get('DD') ?? (weekOfMonth === undefined ? 1 : (weekOfMonth - 1) * 7 + 1)
    const [ownYear, ownMonth] = [year ?? 0, month ?? 1]
    if (ownMonth < 1 || ownMonth > 12 || day < 1 || day > daysInMonth(ownYear, ownMonth)) throw this.#outOfRange()
    return daysFromCalendar(ownYear, ownMonth, day)
  }

  #isoDays(year: number): number {
    const fourth = daysFromCalendar(year, 1, 4)
    const monday = fourth - ((((fourth + 3) % 7) + 7) % 7)
    const ofYear = this.#values.get('IDDD')
    if (ofYear !== undefined) return monday + ofYear - 1
    const day = this.#values.get('ID') ?? (this.#values.has('D') ? ((this.#values.get('D')! + 5) % 7) + 1 : 1)
    return monday + ((this.#values.get('IW') ?? 1) - 1) * 7 + day - 1
  }
}

/** What is written with fewer than four digits is near 2020. */
function nearYear(year: number): number {
  if (year < 70) return year + 2000
  if (year < 100) return year + 1900
  if (year < 520) return year + 2000
  return year < 1000 ? year + 1000 : year
}

function canonical(name: string): string {
  if (name.startsWith('HH')) return 'HH'
  if (name === 'Y,YYY') return 'YYYY'
  return name === 'SSSS' ? 'SSSSS' : name
}

export function localOf({ days, timeUs }: ReadParts): bigint {
  return BigInt(days) * usPerDay + timeUs
}
