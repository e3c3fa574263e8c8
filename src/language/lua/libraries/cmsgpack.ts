/** lua-cmsgpack, as Redis brings it: Lua values in MessagePack and back. Strings are written as such, whatever their bytes. */
import { ByteWriter } from '../../../base/bytes.ts'
import { copySlice } from '../../../base/slice.ts'
import { charge } from '../../../base/work.ts'
import type { LuaFunction, LuaMachine } from '../machine.ts'
import { LuaFailure, luaType } from '../values.ts'
import type { State } from '../wasm.ts'

/** Deeper tables are written as nil. */
const mostNesting = 16
const mostUnpackDepth = 200

class Packer {
  readonly out: ByteWriter = new ByteWriter(256)
  readonly #machine: LuaMachine
  readonly #thread: State

  constructor(machine: LuaMachine, thread: State) {
    this.#machine = machine
    this.#thread = thread
  }

  /** The value on top, which stays there. */
  value(level: number): void {
    const { lua } = this.#machine
    const thread = this.#thread
    const type = lua.lua_type(thread, -1)
    charge(50)
    if (type === luaType.string) this.#string()
    else if (type === luaType.boolean) this.out.u8(lua.lua_toboolean(thread, -1) === 0 ? 0xc2 : 0xc3)
    else if (type === luaType.number) this.#number(lua.lua_tonumber(thread, -1))
    else if (type === luaType.table && level < mostNesting) this.#table(level)
    else this.out.u8(0xc0)
  }

  #string(): void {
    const text = this.#machine.stringAt(this.#thread, -1)!
    const length = text.end - text.start
    const { out } = this
    charge(length)
    if (length < 32) out.u8(0xa0 | length)
    else if (length <= 0xff) {
      out.u8(0xd9)
      out.u8(length)
    } else if (length <= 0xffff) {
      out.u8(0xda)
      out.u16be(length)
    } else {
      out.u8(0xdb)
      out.u32be(length)
    }
    out.slice(text)
  }

  #number(value: number): void {
    if (!Number.isInteger(value) || Math.abs(value) >= 2 ** 63) this.#double(value)
    else if (value >= 0) this.#positive(value)
    else this.#negative(value)
  }

  /** As a float where that is exact. */
  #double(value: number): void {
    const bytes = Buffer.alloc(8)
    if (Math.fround(value) === value) {
      bytes.writeFloatBE(value)
      this.out.u8(0xca)
      this.out.copy(bytes, 0, 4)
    } else {
      bytes.writeDoubleBE(value)
      this.out.u8(0xcb)
      this.out.copy(bytes, 0, 8)
    }
  }

  #positive(value: number): void {
    const { out } = this
    if (value <= 127) out.u8(value)
    else if (value <= 0xff) {
      out.u8(0xcc)
      out.u8(value)
    } else if (value <= 0xffff) {
      out.u8(0xcd)
      out.u16be(value)
    } else if (value <= 0xffff_ffff) {
      out.u8(0xce)
      out.u32be(value)
    } else this.#long(0xcf, value)
  }

  #negative(value: number): void {
    const { out } = this
    if (value >= -32) out.u8(value & 0xff)
    else if (value >= -128) {
      out.u8(0xd0)
      out.u8(value & 0xff)
    } else if (value >= -32_768) {
      out.u8(0xd1)
      out.u16be(value & 0xffff)
    } else if (value >= -2_147_483_648) {
      out.u8(0xd2)
      out.u32be(value >>> 0)
    } else this.#long(0xd3, value)
  }

  #long(tag: number, value: number): void {
    const bytes = Buffer.alloc(8)
    bytes.writeBigUInt64BE(BigInt.asUintN(64, BigInt(value)))
    this.out.u8(tag)
    this.out.copy(bytes, 0, 8)
  }

  #table(level: number): void {
    const { lua } = this.#machine
    const thread = this.#thread
    this.#machine.needStack(thread, 3)
    const keys = this.#machine.arrayKeys(thread)
    if (keys !== undefined && keys.greatest === keys.count) {
      const length = keys.count
      this.#head(length, 0x90, 0xdc)
      for (let i = 1; i <= length; i++) {
        lua.lua_rawgeti(thread, -1, i)
        this.value(level + 1)
        lua.lua_settop(thread, -2)
      }
      return
    }
    let count = 0
    for (lua.lua_pushnil(thread); lua.lua_next(thread, -2) !== 0; lua.lua_settop(thread, -2)) count++
    this.#head(count, 0x80, 0xde)
    for (lua.lua_pushnil(thread); lua.lua_next(thread, -2) !== 0; lua.lua_settop(thread, -2)) {
      lua.lua_pushvalue(thread, -2)
      this.value(level + 1)
      lua.lua_settop(thread, -2)
      this.value(level + 1)
    }
  }

  #head(count: number, short: number, tag: number): void {
    const { out } = this
    if (count <= 15) out.u8(short | count)
    else if (count <= 0xffff) {
      out.u8(tag)
      out.u16be(count)
    } else {
      out.u8(tag + 1)
      out.u32be(count)
    }
  }
}

