/** money: sums, products, quotients; in words. */
import { failure } from '../failure.ts'
import { roundHalfEven } from '../types/casts.ts'
import { oid } from '../types/oids.ts'
import { defineAggregate, defineFunction, defineOperator } from './registry.ts'

const { money, int2, int4, int8, float4, float8, text } = oid

function checked(cents: bigint): bigint {
  if (BigInt.asIntN(64, cents) !== cents) throw failure('22003', 'money out of range')
  return cents
}

function fromFloat(cents: number): bigint {
  const rounded = roundHalfEven(cents)
  if (!(rounded >= -(2 ** 63) && rounded < 2 ** 63)) throw failure('22003', 'money out of range')
  return BigInt(rounded)
}

function defineArithmetic(): void {
  defineOperator('+', [money, money], money, (a: bigint, b: bigint) => checked(a + b))
  defineOperator('-', [money, money], money, (a: bigint, b: bigint) => checked(a - b))
  defineOperator('/', [money, money], float8, (a: bigint, b: bigint) => {
    if (b === 0n) throw failure('22012', 'division by zero')
    return Number(a) / Number(b)
  })
  for (const type of [float4, float8]) {
    const times = (a: bigint, by: number): bigint => fromFloat(Number(a) * by)
    defineOperator('*', [money, type], money, times)
    defineOperator('*', [type, money], money, (by: number, a: bigint) => times(a, by))
    defineOperator('/', [money, type], money, (a: bigint, by: number) => {
      if (by === 0) throw failure('22012', 'division by zero')
      return fromFloat(Number(a) / by)
    })
  }
  for (const type of [int2, int4, int8]) {
    const times = (a: bigint, by: number | bigint): bigint => checked(a * BigInt(by))
    defineOperator('*', [money, type], money, times)
    defineOperator('*', [type, money], money, (by: number | bigint, a: bigint) => times(a, by))
    defineOperator('/', [money, type], money, (a: bigint, by: number | bigint) => {
      if (BigInt(by) === 0n) throw failure('22012', 'division by zero')
      return checked(a / BigInt(by))
    })
  }
}

const small =
  'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'.split(
    ' ',
  )
const tens = 'twenty thirty forty fifty sixty seventy eighty ninety'.split(' ')
const scales = ['', ' thousand', ' million', ' billion', ' trillion', ' quadrillion']

function belowThousand(value: number): string {
  const hundreds = Math.floor(value / 100)
  const rest = value % 100
  const words =
    rest < 20 ? small[rest]! : tens[Math.floor(rest / 10) - 2]! + (rest % 10 > 0 ? ` ${small[rest % 10]!}` : '')
  if (hundreds === 0) return words
  if (rest === 0) return `${small[hundreds]!} hundred`
  return `${small[hundreds]!} hundred ${rest > 10 && rest % 10 === 0 ? 'and ' : rest < 10 ? 'and ' : ''}${words}`
}

function inWords(cents: bigint): string {
  const size = cents < 0n ? -cents : cents
  let dollars = size / 100n
  const groups: string[] = []
  for (let scale = 0; dollars > 0n; scale++, dollars /= 1000n) {
    const group = Number(dollars % 1000n)
    if (group > 0) groups.unshift(`${belowThousand(group)}${scales[scale]!}`)
  }
  const rest = Number(size % 100n)
  const whole = size / 100n
  const dollarWords = `${groups.join(' ') || 'zero'} ${whole === 1n ? 'dollar' : 'dollars'}`
  const shown = `${cents < 0n ? 'minus ' : ''}${dollarWords} and ${belowThousand(rest)} ${rest === 1 ? 'cent' : 'cents'}`
  return shown[0]!.toUpperCase() + shown.slice(1)
}

defineArithmetic()
defineFunction('cash_words', [money], text, inWords)
defineAggregate({
  name: 'sum',
  takes: [money],
  gives: money,
  make: () => ({
    name: 'sum',
    result: money,
    strict: true,
    keeps: 'nothing',
    begin: () => null,
    add: (sum, [value]) => checked(((sum as bigint | null) ?? 0n) + (value as bigint)),
    finish: (sum) => sum as bigint | null,
  }),
})
