/**
 * Replies as values of Lua, and values as replies, by the table of Redis's "Scripting with Lua":
 *
 *   reply                     Lua                          as the script's own reply
 *   integer                   number                       integer, without its fraction
 *   bulk string               string                       bulk string
 *   status, error             {ok = …}, {err = …}          status, error
 *   array                     table                        array, up to the first nil
 *   null                      false; nil in RESP3          null for nil and false (RESP2)
 *   boolean                   boolean                      1 for true; boolean in RESP3
 *   double, map, set          {double = …}, {map = …}, {set = …}
 *   big number, verbatim text {big_number = …}, {verbatim_string = {string = …, format = …}}
 */
import { decodeUtf8 } from '../../../base/bytes.ts'
import { charge, isTurnOver } from '../../../base/work.ts'
import type { StatementSteps } from '../../../database/contract.ts'
import type { LuaMachine } from '../../../language/lua/machine.ts'
import { LuaFailure, luaType } from '../../../language/lua/values.ts'
import type { State } from '../../../language/lua/wasm.ts'
import { formatDouble } from '../../../model/keyvalue/double-text.ts'
import { CommandError } from '../errors.ts'
import type { Reply } from '../reply.ts'

const carriageReturn = 0x0d

/** Reads one reply of ours and pushes what it is in Lua. */
export class ReplyPusher {
  readonly #machine: LuaMachine
  #thread: State = 0
  #bytes!: Uint8Array
  #at = 0

  constructor(machine: LuaMachine) {
    this.#machine = machine
  }

  push(thread: State, bytes: Uint8Array): void {
    this.#thread = thread
    this.#bytes = bytes
    this.#at = 0
    this.#value()
  }

  #line(): string {
    const start = this.#at
    const end = this.#bytes.indexOf(carriageReturn, start)
    this.#at = end + 2
    return decodeUtf8(this.#bytes, start, end)
  }

