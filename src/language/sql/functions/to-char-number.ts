/**
 * to_char of a number: `9,999.99`, `FM0000`, `S99`, `99MI`, `99PR`, `RN`, `99th`.
 *
 * The number, rounded to the digits behind the template's point, is laid under the template from its left end. Places
 * before the first digit are blank, or zeros from the first `0` on; the sign stands before the first digit unless the
 * template says otherwise; `FM` leaves out blanks and closing zeros. A number with too many digits is `#` throughout.
 * `V` and `EEEE` are refused.
 */
import type { Decimal } from '../../../base/decimal.ts'
import { failure, notBuilt } from '../failure.ts'

type Key = '9' | '0' | '.' | ',' | 'S' | 'MI' | 'PL' | 'SG' | 'PR' | 'L' | 'RN' | 'TH' | 'th'

interface Token {
  readonly key?: Key
  /** Of what is no key: written as it is. */
  readonly text: string
}

interface Template {
  readonly tokens: readonly Token[]
  readonly before: number
  readonly behind: number
  readonly hasPoint: boolean
  readonly isFilled: boolean
  /** Place of the first `0` before the point, and the number of places up to the last one. */
  readonly zeroStart: number | undefined
  readonly zeroEnd: number
  readonly sign: 'own' | 'before' | 'behind' | 'plus' | 'apart' | 'brackets'
}

const pattern = /"((?:[^"\\]|\\.)*)"?|(FM|MI|PL|SG|PR|RN|TH|EEEE|SP|[9.0,BCDGLSV])|(.)/gis

function syntaxError(message: string): Error {
  return failure('42601', message)
}

function readTemplate(template: string): Template {
  const tokens: Token[] = []
  let [before, behind, zeroEnd, signAt] = [0, 0, 0, -1]
  let [hasPoint, isFilled] = [false, false]
  let zeroStart: number | undefined
  let sign: Template['sign'] = 'own'
  for (const [, quoted, word, other] of template.matchAll(pattern)) {
    if (word === undefined) {
      tokens.push({ text: other ?? quoted!.replace(/\\(.)/gs, '$1') })
      continue
    }
    const name = word === 'th' ? 'th' : keyOf(word.toUpperCase())
    if (name === 'FM') {
      isFilled = true
      continue
    }
    if ((name === '9' || name === '0') && sign === 'brackets') throw syntaxError(`"${name}" must be ahead of "PR"`)
    if (name === '0' && !hasPoint) zeroStart ??= before
    const isDigit = name === '9' || name === '0'
    if (isDigit && hasPoint) behind++
    else if (isDigit) before++
    if (name === '0') zeroEnd = before + behind
    if (name === '.') {
      if (hasPoint) throw syntaxError('multiple decimal points')
      hasPoint = true
    }
    if (name === 'S') {
      if (sign === 'before' || sign === 'behind') throw syntaxError('cannot use "S" twice')
      if (sign !== 'own') throw syntaxError('cannot use "S" and "PL"/"MI"/"SG"/"PR" together')
      sign = hasPoint ? 'behind' : 'before'
      signAt = before
    }
    if (name === 'PR') sign = 'brackets'
    if (name === 'MI' || name === 'SG') sign = 'apart'
    if (name === 'PL' && sign === 'own') sign = 'plus'
    tokens.push({ key: name as Key, text: '' })
  }
  if (sign === 'before' && signAt === before) sign = 'behind'
  return { tokens, before, behind, hasPoint, isFilled, zeroStart, zeroEnd, sign }
}

function keyOf(word: string): string {
  if (word === 'D') return '.'
  if (word === 'G') return ','
  if (['V', 'EEEE', 'B', 'C', 'SP'].includes(word)) throw notBuilt(`the to_char pattern "${word}"`)
  return word
}

