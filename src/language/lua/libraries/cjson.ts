/** lua-cjson 2.1, as Redis brings it: Lua values as JSON and back. Strings are bytes, whatever is in them. */
import { ByteWriter } from '../../../base/bytes.ts'
import { sliceToLatin1 } from '../../../base/slice.ts'
import { charge } from '../../../base/work.ts'
import type { LuaFunction, LuaMachine } from '../machine.ts'
import { LuaFailure, luaType } from '../values.ts'
import { formatNumber } from '../numbers.ts'
import type { State } from '../wasm.ts'

interface Settings {
  encodeDepth: number
  decodeDepth: number
  precision: number
  keepBuffer: boolean
  encodeInvalid: boolean | 'null'
  decodeInvalid: boolean
  sparseConvert: boolean
  sparseRatio: number
  sparseSafe: number
}

const mostDepth = 100_000

/** Escapes of bytes below 0x80; undefined where the byte stands for itself. */
const escapes: readonly (string | undefined)[] = Array.from({ length: 128 }, (_, byte) => {
  const named = { 8: '\\b', 9: '\\t', 10: '\\n', 12: '\\f', 13: '\\r', 0x22: '\\"', 0x2f: '\\/', 0x5c: '\\\\' }[byte]
  if (named !== undefined) return named
  return byte < 32 || byte === 127 ? `\\u${byte.toString(16).padStart(4, '0')}` : undefined
})

class Encoder {
  readonly #machine: LuaMachine
  readonly #thread: State
  readonly #settings: Settings
  readonly #out: ByteWriter = new ByteWriter(256)

  constructor(machine: LuaMachine, thread: State, settings: Settings) {
    this.#machine = machine
    this.#thread = thread
    this.#settings = settings
  }

  encode(): ByteWriter {
    this.#value(0)
    return this.#out
  }

  /** The one on top of the stack, which stays there. */
  #value(depth: number): void {
    const { lua } = this.#machine
    const type = lua.lua_type(this.#thread, -1)
    if (type === luaType.string) this.#string()
    else if (type === luaType.number) this.#number(lua.lua_tonumber(this.#thread, -1))
    else if (type === luaType.boolean) this.#out.latin1(lua.lua_toboolean(this.#thread, -1) === 0 ? 'false' : 'true')
    else if (type === luaType.table) this.#table(depth + 1)
    else if (type === luaType.nil || this.#isNull()) this.#out.latin1('null')
    else throw refused(this.#machine.typeName(this.#thread, -1), 'type not supported')
  }

  #isNull(): boolean {
    const { lua } = this.#machine
    return lua.lua_type(this.#thread, -1) === luaType.lightUserdata && lua.lua_touserdata(this.#thread, -1) === 0
  }

  #string(): void {
    const { bytes, start, end } = this.#machine.stringAt(this.#thread, -1)!
    const out = this.#out
    charge(2 * (end - start))
    out.u8(0x22)
    let from = start
    for (let at = start; at < end; at++) {
      const escape = escapes[bytes[at]!]
      if (escape === undefined) continue
      out.copy(bytes, from, at)
      out.latin1(escape)
      from = at + 1
    }
    out.copy(bytes, from, end)
    out.u8(0x22)
  }

  #number(value: number): void {
    if (!Number.isFinite(value)) {
      const { encodeInvalid } = this.#settings
      if (encodeInvalid === false) throw refused('number', 'must not be NaN or Inf')
      if (encodeInvalid === 'null') {
        this.#out.latin1('null')
        return
      }
    }
    this.#out.latin1(formatNumber(value, this.#settings.precision))
  }

