/** Roberto Ierusalimschy's `struct` 0.2, as Redis brings it: values in C's layouts and back. */
import { ByteWriter } from '../../../base/bytes.ts'
import { copySlice, sliceToLatin1 } from '../../../base/slice.ts'
import { charge } from '../../../base/work.ts'
import type { LuaFunction, LuaMachine } from '../machine.ts'
import { LuaFailure, luaType } from '../values.ts'
import type { State } from '../wasm.ts'

const mostIntegerBytes = 32
const nativeAlignment = 8
const longest = 2 ** 31 - 1

/** Reads a format letter by letter, with the byte order and the alignment that it has set. */
class Format {
  isLittle = true
  alignment = 1
  readonly #text: string
  readonly #of: string
  #at = 0

  /** `of`: the function that was given it. */
  constructor(text: string, of: string) {
    this.#text = text
    this.#of = of
  }

  /** The next letter, or undefined at the end. */
  next(): string | undefined {
    return this.#text[this.#at++]
  }

  /** Digits behind a letter. */
  #number(otherwise: number): number {
    const digits = /^[0-9]+/.exec(this.#text.slice(this.#at, this.#at + 12))?.[0]
    if (digits === undefined) return otherwise
    this.#at += digits.length
    const value = Number(digits)
    if (value > longest) throw new LuaFailure('integral size overflow')
    return value
  }

  /** Bytes of what the letter stands for; 0 where it depends on the value, or has none. */
  size(letter: string): number {
    switch (letter) {
      case 'b':
      case 'B':
      case 'x':
        return 1
      case 'h':
      case 'H':
        return 2
      case 'l':
      case 'L':
      case 'T':
      case 'd':
        return 8
      case 'f':
        return 4
      case 'c':
        return this.#number(1)
      case 'i':
      case 'I': {
        const size = this.#number(4)
        if (size > mostIntegerBytes) {
          throw new LuaFailure(`integral size ${size} is larger than limit of ${mostIntegerBytes}`)
        }
        return size
      }
      default:
        return 0
    }
  }

  /** Bytes to be left out before something of this size. */
  padding(letter: string, size: number, at: number): number {
    if (size === 0 || letter === 'c' || letter === 'x') return 0
    const align = Math.min(size, this.alignment)
    return align > 1 ? (align - (at & (align - 1))) & (align - 1) : 0
  }

  /** A letter that sets something, or is unknown. */
  control(letter: string): void {
    if (letter === ' ') return
    if (letter === '>') this.isLittle = false
    else if (letter === '<') this.isLittle = true
    else if (letter === '!') {
      const alignment = this.#number(nativeAlignment)
      if (alignment === 0 || (alignment & (alignment - 1)) !== 0) throw new LuaFailure('alignment is not a power of 2')
      this.alignment = alignment
    } else throw new LuaFailure(`bad argument #1 to '${this.#of}' (invalid format option '${letter}')`)
  }
}

function formatAt(machine: LuaMachine, thread: State, name: string): Format {
  return new Format(sliceToLatin1(machine.needString(thread, 1, name)), name)
}

const integers = 'bBhHlLTiI'

function pack(machine: LuaMachine, thread: State): number {
  const format = formatAt(machine, thread, 'pack')
  const out = new ByteWriter(64)
  let given = 2
  for (let letter = format.next(); letter !== undefined; letter = format.next()) {
    const size = format.size(letter)
    for (let pad = format.padding(letter, size, out.end); pad > 0; pad--) out.u8(0)
    charge(50)
    if (integers.includes(letter)) writeInteger(out, machine.needNumber(thread, given++, 'pack'), size, format.isLittle)
    else if (letter === 'x') out.u8(0)
    else if (letter === 'f' || letter === 'd') {
      writeFloat(out, machine.needNumber(thread, given++, 'pack'), letter, format.isLittle)
    } else if (letter === 'c' || letter === 's') {
      const text = machine.needString(thread, given, 'pack')
      const length = text.end - text.start
      const wanted = letter === 's' || size === 0 ? length : size
      if (length < wanted) throw new LuaFailure(`bad argument #${given} to 'pack' (string too short)`)
      out.copy(text.bytes, text.start, text.start + wanted)
      if (letter === 's') out.u8(0)
      given++
    } else format.control(letter)
  }
  machine.pushBytes(thread, { bytes: out.bytes, start: 0, end: out.end })
  return 1
}