/** `digits`: the absolute number, rounded, as text with as many digits behind the point as the template has. */
function layOut(template: Template, digits: string, isNegative: boolean): string {
  const { before, behind, hasPoint } = template
  const whole = digits.split('.', 1)[0]!.length
  if (whole > before) {
    const overflowed = `${'#'.repeat(before)}.${'#'.repeat(behind)}`
    return new Layout(template, hasPoint ? overflowed : overflowed.slice(0, before), 0, isNegative).write()
  }
  return new Layout(template, digits, before - whole, isNegative).write()
}

class Layout {
  readonly #template: Template
  readonly #number: string
  readonly #blanks: number
  readonly #isNegative: boolean
  /** The place of the last digit that FM keeps, or of the point. */
  readonly #lastKept: number | undefined
  readonly #places: number
  #needsSign: boolean
  #place = 0
  #digit = 0
  #hasBegun = false
  #isOver = false
  #out = ''

  constructor(template: Template, number: string, blanks: number, isNegative: boolean) {
    this.#template = template
    this.#number = number
    this.#blanks = blanks
    this.#isNegative = isNegative
    const { sign, isFilled, hasPoint, before, behind } = template
    const isPlain = sign === 'own' || sign === 'brackets'
    this.#needsSign = sign !== 'apart' && !(isPlain && isFilled && !isNegative)
    this.#lastKept = isFilled && hasPoint ? this.#lastKeptDigit() : undefined
    const count = before + behind - 1 + (this.#needsSign && blanks === 0 ? 1 : 0)
    this.#places = count + (blanks > 0 ? 1 : 0) + (hasPoint ? 1 : 0)
  }

  #lastKeptDigit(): number | undefined {
    const point = this.#number.indexOf('.')
    if (point < 0) return undefined
    let last = point
    for (let i = point + 1; i < this.#number.length; i++) if (this.#number[i] !== '0') last = i
    const { zeroEnd } = this.#template
    return zeroEnd > this.#blanks ? Math.max(last, zeroEnd - this.#blanks) : last
  }

  write(): string {
    for (const { key, text } of this.#template.tokens) {
      if (this.#isOver) break
      if (key === '9' || key === '0' || key === '.') this.#writePlace(key)
      else this.#out += key === undefined ? text : this.#mark(key)
    }
    return this.#out
  }

  #mark(key: Key): string {
    const { isFilled, hasPoint } = this.#template
    const blank = isFilled ? '' : ' '
    switch (key) {
      case ',':
        return this.#hasBegun ? ',' : blank
      case 'MI':
        return this.#isNegative ? '-' : blank
      case 'PL':
        return this.#isNegative ? blank : '+'
      case 'SG':
        return this.#isNegative ? '-' : '+'
      case 'L':
        return ' '
      case 'TH':
      case 'th':
        return this.#isNegative || hasPoint || this.#number.startsWith('#') ? '' : ordinal(this.#number, key)
      default:
        return ''
    }
  }

  /** `0.1` under `9.9` is ` .1`: the zero is no digit. */
  get #isZeroBeforePoint(): boolean {
    const { zeroStart, behind } = this.#template
    return zeroStart === undefined && this.#digit === 0 && this.#number.startsWith('0') && behind > 0
  }