  #table(depth: number): void {
    if (depth > this.#settings.encodeDepth || this.#machine.lua.lua_checkstack(this.#thread, 3) === 0) {
      throw new LuaFailure(`Cannot serialise, excessive nesting (${depth})`)
    }
    const length = this.#arrayLength()
    if (length > 0) this.#array(length, depth)
    else this.#object(depth)
  }

  /** The greatest key where all are positive integers; −1 else. */
  #arrayLength(): number {
    const keys = this.#machine.arrayKeys(this.#thread)
    if (keys === undefined) return -1
    const { count, greatest } = keys
    charge(50 * count)
    const { sparseRatio, sparseSafe, sparseConvert } = this.#settings
    if (sparseRatio > 0 && greatest > count * sparseRatio && greatest > sparseSafe) {
      if (!sparseConvert) throw refused('table', 'excessively sparse array')
      return -1
    }
    return greatest
  }

  #array(length: number, depth: number): void {
    const { lua } = this.#machine
    this.#out.u8(0x5b)
    for (let i = 1; i <= length; i++) {
      if (i > 1) this.#out.u8(0x2c)
      lua.lua_rawgeti(this.#thread, -1, i)
      this.#value(depth)
      lua.lua_settop(this.#thread, -2)
    }
    this.#out.u8(0x5d)
  }

  #object(depth: number): void {
    const { lua } = this.#machine
    const thread = this.#thread
    const out = this.#out
    out.u8(0x7b)
    let isFirst = true
    lua.lua_pushnil(thread)
    while (lua.lua_next(thread, -2) !== 0) {
      if (!isFirst) out.u8(0x2c)
      isFirst = false
      this.#key()
      this.#value(depth)
      lua.lua_settop(thread, -2)
    }
    out.u8(0x7d)
  }

  /** Of the pair on top. */
  #key(): void {
    const { lua } = this.#machine
    const type = lua.lua_type(this.#thread, -2)
    if (type === luaType.number) {
      // Not read as a string: that would change the key under `lua_next`.
      this.#out.u8(0x22)
      this.#number(lua.lua_tonumber(this.#thread, -2))
      this.#out.latin1('":')
      return
    }
    if (type !== luaType.string) {
      throw refused(this.#machine.typeName(this.#thread, -2), 'table key must be a number or string')
    }
    lua.lua_pushvalue(this.#thread, -2)
    this.#string()
    lua.lua_settop(this.#thread, -2)
    this.#out.u8(0x3a)
  }
}

function refused(type: string, why: string): LuaFailure {
  return new LuaFailure(`Cannot serialise ${type}: ${why}`)
}

const tokenNames = {
  '{': 'T_OBJ_BEGIN',
  '}': 'T_OBJ_END',
  '[': 'T_ARR_BEGIN',
  ']': 'T_ARR_END',
  ':': 'T_COLON',
  ',': 'T_COMMA',
  string: 'T_STRING',
  number: 'T_NUMBER',
  boolean: 'T_BOOLEAN',
  null: 'T_NULL',
  end: 'T_END',
  invalid: 'invalid token',
} as const

type Token = keyof typeof tokenNames

const number = /[-+]?(?:0[xX][0-9a-fA-F]+|[0-9]+\.?[0-9]*(?:[eE][-+]?[0-9]+)?|inf(?:inity)?|nan)/iy
const strictNumber = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]*)?(?:[eE][-+]?[0-9]+)?/y

class Decoder {
  readonly #machine: LuaMachine
  readonly #thread: State
  readonly #settings: Settings
  /** One character for each byte. */
  readonly #text: string
  #at = 0
  #token: Token = 'invalid'
  #tokenAt = 0
  #string = ''
  #number = 0
  #isTrue = false

  constructor(machine: LuaMachine, thread: State, settings: Settings, text: string) {
    this.#machine = machine
    this.#thread = thread
    this.#settings = settings
    this.#text = text
  }

  /** Pushes the value. */
  decode(): void {
    this.#next()
    this.#value(0)
    this.#next()
    if (this.#token !== 'end') throw this.#expected('the end')
  }

  #expected(what: string): LuaFailure {
    const found = tokenNames[this.#token]
    return new LuaFailure(`Expected ${what} but found ${found} at character ${this.#tokenAt + 1}`)
  }

  /** Answers the token that is at hand now. */
  #next(): Token {
    this.#readToken()
    return this.#token
  }

