/** regexp_count, _instr, _like and _substr: places are counted in characters, from 1. */
import type { SqlValue } from '../contract.ts'
import { failure } from '../failure.ts'
import { oid } from '../types/oids.ts'
import { compileRegex, regexCost } from './pattern.ts'
import { defineFunction } from './registry.ts'
import type { Cost } from './cost.ts'

const { text, int4, bool } = oid

interface Found {
  /** In units of the text, of the whole and of each part; −1 where a part took no part. */
  readonly starts: readonly number[]
  readonly ends: readonly number[]
}

function refuseGlobal(name: string, flags: string): void {
  if (flags.includes('g')) throw failure('22023', `${name}() does not support the "global" option`)
}

function requirePlace(name: string, value: number, least = 1): void {
  if (value < least) throw failure('22023', `invalid value for parameter "${name}": ${value}`)
}

/** Where the character of this number begins. */
function offsetOf(source: string, start: number): number {
  let at = 0
  for (let left = start - 1; left > 0 && at < source.length; left--) {
    at += source.codePointAt(at)! > 0xffff ? 2 : 1
  }
  return at
}

function characterAt(source: string, offset: number): number {
  let count = 1
  for (let at = 0; at < offset; count++) at += source.codePointAt(at)! > 0xffff ? 2 : 1
  return count
}

function* matches(source: string, pattern: string, start: number, flags: string): Generator<Found> {
  const matcher = compileRegex(pattern, flags).matcher(source)
  const from = offsetOf(source, start)
  if (start > 1 && from >= source.length && start > characterAt(source, source.length)) return
  let isFound = from === 0 ? matcher.find() : matcher.find(from)
  while (isFound) {
    const count = matcher.groupCount()
    const groups = Array.from({ length: count + 1 }, (_, i) => i)
    yield { starts: groups.map((i) => matcher.start(i)), ends: groups.map((i) => matcher.end(i)) }
    isFound = matcher.find()
  }
}

function nth(source: string, pattern: string, start: number, n: number, flags: string): Found | undefined {
  let left = n
  for (const found of matches(source, pattern, start, flags)) if (--left === 0) return found
  return undefined
}

function count(source: string, pattern: string, start = 1, flags = ''): number {
  requirePlace('start', start)
  refuseGlobal('regexp_count', flags)
  let found = 0
  for (const _ of matches(source, pattern, start, flags)) found++
  return found
}

function isLike(source: string, pattern: string, flags = ''): boolean {
  refuseGlobal('regexp_like', flags)
  return compileRegex(pattern, flags).matcher(source).find()
}

function instr(source: string, pattern: string, start = 1, n = 1, end = 0, flags = '', part = 0): number {
  requirePlace('start', start)
  requirePlace('n', n)
  if (end !== 0 && end !== 1) throw failure('22023', `invalid value for parameter "endoption": ${end}`)
  requirePlace('subexpr', part, 0)
  refuseGlobal('regexp_instr', flags)
  const found = nth(source, pattern, start, n, flags)
  const at = (end === 1 ? found?.ends : found?.starts)?.[part] ?? -1
  return at < 0 ? 0 : characterAt(source, at)
}

function substr(source: string, pattern: string, start = 1, n = 1, flags = '', part = 0): SqlValue {
  requirePlace('start', start)
  requirePlace('n', n)
  requirePlace('subexpr', part, 0)
  refuseGlobal('regexp_substr', flags)
  const found = nth(source, pattern, start, n, flags)
  const at = found?.starts[part] ?? -1
  return at < 0 ? null : source.slice(at, found!.ends[part])
}

const cost: Cost = (source: string, pattern: string) => regexCost(source, pattern) + source.length * 60

function define(
  name: string,
  types: readonly number[],
  least: number,
  gives: number,
  call: (...values: never[]) => SqlValue,
): void {
  for (let given = least; given <= types.length; given++) {
    const takes = types.slice(0, given)
    defineFunction(name, takes, gives, (...values: never[]) => call(...values), { cost })
  }
}

define('regexp_count', [text, text, int4, text], 2, int4, count)
define('regexp_like', [text, text, text], 2, bool, isLike)
define('regexp_instr', [text, text, int4, int4, int4, text, int4], 2, int4, instr)
define('regexp_substr', [text, text, int4, int4, text, int4], 2, text, substr)