  /** Of a length, which is short. */
  #integer(): number {
    const bytes = this.#bytes
    let at = this.#at
    const isNegative = bytes[at] === 0x2d
    if (isNegative) at++
    let value = 0
    while (bytes[at] !== carriageReturn) value = value * 10 + bytes[at++]! - 0x30
    this.#at = at + 2
    return isNegative ? -value : value
  }

  #value(): void {
    const { lua } = this.#machine
    const thread = this.#thread
    this.#machine.needStack(thread, 4)
    const kind = this.#bytes[this.#at++]!
    switch (kind) {
      case 0x3a: // :
        lua.lua_pushnumber(thread, this.#integer())
        return
      case 0x24: // $
        this.#bulk()
        return
      case 0x2b: // +
        this.#field('ok', this.#line())
        return
      case 0x2d: // -
        this.#field('err', this.#line())
        return
      case 0x2a: // *
        this.#array(this.#integer())
        return
      case 0x5f: // _
        this.#line()
        lua.lua_pushnil(thread)
        return
      case 0x23: // #
        lua.lua_pushboolean(thread, this.#line() === 't' ? 1 : 0)
        return
      case 0x2c: // ,
        lua.lua_createtable(thread, 0, 1)
        lua.lua_pushnumber(thread, doubleOf(this.#line()))
        lua.lua_setfield(thread, -2, this.#machine.name('double'))
        return
      case 0x28: // (
        this.#field('big_number', this.#line())
        return
      case 0x25: // %
        this.#entries('map', this.#integer(), () => this.#value())
        return
      case 0x7e: // ~
        this.#entries('set', this.#integer(), () => lua.lua_pushboolean(thread, 1))
        return
      case 0x3d: // =
        this.#verbatim()
        return
      default:
        throw new Error(`a reply begins with ${kind}`)
    }
  }

  #bulk(): void {
    const length = this.#integer()
    if (length < 0) {
      this.#machine.lua.lua_pushboolean(this.#thread, 0)
      return
    }
    const start = this.#at
    this.#at = start + length + 2
    charge(length)
    this.#machine.pushBytes(this.#thread, { bytes: this.#bytes, start, end: start + length })
  }

  #field(name: string, value: string): void {
    const machine = this.#machine
    machine.lua.lua_createtable(this.#thread, 0, 1)
    machine.pushText(this.#thread, value)
    machine.lua.lua_setfield(this.#thread, -2, machine.name(name))
  }

  #array(count: number): void {
    const { lua } = this.#machine
    if (count < 0) {
      lua.lua_pushboolean(this.#thread, 0)
      return
    }
    charge(50 * count)
    lua.lua_createtable(this.#thread, count, 0)
    for (let i = 1; i <= count; i++) {
      this.#value()
      lua.lua_rawseti(this.#thread, -2, i)
    }
  }

  #entries(name: string, count: number, pushValue: () => void): void {
    const { lua } = this.#machine
    const thread = this.#thread
    charge(100 * count)
    lua.lua_createtable(thread, 0, 1)
    lua.lua_createtable(thread, 0, count)
    for (let i = 0; i < count; i++) {
      this.#value()
      pushValue()
      lua.lua_rawset(thread, -3)
    }
    lua.lua_setfield(thread, -2, this.#machine.name(name))
  }

  #verbatim(): void {
    const machine = this.#machine
    const length = this.#integer()
    const start = this.#at
    this.#at = start + length + 2
    machine.lua.lua_createtable(this.#thread, 0, 1)
    machine.lua.lua_createtable(this.#thread, 0, 2)
    machine.pushBytes(this.#thread, { bytes: this.#bytes, start, end: start + 3 })
    machine.lua.lua_setfield(this.#thread, -2, machine.name('format'))
    machine.pushBytes(this.#thread, { bytes: this.#bytes, start: start + 4, end: start + length })
    machine.lua.lua_setfield(this.#thread, -2, machine.name('string'))
    machine.lua.lua_setfield(this.#thread, -2, machine.name('verbatim_string'))
  }
}

function doubleOf(text: string): number {
  return text === 'inf' ? Infinity : text === '-inf' ? -Infinity : Number(text)
}

const mostDepth = 100
const itemUnits = 250

/** Writes the value at the bottom of the thread's stack; pauses where it is large. */
export function writeValue(
  machine: LuaMachine,
  thread: State,
  reply: Reply,
  protocol: number,
): StatementSteps<void> | void {
  const { lua } = machine
  if (lua.lua_gettop(thread) === 0) lua.lua_pushnil(thread)
  lua.lua_settop(thread, 1)
  const writer = new ValueWriter(machine, thread, reply, protocol)
  return lua.lua_type(thread, 1) === luaType.table ? writer.table(0) : writer.scalar()
}

class ValueWriter {
  readonly #machine: LuaMachine
  readonly #thread: State
  readonly #reply: Reply
  /** The script's, which `redis.setresp` sets. */
  readonly #protocol: number

  constructor(machine: LuaMachine, thread: State, reply: Reply, protocol: number) {
    this.#protocol = protocol
    this.#machine = machine
    this.#thread = thread
    this.#reply = reply
  }

  /** The value on top, which stays there. */
  scalar(): void {
    const { lua } = this.#machine
    const thread = this.#thread
    const reply = this.#reply
    const type = lua.lua_type(thread, -1)
    if (type === luaType.string) reply.bulk(this.#machine.stringAt(thread, -1)!)
    else if (type === luaType.number) reply.integer(integerOf(lua.lua_tonumber(thread, -1)))
    else if (type !== luaType.boolean) reply.null()
    else if (this.#protocol === 3) reply.boolean(lua.lua_toboolean(thread, -1) !== 0)
    else if (lua.lua_toboolean(thread, -1) === 0) reply.null()
    else reply.integer(1)
  }

  /** Steps where it is a table. */
  #value(depth: number): StatementSteps<void> | undefined {
    charge(itemUnits)
    if (this.#machine.lua.lua_type(this.#thread, -1) === luaType.table) return this.table(depth)
    this.scalar()
    return undefined
  }

  /** Pushes a field of the table on top: whether it has the type; else it is popped again. */
  #has(name: string, type: number): boolean {
    const { lua } = this.#machine
    this.#machine.pushText(this.#thread, name)
    lua.lua_rawget(this.#thread, -2)
    if (lua.lua_type(this.#thread, -1) === type) return true
    lua.lua_settop(this.#thread, -2)
    return false
  }

  #pop(): void {
    this.#machine.lua.lua_settop(this.#thread, -2)
  }

  *table(depth: number): StatementSteps<void> {
    const machine = this.#machine
    const { lua } = machine
    const thread = this.#thread
    const reply = this.#reply
    if (depth > mostDepth || lua.lua_checkstack(thread, 6) === 0) {
      throw new CommandError('ERR reached lua stack limit')
    }
    if (this.#has('err', luaType.string)) {
      reply.error(this.#line())
    } else if (this.#has('ok', luaType.string)) {
      reply.status(this.#line())
    } else if (this.#has('double', luaType.number)) {
      reply.double(formatDouble(lua.lua_tonumber(thread, -1)))
    } else if (this.#has('map', luaType.table)) {
      reply.map(this.#count())
      yield* this.#entries(depth, true)
    } else if (this.#has('set', luaType.table)) {
      reply.set(this.#count())
      yield* this.#entries(depth, false)
    } else if (this.#has('big_number', luaType.string)) {
      const digits = this.#text().replace(/[\r\n]/g, ' ')
      if (reply.protocol === 3) reply.bigNumber(digits)
      else reply.bulkText(digits)
    } else if (this.#has('verbatim_string', luaType.table)) {
      if (this.#has('string', luaType.string)) {
        reply.verbatim(this.#text())
        this.#pop()
      } else reply.null()
    } else {
      return yield* this.#array(depth)
    }
    this.#pop()
  }

  #text(): string {
    return this.#machine.textAt(this.#thread, -1)!
  }

  /** Of an error or a status, which end at the first zero byte, as in C. */
  #line(): string {
    return untilZero(this.#text()).replace(/[\r\n]/g, ' ')
  }

  #count(): number {
    const { lua } = this.#machine
    const thread = this.#thread
    let count = 0
    for (lua.lua_pushnil(thread); lua.lua_next(thread, -2) !== 0; this.#pop()) count++
    return count
  }

  *#entries(depth: number, withValues: boolean): StatementSteps<void> {
    const { lua } = this.#machine
    const thread = this.#thread
    lua.lua_pushnil(thread)
    while (lua.lua_next(thread, -2) !== 0) {
      // A copy: reading a number as text would change the key.
      lua.lua_pushvalue(thread, -2)
      const key = this.#value(depth + 1)
      if (key !== undefined) yield* key
      this.#pop()
      const value = withValues ? this.#value(depth + 1) : undefined
      if (value !== undefined) yield* value
      this.#pop()
      if (isTurnOver()) yield undefined
    }
  }

  /** Up to the first nil. */
  *#array(depth: number): StatementSteps<void> {
    const { lua } = this.#machine
    const thread = this.#thread
    let count = 0
    for (; ; count++) {
      lua.lua_rawgeti(thread, -1, count + 1)
      const isEnd = lua.lua_type(thread, -1) === luaType.nil
      this.#pop()
      if (isEnd) break
      charge(itemUnits)
      if (isTurnOver()) yield undefined
    }
    this.#reply.array(count)
    for (let i = 1; i <= count; i++) {
      lua.lua_rawgeti(thread, -1, i)
      const steps = this.#value(depth + 1)
      if (steps !== undefined) yield* steps
      this.#pop()
      if (isTurnOver()) yield undefined
    }
  }
}

export function untilZero(text: string): string {
  return text.split('\0', 1)[0]!
}

/** As C casts it. */
function integerOf(value: number): number | bigint {
  if (!Number.isFinite(value)) return -(2n ** 63n)
  const whole = Math.trunc(value)
  if (Number.isSafeInteger(whole)) return whole
  return Math.abs(whole) >= 2 ** 63 ? -(2n ** 63n) : BigInt(whole)
}

/** A script's error that is a reply: a table with `err`. */
export class ReplyFailure extends LuaFailure {
  override push(machine: LuaMachine, thread: State): void {
    pushErrorTable(machine, thread, this.message)
  }
}

export function pushErrorTable(machine: LuaMachine, thread: State, line: string): void {
  machine.lua.lua_createtable(thread, 0, 1)
  machine.pushText(thread, line)
  machine.lua.lua_setfield(thread, -2, machine.name('err'))
}