  #readToken(): void {
    const text = this.#text
    while (this.#at < text.length && ' \t\n\r'.includes(text[this.#at]!)) this.#at++
    this.#tokenAt = this.#at
    const first = text[this.#at]
    if (first === undefined) {
      this.#token = 'end'
    } else if ('{}[]:,'.includes(first)) {
      this.#token = first as Token
      this.#at++
    } else if (first === '"') {
      this.#readString()
    } else if (
      !this.#readWord('true', 'boolean') &&
      !this.#readWord('false', 'boolean') &&
      !this.#readWord('null', 'null')
    ) {
      this.#readNumber()
    }
  }

  #readWord(word: string, token: Token): boolean {
    if (!this.#text.startsWith(word, this.#at)) return false
    this.#at += word.length
    this.#token = token
    this.#isTrue = word === 'true'
    return true
  }

  #readNumber(): void {
    const pattern = this.#settings.decodeInvalid ? number : strictNumber
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)?.[0]
    if (found === undefined) {
      this.#token = 'invalid'
      return
    }
    this.#at += found.length
    this.#token = 'number'
    this.#number = toNumber(found)
  }

  #readString(): void {
    const text = this.#text
    const parts: string[] = []
    let at = this.#at + 1
    let from = at
    for (;;) {
      const code = text.charCodeAt(at)
      if (code === 0x22) break
      if (Number.isNaN(code)) return this.#failAt(text.length, 'unexpected end of string')
      if (code < 0x20 && code === 0) return this.#failAt(at, 'invalid token')
      if (code !== 0x5c) {
        at++
        continue
      }
      parts.push(text.slice(from, at))
      const plain = { b: '\b', t: '\t', n: '\n', f: '\f', r: '\r', '"': '"', '/': '/', '\\': '\\' }[text[at + 1] ?? '']
      if (plain !== undefined) {
        parts.push(plain)
        at += 2
      } else if (text[at + 1] === 'u') {
        const { bytes, end } = this.#unicode(at)
        parts.push(bytes)
        at = end
      } else {
        throw new LuaFailure(`Expected value but found invalid escape code at character ${at + 1}`)
      }
      from = at
    }
    parts.push(text.slice(from, at))
    charge(4 * (at - this.#at))
    this.#string = parts.join('')
    this.#token = 'string'
    this.#at = at + 1
  }

  #failAt(at: number, what: string): never {
    throw new LuaFailure(`Expected value but found ${what} at character ${at + 1}`)
  }

  #unit(at: number): number {
    const digits = this.#text.slice(at + 2, at + 6)
    return this.#text.startsWith('\\u', at) && /^[0-9a-fA-F]{4}$/.test(digits) ? Number.parseInt(digits, 16) : -1
  }

  #unicode(at: number): { bytes: string; end: number } {
    const first = this.#unit(at)
    if (first < 0) this.#failAt(at, 'invalid unicode escape code')
    if (first < 0xd800 || first > 0xdfff) return { bytes: utf8(first), end: at + 6 }
    const second = this.#unit(at + 6)
    if (first > 0xdbff || second < 0xdc00 || second > 0xdfff) this.#failAt(at, 'invalid unicode escape code')
    return { bytes: utf8(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)), end: at + 12 }
  }

  #value(depth: number): void {
    const { lua } = this.#machine
    charge(100)
    if (this.#token === 'string') this.#pushString()
    else if (this.#token === 'number') lua.lua_pushnumber(this.#thread, this.#number)
    else if (this.#token === 'boolean') lua.lua_pushboolean(this.#thread, this.#isTrue ? 1 : 0)
    else if (this.#token === 'null') lua.lua_pushlightuserdata(this.#thread, 0)
    else if (this.#token === '{') this.#object(this.#deeper(depth))
    else if (this.#token === '[') this.#array(this.#deeper(depth))
    else throw this.#expected('value')
  }

  #deeper(depth: number): number {
    if (depth + 1 > this.#settings.decodeDepth || this.#machine.lua.lua_checkstack(this.#thread, 3) === 0) {
      throw new LuaFailure(`Found too many nested data structures (${depth + 1})`)
    }
    this.#machine.lua.lua_createtable(this.#thread, 0, 0)
    return depth + 1
  }

  #pushString(): void {
    const bytes = Buffer.from(this.#string, 'latin1')
    this.#machine.pushBytes(this.#thread, { bytes, start: 0, end: bytes.length })
  }

  #array(depth: number): void {
    if (this.#next() === ']') return
    for (let i = 1; ; i++) {
      this.#value(depth)
      this.#machine.lua.lua_rawseti(this.#thread, -2, i)
      const behind = this.#next()
      if (behind === ']') return
      if (behind !== ',') throw this.#expected('comma or array end')
      this.#next()
    }
  }

  #object(depth: number): void {
    let token = this.#next()
    if (token === '}') return
    for (;;) {
      if (token !== 'string') throw this.#expected('object key string')
      this.#pushString()
      if (this.#next() !== ':') throw this.#expected('colon')
      this.#next()
      this.#value(depth)
      this.#machine.lua.lua_rawset(this.#thread, -3)
      const behind = this.#next()
      if (behind === '}') return
      if (behind !== ',') throw this.#expected('comma or object end')
      token = this.#next()
    }
  }
}

function utf8(codePoint: number): string {
  return Buffer.from(String.fromCodePoint(codePoint)).toString('latin1')
}

function toNumber(text: string): number {
  const lower = text.toLowerCase()
  if (lower.includes('nan')) return Number.NaN
  if (lower.includes('inf')) return lower.startsWith('-') ? -Infinity : Infinity
  if (lower.startsWith('-0x')) return -Number(lower.slice(1))
  return Number(lower.replace('+0x', '0x'))
}

function needOne(machine: LuaMachine, thread: State, name: string): void {
  if (machine.lua.lua_gettop(thread) === 1) return
  throw new LuaFailure(`bad argument #1 to '${name}' (expected 1 argument)`)
}

function coders(settings: Settings): Record<string, LuaFunction> {
  return {
    encode: (machine, thread) => {
      needOne(machine, thread, 'encode')
      const written = new Encoder(machine, thread, settings).encode()
      machine.pushBytes(thread, { bytes: written.bytes, start: 0, end: written.end })
      return 1
    },
    decode: (machine, thread) => {
      needOne(machine, thread, 'decode')
      const text = sliceToLatin1(machine.needString(thread, 1, 'decode'))
      charge(text.length)
      if (text.length >= 2 && text.slice(0, 2).includes('\0')) {
        throw new LuaFailure('JSON parser does not support UTF-16 or UTF-32')
      }
      new Decoder(machine, thread, settings, text).decode()
      return 1
    },
  }
}

function integerSetting(
  settings: Settings,
  key: 'encodeDepth' | 'decodeDepth' | 'precision',
  most: number,
): LuaFunction {
  return (machine, thread) => {
    const { lua } = machine
    if (lua.lua_gettop(thread) > 0 && lua.lua_type(thread, 1) !== luaType.nil) {
      const value = lua.lua_tonumber(thread, 1)
      if (!(value >= 1 && value <= most)) {
        throw new LuaFailure(`bad argument #1 to '?' (expected integer between 1 and ${most})`)
      }
      settings[key] = Math.trunc(value)
    }
    lua.lua_pushnumber(thread, settings[key])
    return 1
  }
}

function flagSetting(settings: Settings, key: 'keepBuffer' | 'decodeInvalid' | 'encodeInvalid'): LuaFunction {
  return (machine, thread) => {
    const { lua } = machine
    if (lua.lua_type(thread, 1) === luaType.boolean) settings[key] = lua.lua_toboolean(thread, 1) !== 0
    else if (key === 'encodeInvalid' && machine.textAt(thread, 1) === 'null') settings.encodeInvalid = 'null'
    const value = settings[key]
    if (value === 'null') machine.pushText(thread, value)
    else lua.lua_pushboolean(thread, value ? 1 : 0)
    return 1
  }
}

function sparseSetting(settings: Settings): LuaFunction {
  return (machine, thread) => {
    const { lua } = machine
    if (lua.lua_type(thread, 1) === luaType.boolean) settings.sparseConvert = lua.lua_toboolean(thread, 1) !== 0
    if (lua.lua_type(thread, 2) === luaType.number) settings.sparseRatio = lua.lua_tonumber(thread, 2)
    if (lua.lua_type(thread, 3) === luaType.number) settings.sparseSafe = lua.lua_tonumber(thread, 3)
    lua.lua_pushboolean(thread, settings.sparseConvert ? 1 : 0)
    lua.lua_pushnumber(thread, settings.sparseRatio)
    lua.lua_pushnumber(thread, settings.sparseSafe)
    return 3
  }
}

/** Beside the functions. */
function pushConstants(machine: LuaMachine, thread: State): void {
  const { lua } = machine
  lua.lua_pushlightuserdata(thread, 0)
  lua.lua_setfield(thread, -2, machine.name('null'))
  for (const [name, value] of Object.entries({ _NAME: 'cjson', _VERSION: '2.1.0' })) {
    machine.pushText(thread, value)
    lua.lua_setfield(thread, -2, machine.name(name))
  }
}

/** With settings of its own: they belong to an interpreter, as in Redis. */
export function createCjson(): {
  readonly functions: Readonly<Record<string, LuaFunction>>
  readonly more: (machine: LuaMachine, thread: State) => void
} {
  const settings: Settings = {
    encodeDepth: 1000,
    decodeDepth: 1000,
    precision: 14,
    keepBuffer: true,
    encodeInvalid: false,
    decodeInvalid: true,
    sparseConvert: false,
    sparseRatio: 2,
    sparseSafe: 10,
  }
  const functions = {
    ...coders(settings),
    encode_sparse_array: sparseSetting(settings),
    encode_max_depth: integerSetting(settings, 'encodeDepth', mostDepth),
    decode_max_depth: integerSetting(settings, 'decodeDepth', mostDepth),
    encode_number_precision: integerSetting(settings, 'precision', 14),
    encode_keep_buffer: flagSetting(settings, 'keepBuffer'),
    encode_invalid_numbers: flagSetting(settings, 'encodeInvalid'),
    decode_invalid_numbers: flagSetting(settings, 'decodeInvalid'),
  }
  return { functions, more: pushConstants }
}
