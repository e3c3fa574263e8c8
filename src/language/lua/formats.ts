/**
 * `string.format` and `tonumber` with integers of 64 bits, as Lua has them where Redis runs: the interpreter is one of 32 bits,
 * and would print a time in milliseconds as the least number that it knows.
 *
 * `%d` and its like become `%s`, with what C would have printed in place of the number. Everything else, wrong formats and
 * arguments included, is left to Lua's own functions.
 */
import { latin1ToBytes, sliceOf, sliceToLatin1 } from '../../base/slice.ts'
import { charge } from '../../base/work.ts'
import { type Original, pushInPlaceOf } from './in-place.ts'
import type { LuaMachine } from './machine.ts'
import type { State } from './wasm.ts'

const least = -(2n ** 63n)
const half = 2n ** 63n
const greatest = 2n ** 64n - 1n

/** As the processor turns a double into a `long`. */
function toInt64(value: number): bigint {
  return Math.abs(value) < 2 ** 63 ? BigInt(Math.trunc(value)) : least
}

function toUint64(value: number): bigint {
  return BigInt.asUintN(64, value >= 2 ** 63 ? toInt64(value - 2 ** 63) ^ half : toInt64(value))
}

/** Flags, width, precision and conversion as far as Lua lets them through. */
const directive = /%(?:%|([-+ #0]{0,5})(\d{0,2})(?:(\.)(\d{0,2}))?(.?))/gs

interface Directive {
  readonly flags: string
  readonly width: number
  /** −1 where none is given. */
  readonly precision: number
  readonly conversion: string
}

/** As C prints it. */
function print(value: number, { flags, width, precision, conversion }: Directive): string {
  const isSigned = conversion === 'd' || conversion === 'i'
  const number = isSigned ? toInt64(value) : toUint64(value)
  const isNegative = number < 0n
  const base = conversion === 'o' ? 8 : conversion === 'x' || conversion === 'X' ? 16 : 10
  let digits = (isNegative ? -number : number).toString(base)
  if (precision === 0 && number === 0n) digits = ''
  digits = digits.padStart(precision, '0')
  let prefix = isNegative ? '-' : ''
  if (isSigned && !isNegative) prefix = flags.includes('+') ? '+' : flags.includes(' ') ? ' ' : ''
  if (flags.includes('#')) {
    if (base === 8 && !digits.startsWith('0')) digits = `0${digits}`
    if (base === 16 && number !== 0n) prefix = '0x'
  }
  if (flags.includes('-')) return cased((prefix + digits).padEnd(width), conversion)
  if (flags.includes('0') && precision < 0) digits = digits.padStart(width - prefix.length, '0')
  return cased((prefix + digits).padStart(width), conversion)
}

function cased(text: string, conversion: string): string {
  return conversion === 'X' ? text.toUpperCase() : text
}

/** Prints the integers among the arguments of `format`, and takes them out of its format. */
function printIntegers(machine: LuaMachine, thread: State): void {
  const { lua } = machine
  const given = machine.stringAt(thread, 1)
  if (given === undefined) return
  const format = sliceToLatin1(given)
  charge(format.length)
  let argument = 1
  const rest = format.replace(directive, (whole, ...parts: (string | undefined)[]) => {
    if (whole === '%%') return whole
    const [flags = '', width = '', point, precision = '', conversion = ''] = parts
    argument++
    if (!'diouxX'.includes(conversion) || conversion === '' || lua.lua_isnumber(thread, argument) === 0) return whole
    const asked = { flags, width: Number(width), precision: point === undefined ? -1 : Number(precision), conversion }
    machine.pushText(thread, print(lua.lua_tonumber(thread, argument), asked))
    lua.lua_replace(thread, argument)
    return '%s'
  })
  if (rest === format) return
  machine.pushBytes(thread, sliceOf(latin1ToBytes(rest)))
  lua.lua_replace(thread, 1)
}

const plain = /^[ \t-\r]*([-+]?)([0-9a-z]+)[ \t-\r]*$/i
const withPrefix = /^[ \t-\r]*([-+]?)0x([0-9a-f]+)[ \t-\r]*$/i

/** C's `strtoul`; undefined where the text is no number of that base. */
function parse(text: string, base: number): number | undefined {
  const found = (base === 16 ? withPrefix.exec(text) : null) ?? plain.exec(text)
  if (found === null) return undefined
  let value = 0n
  for (const digit of found[2]!) {
    const weight = Number.parseInt(digit, 36)
    if (weight >= base) return undefined
    if (value <= greatest) value = value * BigInt(base) + BigInt(weight)
  }
  if (value > greatest) return Number(greatest)
  return Number(found[1] === '-' ? BigInt.asUintN(64, -value) : value)
}

/** Longer texts are no numbers of anybody's. */
const longestNumber = 1024

function readNumber(machine: LuaMachine, thread: State, original: Original): number {
  const { lua } = machine
  const base = lua.lua_isnumber(thread, 2) === 0 ? 10 : Math.trunc(lua.lua_tonumber(thread, 2))
  if (!(base >= 2 && base <= 36) || base === 10) return original(thread)
  const text = machine.stringAt(thread, 1)
  if (text === undefined || text.end - text.start > longestNumber) return original(thread)
  const value = parse(sliceToLatin1(text).split('\0', 1)[0]!, base)
  if (value === undefined) lua.lua_pushnil(thread)
  else lua.lua_pushnumber(thread, value)
  return 1
}

export function pushFormat(machine: LuaMachine, thread: State): number {
  return pushInPlaceOf(machine, thread, (caller, original) => {
    printIntegers(machine, caller)
    return original(caller)
  })
}

export function pushToNumber(machine: LuaMachine, thread: State): number {
  return pushInPlaceOf(machine, thread, (caller, original) => readNumber(machine, caller, original))
}