class Unpacker {
  at: number
  readonly #machine: LuaMachine
  readonly #thread: State
  readonly #bytes: Buffer

  constructor(machine: LuaMachine, thread: State, bytes: Buffer, at: number) {
    this.#machine = machine
    this.#thread = thread
    this.#bytes = bytes
    this.at = at
  }

  get isAtEnd(): boolean {
    return this.at >= this.#bytes.length
  }

  #take(count: number): number {
    const { at } = this
    if (this.#bytes.length - at < count) throw new LuaFailure('Missing bytes in input.')
    this.at += count
    return at
  }

  #unsigned(bytes: number): number {
    return this.#bytes.readUIntBE(this.#take(bytes), bytes)
  }

  /** Pushes the next value. */
  value(depth: number): void {
    const { lua } = this.#machine
    const thread = this.#thread
    charge(80)
    this.#machine.needStack(thread, 3)
    const tag = this.#unsigned(1)
    if (tag <= 0x7f) lua.lua_pushnumber(thread, tag)
    else if (tag >= 0xe0) lua.lua_pushnumber(thread, tag - 256)
    else if (tag <= 0x8f) this.#map(tag & 15, depth)
    else if (tag <= 0x9f) this.#array(tag & 15, depth)
    else if (tag <= 0xbf) this.#string(tag & 31)
    else this.#tagged(tag, depth)
  }

  #tagged(tag: number, depth: number): void {
    const { lua } = this.#machine
    const thread = this.#thread
    const bytes = this.#bytes
    if (tag === 0xc0) lua.lua_pushnil(thread)
    else if (tag === 0xc2 || tag === 0xc3) lua.lua_pushboolean(thread, tag & 1)
    else if (tag === 0xca) lua.lua_pushnumber(thread, bytes.readFloatBE(this.#take(4)))
    else if (tag === 0xcb) lua.lua_pushnumber(thread, bytes.readDoubleBE(this.#take(8)))
    else if (tag >= 0xcc && tag <= 0xce) lua.lua_pushnumber(thread, this.#unsigned(2 ** (tag - 0xcc)))
    else if (tag === 0xcf) lua.lua_pushnumber(thread, Number(bytes.readBigUInt64BE(this.#take(8))))
    else if (tag >= 0xd0 && tag <= 0xd2) {
      const size = 2 ** (tag - 0xd0)
      lua.lua_pushnumber(thread, bytes.readIntBE(this.#take(size), size))
    } else if (tag === 0xd3) lua.lua_pushnumber(thread, Number(bytes.readBigInt64BE(this.#take(8))))
    else if (tag === 0xc4 || tag === 0xd9) this.#string(this.#unsigned(1))
    else if (tag === 0xc5 || tag === 0xda) this.#string(this.#unsigned(2))
    else if (tag === 0xc6 || tag === 0xdb) this.#string(this.#unsigned(4))
    else if (tag === 0xdc) this.#array(this.#unsigned(2), depth)
    else if (tag === 0xdd) this.#array(this.#unsigned(4), depth)
    else if (tag === 0xde) this.#map(this.#unsigned(2), depth)
    else if (tag === 0xdf) this.#map(this.#unsigned(4), depth)
    else throw new LuaFailure('Bad data format in input.')
  }

  #string(length: number): void {
    const start = this.#take(length)
    charge(length)
    this.#machine.pushBytes(this.#thread, { bytes: this.#bytes, start, end: start + length })
  }

  #checkDepth(depth: number): void {
    if (depth >= mostUnpackDepth) throw new LuaFailure('Bad data format in input.')
  }

  #array(count: number, depth: number): void {
    this.#checkDepth(depth)
    const { lua } = this.#machine
    lua.lua_createtable(this.#thread, 0, 0)
    for (let i = 1; i <= count; i++) {
      this.value(depth + 1)
      lua.lua_rawseti(this.#thread, -2, i)
    }
  }

  /** Lua has no key that is nil or not a number. */
  #isKey(at: number): boolean {
    const { lua } = this.#machine
    const type = lua.lua_type(this.#thread, at)
    return type !== luaType.nil && (type !== luaType.number || !Number.isNaN(lua.lua_tonumber(this.#thread, at)))
  }

  #map(count: number, depth: number): void {
    this.#checkDepth(depth)
    const { lua } = this.#machine
    lua.lua_createtable(this.#thread, 0, 0)
    for (let i = 0; i < count; i++) {
      this.value(depth + 1)
      this.value(depth + 1)
      if (!this.#isKey(-2)) throw new LuaFailure('Bad data format in input.')
      lua.lua_rawset(this.#thread, -3)
    }
  }
}

function given(machine: LuaMachine, thread: State): Buffer {
  return Buffer.from(copySlice(machine.needString(thread, 1, 'unpack')).buffer)
}

function pack(machine: LuaMachine, thread: State): number {
  const { lua } = machine
  const count = lua.lua_gettop(thread)
  if (count === 0) throw new LuaFailure("bad argument #0 to 'pack' (MessagePack pack needs input.)")
  machine.needStack(thread, count)
  const packer = new Packer(machine, thread)
  for (let i = 1; i <= count; i++) {
    lua.lua_pushvalue(thread, i)
    packer.value(0)
    lua.lua_settop(thread, -2)
  }
  machine.pushBytes(thread, { bytes: packer.out.bytes, start: 0, end: packer.out.end })
  return 1
}

/** At most `limit` values from `offset` on; `limit` 0: all, and no offset is answered. */
function unpackSome(machine: LuaMachine, thread: State, limit: number, offset: number): number {
  const bytes = given(machine, thread)
  if (limit < 0 || offset < 0) {
    throw new LuaFailure(`Invalid request to unpack with offset of ${offset} and limit of ${bytes.length}.`)
  }
  if (offset > bytes.length) {
    throw new LuaFailure(`Start offset ${offset} greater than input length ${bytes.length}.`)
  }
  const unpacker = new Unpacker(machine, thread, bytes, offset)
  const most = limit === 0 ? Infinity : limit
  let count = 0
  for (; count < most && !unpacker.isAtEnd; count++) unpacker.value(0)
  if (limit === 0) return count
  machine.needStack(thread, 1)
  machine.lua.lua_pushnumber(thread, unpacker.isAtEnd ? -1 : unpacker.at)
  machine.lua.lua_insert(thread, -1 - count)
  return count + 1
}

const optional = (machine: LuaMachine, thread: State, at: number): number =>
  machine.lua.lua_gettop(thread) >= at ? Math.trunc(machine.lua.lua_tonumber(thread, at)) : 0

export const cmsgpackLibrary: Readonly<Record<string, LuaFunction>> = {
  pack,
  unpack: (machine, thread) => unpackSome(machine, thread, 0, 0),
  unpack_one: (machine, thread) => unpackSome(machine, thread, 1, optional(machine, thread, 2)),
  unpack_limit: (machine, thread) =>
    unpackSome(machine, thread, optional(machine, thread, 2), optional(machine, thread, 3)),
}
