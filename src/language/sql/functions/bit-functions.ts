/** Bit strings: their parts, their logic, and numbers made of them. */
import type { SqlValue } from '../contract.ts'
import { failure } from '../failure.ts'
import { oid } from '../types/oids.ts'
import { defineAggregate, defineFunction, defineOperator } from './registry.ts'
import { checkGrownLength } from './text-length.ts'

const { bit, varbit, int4, int8 } = oid

function sameSize(a: string, b: string, what: string): void {
  if (a.length !== b.length) throw failure('22026', `cannot ${what} bit strings of different sizes`)
}

function combined(a: string, b: string, set: (a: boolean, b: boolean) => boolean): string {
  return Array.from(a, (one, i) => (set(one === '1', b[i] === '1') ? '1' : '0')).join('')
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
    defineFunction('length', [bit], int4, (bits: string) => bits.length)
    defineFunction('bit_length', [bit], int4, (bits: string) => bits.length)
    defineFunction('octet_length', [bit], int4, (bits: string) => (bits.length + 7) >> 3)
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
  const rules = [
    ['&', 'AND', 'and', (a: boolean, b: boolean) => a && b],
    ['|', 'OR', 'or', (a: boolean, b: boolean) => a || b],
    ['#', 'XOR', 'xor', (a: boolean, b: boolean) => a !== b],
  ] as const
  for (const [symbol, word, name, set] of rules) {
    const combine = (a: string, b: string): string => {
      sameSize(a, b, word)
      return combined(a, b, set)
    }
    defineOperator(symbol, [bit, bit], bit, combine)
    const aggregate = `bit_${name}`
    defineAggregate({
      name: aggregate,
      takes: [bit],
      gives: bit,
      make: () => ({
        name: aggregate,
        result: bit,
        strict: true,
        keeps: 'one',
        begin: () => null,
        add: (state, [value]) => (state === null ? value : combine(state as string, value as string)),
        finish: (state) => state as SqlValue,
      }),
    })
  }
  defineOperator('~', [bit], bit, (bits: string) => combined(bits, bits, (one) => !one))
  defineOperator('<<', [bit, int4], bit, shifted)
  defineOperator('>>', [bit, int4], bit, (bits: string, by: number) => shifted(bits, -by))
}

defineParts()
defineLogic()
