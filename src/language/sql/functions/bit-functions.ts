/** Bit strings: their parts, their logic, and numbers made of them. */
import { charge } from '../../../base/work.ts'
import { failure } from '../failure.ts'
import { oid } from '../types/oids.ts'
import { perSize } from './cost.ts'
import { defineAggregate, defineFunction, defineOperator } from './registry.ts'
import { checkGrownLength } from './text-length.ts'

const { bit, varbit, int4, int8 } = oid

/** Looks at no digit. */
const field = { cost: 'own' } as const
const digitwise = { cost: perSize(3) }

type Sized = Pick<string, 'length'>

function sameSize(a: Sized, b: Sized, what: string): void {
  if (a.length !== b.length) throw failure('22026', `cannot ${what} bit strings of different sizes`)
}

/** The digits of a bit string, four in a word: what is done to words is done to each of their lowest bits. */
interface Digits {
  readonly length: number
  readonly words: Uint32Array
}

const onesOfWord = 0x0101_0101
const zeroDigits = 0x3030_3030
/** Of a digit that is copied and combined. */
const unitsPerDigit = 1

function digitsOf(bits: string): Digits {
  charge(bits.length * unitsPerDigit)
  const words = new Uint32Array((bits.length + 3) >> 2)
  Buffer.from(words.buffer).write(bits, 'latin1')
  return { length: bits.length, words }
}

function textOf({ words, length }: Digits): string {
  return Buffer.from(words.buffer as ArrayBuffer).toString('latin1', 0, length)
}

type CombineWords = (a: number, b: number) => number

/** In the place of the first one's. */
function combine(into: Digits, { words }: Digits, set: CombineWords): Digits {
  const target = into.words
  for (let i = 0; i < target.length; i++) target[i] = set(target[i]!, words[i]!) | zeroDigits
  return into
}

function shifted(bits: string, by: number): string {
  const { length } = bits
  const places = Math.min(Math.abs(by), length)
  return by >= 0 ? bits.slice(places) + '0'.repeat(places) : '0'.repeat(places) + bits.slice(0, length - places)
}

function part(bits: string, from: number, length?: number): string {
  if (length !== undefined && length < 0) throw failure('22011', 'negative substring length not allowed')
  const start = Math.max(0, from - 1)
  return bits.slice(start, length === undefined ? undefined : Math.max(start, from - 1 + length))
}

function overlay(bits: string, other: string, from: number, length: number = other.length): string {
  if (from <= 0 || length < 0) throw failure('22011', 'negative substring length not allowed')
  checkGrownLength(bits.length + other.length)
  return bits.slice(0, from - 1) + other + bits.slice(from - 1 + length)
}

function checkIndex(bits: string, at: number): void {
  if (at < 0 || at >= bits.length) {
    throw failure('2202E', `bit index ${at} out of valid range (0..${bits.length - 1})`)
  }
}

function defineParts(): void {
  for (const type of [bit, varbit]) {
    const own = type === bit
    if (!own) {
      defineOperator('||', [varbit, varbit], varbit, (a: string, b: string) => a + b)
      continue
    }
    defineFunction('length', [bit], int4, (bits: string) => bits.length, field)
    defineFunction('bit_length', [bit], int4, (bits: string) => bits.length, field)
    defineFunction('octet_length', [bit], int4, (bits: string) => (bits.length + 7) >> 3, field)
    defineFunction('bit_count', [bit], int8, (bits: string) => BigInt(bits.replaceAll('0', '').length))
    defineFunction('substring', [bit, int4], bit, (bits: string, from: number) => part(bits, from))
    defineFunction('substring', [bit, int4, int4], bit, part)
    defineFunction('overlay', [bit, bit, int4], bit, (bits: string, other: string, from: number) => {
      return overlay(bits, other, from)
    })
    defineFunction('overlay', [bit, bit, int4, int4], bit, overlay)
    defineFunction('position', [bit, bit], int4, (bits: string, other: string) => bits.indexOf(other) + 1)
    defineFunction('get_bit', [bit, int4], int4, (bits: string, at: number) => {
      checkIndex(bits, at)
      return Number(bits[at])
    })
    defineFunction('set_bit', [bit, int4, int4], bit, (bits: string, at: number, to: number) => {
      checkIndex(bits, at)
      if (to !== 0 && to !== 1) throw failure('22023', 'new bit must be 0 or 1')
      return bits.slice(0, at) + String(to) + bits.slice(at + 1)
    })
  }
}

function defineLogic(): void {
  const rules: readonly (readonly [string, string, CombineWords])[] = [
    ['&', 'AND', (a, b) => a & b],
    ['|', 'OR', (a, b) => a | b],
    ['#', 'XOR', (a, b) => a ^ b],
  ]
  for (const [symbol, word, set] of rules) {
    const combined = (a: string, b: string): string => {
      sameSize(a, b, word)
      return textOf(combine(digitsOf(a), digitsOf(b), set))
    }
    defineOperator(symbol, [bit, bit], bit, combined, digitwise)
    defineLogicAggregate(word, set)
  }
  const inverted = (bits: string): string => {
    const digits = digitsOf(bits)
    return textOf(combine(digits, digits, (one) => one ^ onesOfWord))
  }
  defineOperator('~', [bit], bit, inverted, digitwise)
  defineOperator('<<', [bit, int4], bit, shifted)
  defineOperator('>>', [bit, int4], bit, (bits: string, by: number) => shifted(bits, -by))
}

function defineLogicAggregate(word: string, set: CombineWords): void {
  const name = `bit_${word.toLowerCase()}`
  defineAggregate({
    name,
    takes: [bit],
    gives: bit,
    make: () => ({
      name,
      result: bit,
      strict: true,
      keeps: 'one',
      begin: () => null,
      add: (state, [value]) => {
        const bits = value as string
        if (state === null) return digitsOf(bits)
        const digits = state as Digits
        sameSize(digits, bits, word)
        return combine(digits, digitsOf(bits), set)
      },
      finish: (state) => (state === null ? null : textOf(state as Digits)),
    }),
  })
}

defineParts()
defineLogic()