function writeInteger(out: ByteWriter, value: number, size: number, isLittle: boolean): void {
  // As C does: a cast to a 64-bit integer, whose bytes are all there are.
  const bits = BigInt.asUintN(64, Number.isFinite(value) ? BigInt(Math.trunc(value)) : 1n << 63n)
  const bytes = Array.from({ length: size }, (_, i) => (i < 8 ? Number((bits >> BigInt(8 * i)) & 0xffn) : 0))
  for (const byte of isLittle ? bytes : bytes.reverse()) out.u8(byte)
}

function writeFloat(out: ByteWriter, value: number, letter: 'f' | 'd', isLittle: boolean): void {
  const bytes = Buffer.alloc(letter === 'f' ? 4 : 8)
  if (letter === 'f') bytes.writeFloatLE(value)
  else bytes.writeDoubleLE(value)
  if (!isLittle) bytes.reverse()
  out.copy(bytes, 0, bytes.length)
}

function readInteger(bytes: Uint8Array, at: number, size: number, isLittle: boolean, isSigned: boolean): number {
  let value = 0n
  for (let i = 0; i < size; i++) value = (value << 8n) | BigInt(bytes[isLittle ? at + size - 1 - i : at + i]!)
  return Number(isSigned ? BigInt.asIntN(8 * Math.min(size, 8), value) : BigInt.asUintN(64, value))
}

function unpack(machine: LuaMachine, thread: State): number {
  const { lua } = machine
  const format = formatAt(machine, thread, 'unpack')
  const bytes = Buffer.from(copySlice(machine.needString(thread, 2, 'unpack')).buffer)
  const start = lua.lua_gettop(thread) >= 3 ? Math.trunc(lua.lua_tonumber(thread, 3)) : 1
  if (!(start >= 1)) throw new LuaFailure("bad argument #3 to 'unpack' (offset must be 1 or greater)")
  let at = start - 1
  let count = 0
  lua.lua_settop(thread, 2)
  const need = (size: number): void => {
    if (at + size > bytes.length) throw new LuaFailure("bad argument #2 to 'unpack' (data string too short)")
  }
  for (let letter = format.next(); letter !== undefined; letter = format.next()) {
    let size = format.size(letter)
    at += format.padding(letter, size, at)
    need(size)
    machine.needStack(thread, 2)
    charge(50)
    count++
    if (integers.includes(letter)) {
      const isSigned = letter >= 'a'
      lua.lua_pushnumber(thread, readInteger(bytes, at, size, format.isLittle, isSigned))
    } else if (letter === 'f' || letter === 'd') {
      const part = Buffer.from(bytes.subarray(at, at + size))
      if (!format.isLittle) part.reverse()
      lua.lua_pushnumber(thread, letter === 'f' ? part.readFloatLE() : part.readDoubleLE())
    } else if (letter === 'c') {
      if (size === 0) {
        if (count === 1 || lua.lua_type(thread, -1) !== luaType.number) {
          throw new LuaFailure("format 'c0' needs a previous size")
        }
        size = Math.trunc(lua.lua_tonumber(thread, -1))
        lua.lua_settop(thread, -2)
        count--
        if (!(size >= 0)) throw new LuaFailure("bad argument #2 to 'unpack' (data string too short)")
        need(size)
      }
      machine.pushBytes(thread, { bytes, start: at, end: at + size })
    } else if (letter === 's') {
      const end = bytes.indexOf(0, at)
      if (end < 0) throw new LuaFailure('unfinished string in data')
      machine.pushBytes(thread, { bytes, start: at, end })
      size = end - at + 1
    } else {
      if (letter !== 'x') format.control(letter)
      count--
    }
    at += size
  }
  lua.lua_pushnumber(thread, at + 1)
  return count + 1
}

function size(machine: LuaMachine, thread: State): number {
  const format = formatAt(machine, thread, 'size')
  let total = 0
  for (let letter = format.next(); letter !== undefined; letter = format.next()) {
    const one = format.size(letter)
    total += format.padding(letter, one, total)
    if (letter === 's') throw new LuaFailure("bad argument #1 to 'size' (variable-size format in 'size')")
    if (letter === 'c' && one === 0) {
      throw new LuaFailure("bad argument #1 to 'size' (variable-length format in 'size')")
    }
    if (one === 0) format.control(letter)
    total += one
    if (total > longest) throw new LuaFailure('integral size overflow')
  }
  machine.lua.lua_pushnumber(thread, total)
  return 1
}

export const structLibrary: Readonly<Record<string, LuaFunction>> = { pack, unpack, size }