  #writePlace(key: '9' | '0' | '.'): void {
    const { zeroStart, isFilled } = this.#template
    const endsAtPoint = this.#lastKept !== undefined && this.#number[this.#lastKept] === '.'
    const isBlank = this.#place < this.#blanks
    if (this.#needsSign && (!isBlank || zeroStart === this.#place) && (!this.#isZeroBeforePoint || endsAtPoint))
      this.#writeSign()
    if (isBlank && (zeroStart === undefined || zeroStart > this.#place)) this.#out += isFilled ? '' : ' '
    else if (isBlank) {
      this.#out += '0'
      this.#hasBegun = true
    } else this.#writeDigit(key, endsAtPoint)
    const isLast = this.#lastKept === this.#digit && this.#lastKept !== undefined
    const end = isLast ? this.#place : this.#places
    if (this.#place + 1 === end) this.#writeEnd()
    this.#place++
  }

  #writeSign(): void {
    const { sign, isFilled } = this.#template
    if (sign === 'behind') return
    if (sign === 'before') this.#out += this.#isNegative ? '-' : '+'
    else if (sign === 'brackets') this.#out += this.#isNegative ? '<' : ' '
    else this.#out += this.#isNegative ? '-' : isFilled ? '' : ' '
    this.#needsSign = false
  }

  #writeDigit(key: '9' | '0' | '.', endsAtPoint: boolean): void {
    const { isFilled } = this.#template
    const digit = this.#number[this.#digit] ?? ''
    if (digit === '.') {
      if (!endsAtPoint || isFilled) this.#out += '.'
    } else if (this.#lastKept !== undefined && this.#digit > this.#lastKept && key !== '0') {
      // A closing zero that FM leaves out.
    } else if (this.#isZeroBeforePoint) {
      this.#out += isFilled ? (endsAtPoint ? '0' : '') : ' '
    } else {
      this.#out += digit
      this.#hasBegun = true
      // Where the number has no digit left, PostgreSQL's text ends: `9.` and what follows it.
      this.#isOver = digit === ''
    }
    if (this.#digit < this.#number.length) this.#digit++
  }

  #writeEnd(): void {
    const { sign, isFilled } = this.#template
    if (this.#isOver) return
    if (sign === 'brackets' && !this.#needsSign && (this.#isNegative || !isFilled))
      this.#out += this.#isNegative ? '>' : ' '
    else if (sign === 'behind') this.#out += this.#isNegative ? '-' : '+'
  }
}

function ordinal(number: string, key: 'TH' | 'th'): string {
  if (!/\d$/.test(number)) throw failure('22P02', `"${number === '' ? '.' : number}" is not a number`)
  const last = Number(number.slice(-1))
  const isTeen = number.length > 1 && number.at(-2) === '1'
  const suffix = isTeen ? 'th' : (['th', 'st', 'nd', 'rd'][last] ?? 'th')
  return key === 'TH' ? suffix.toUpperCase() : suffix
}

const numerals = [
  ['M', 1000],
  ['CM', 900],
  ['D', 500],
  ['CD', 400],
  ['C', 100],
  ['XC', 90],
  ['L', 50],
  ['XL', 40],
  ['X', 10],
  ['IX', 9],
  ['V', 5],
  ['IV', 4],
  ['I', 1],
] as const

const romanWidth = 15

function toRoman(text: string, template: Template): string {
  const number = Number(text)
  const isRoman = number >= 1 && number <= 3999
  let rest = isRoman ? number : 0
  let out = ''
  for (const [letters, value] of numerals) for (; rest >= value; rest -= value) out += letters
  const shown = isRoman ? out : '#'.repeat(romanWidth)
  return template.isFilled ? shown : shown.padStart(romanWidth)
}

function write(source: string, digitsAt: (places: number) => string): string {
  const template = readTemplate(source)
  const isRoman = template.tokens.some(({ key }) => key === 'RN')
  const text = digitsAt(isRoman ? 0 : template.behind)
  if (isRoman) return toRoman(text, template)
  const isNegative = text.startsWith('-')
  return layOut(template, isNegative ? text.slice(1) : text, isNegative)
}

export function numericToChar(value: Decimal, template: string): string {
  return write(template, (places) => value.round(places).toString())
}

/** `digits`: how many of them a float of its size holds. */
export function floatToChar(value: number, template: string, digits: 6 | 15): string {
  return write(template, (places) => {
    if (!Number.isFinite(value)) return String(value)
    const whole = Math.abs(value).toFixed(0).length
    return (Object.is(value, -0) ? '-' : '') + value.toFixed(Math.max(0, Math.min(places, digits - whole)))
  })
}
