/**
 * Lua's patterns: `string.find`, `match`, `gmatch` and `gsub` in place of the interpreter's own.
 *
 * Matching goes back over every choice, so a pattern of a few letters can take longer than the universe lasts
 * (`a-a-a-a-…b`), and what runs within the interpreter cannot be interrupted. Here the steps are counted: they are charged to
 * the turn, and a match that takes more than `mostSteps` is an error of the script.
 *
 * Subject and pattern are read where they lie in the interpreter's memory. Nothing moves them: they are on the stack.
 * The rules are those of Lua 5.1's reference manual, section 5.4.1.
 */
import { ByteWriter } from '../../base/bytes.ts'
import { charge } from '../../base/work.ts'
import type { LuaFunction, LuaMachine } from './machine.ts'
import { LuaFailure, luaType } from './values.ts'
import type { State } from './wasm.ts'

/** Of one call, some hundred milliseconds: nothing can pause in it. */
const mostSteps = 10_000_000
const stepUnits = 15
const mostCaptures = 32
/** Of calls within each other: about as many as a pattern has items. */
const mostDepth = 200

const unfinished = -1
const position = -2

const percent = 0x25
const specials = new Set(Buffer.from('^$*+?.([%-'))

const isDigit = (c: number): boolean => c >= 0x30 && c <= 0x39
const isLower = (c: number): boolean => c >= 0x61 && c <= 0x7a
const isUpper = (c: number): boolean => c >= 0x41 && c <= 0x5a
const isAlpha = (c: number): boolean => isLower(c) || isUpper(c)
const isGraphic = (c: number): boolean => c > 0x20 && c < 0x7f

const classes: Readonly<Record<string, (c: number) => boolean>> = {
  a: isAlpha,
  c: (c) => c < 0x20 || c === 0x7f,
  d: isDigit,
  l: isLower,
  p: (c) => isGraphic(c) && !isAlpha(c) && !isDigit(c),
  s: (c) => c === 0x20 || (c >= 9 && c <= 13),
  u: isUpper,
  w: (c) => isAlpha(c) || isDigit(c),
  x: (c) => isDigit(c) || (c >= 0x61 && c <= 0x66) || (c >= 0x41 && c <= 0x46),
  z: (c) => c === 0,
}

/** Whether the byte belongs to the class `%<letter>`. */
function isInClass(c: number, letter: number): boolean {
  const test = classes[String.fromCharCode(letter | 0x20)]
  if (test === undefined || !isAlpha(letter)) return letter === c
  return isLower(letter) ? test(c) : !test(c)
}

class Matcher {
  level = 0
  readonly starts: number[] = []
  readonly lengths: number[] = []
  readonly #memory: Uint8Array
  readonly #start: number
  readonly #end: number
  readonly #patternEnd: number
  #steps = 0
  #depth = 0

  constructor(memory: Uint8Array, start: number, end: number, patternEnd: number) {
    this.#memory = memory
    this.#start = start
    this.#end = end
    this.#patternEnd = patternEnd
  }

  /** Where a match of the pattern at `p` that begins at `s` ends; −1 where there is none. */
  matchAt(s: number, p: number): number {
    this.level = 0
    const before = this.#steps
    try {
      return this.#match(s, p)
    } finally {
      charge((this.#steps - before) * stepUnits)
    }
  }

  #step(): void {
    if (++this.#steps > mostSteps) throw new LuaFailure('pattern takes too many steps')
  }

  #match(from: number, pattern: number): number {
    if (++this.#depth > mostDepth) throw new LuaFailure('pattern too complex')
    try {
      return this.#items(from, pattern)
    } finally {
      this.#depth--
    }
  }

  #items(from: number, pattern: number): number {
    const memory = this.#memory
    let s = from
    let p = pattern
    while (p < this.#patternEnd) {
      this.#step()
      const c = memory[p]!
      if (c === 0x28)
        return memory[p + 1] === 0x29 && p + 1 < this.#patternEnd
          ? this.#open(s, p + 2, position)
          : this.#open(s, p + 1, unfinished)
      if (c === 0x29) return this.#close(s, p + 1)
      if (c === 0x24 && p + 1 === this.#patternEnd) return s === this.#end ? s : -1
      if (c === percent && p + 1 < this.#patternEnd) {
        const next = memory[p + 1]!
        if (next === 0x62) {
          s = this.#balanced(s, p + 2)
          if (s < 0) return -1
          p += 4
          continue
        }
        if (next === 0x66) {
          p += 2
          if (memory[p] !== 0x5b || p >= this.#patternEnd) throw new LuaFailure("missing '[' after '%f' in pattern")
          const end = this.#itemEnd(p)
          const before = s === this.#start ? 0 : memory[s - 1]!
          const at = s === this.#end ? 0 : memory[s]!
          if (this.#isInSet(before, p, end - 1) || !this.#isInSet(at, p, end - 1)) return -1
          p = end
          continue
        }
        if (isDigit(next)) {
          s = this.#again(s, next)
          if (s < 0) return -1
          p += 2
          continue
        }
      }
      const end = this.#itemEnd(p)
      const suffix = end < this.#patternEnd ? memory[end]! : 0
      if (suffix === 0x3f) {
        if (this.#fits(s, p, end)) {
          const found = this.#match(s + 1, end + 1)
          if (found >= 0) return found
        }
        p = end + 1
      } else if (suffix === 0x2a) return this.#longest(s, p, end)
      else if (suffix === 0x2b) return this.#fits(s, p, end) ? this.#longest(s + 1, p, end) : -1
      else if (suffix === 0x2d) return this.#shortest(s, p, end)
      else {
        if (!this.#fits(s, p, end)) return -1
        s++
        p = end
      }
    }
    return s
  }

  #itemEnd(item: number): number {
    const memory = this.#memory
    const end = this.#patternEnd
    let p = item + 1
    if (memory[item] === percent) {
      if (p >= end) throw new LuaFailure("malformed pattern (ends with '%')")
      return p + 1
    }
    if (memory[item] !== 0x5b) return p
    if (p < end && memory[p] === 0x5e) p++
    do {
      if (p >= end) throw new LuaFailure("malformed pattern (missing ']')")
      if (memory[p++] === percent && p < end) p++
    } while (p >= end || memory[p] !== 0x5d)
    return p + 1
  }

  /** Whether the byte at `s` fits the item. */
  #fits(s: number, p: number, end: number): boolean {
    if (s >= this.#end) return false
    const c = this.#memory[s]!
    const kind = this.#memory[p]!
    if (kind === 0x2e) return true
    if (kind === percent) return isInClass(c, this.#memory[p + 1]!)
    if (kind === 0x5b) return this.#isInSet(c, p, end - 1)
    return kind === c
  }

  /** Of the set from `[` at `p` to `]` at `last`. */
  #isInSet(c: number, open: number, last: number): boolean {
    const memory = this.#memory
    let p = open
    let found = true
    if (memory[p + 1] === 0x5e) {
      found = false
      p++
    }
    while (++p < last) {
      this.#step()
      if (memory[p] === percent) {
        p++
        if (isInClass(c, memory[p]!)) return found
      } else if (memory[p + 1] === 0x2d && p + 2 < last) {
        p += 2
        if (memory[p - 2]! <= c && c <= memory[p]!) return found
      } else if (memory[p] === c) return found
    }
    return !found
  }

  #balanced(s: number, p: number): number {
    if (p + 1 >= this.#patternEnd) throw new LuaFailure('unbalanced pattern')
    const memory = this.#memory
    if (s >= this.#end || memory[s] !== memory[p]) return -1
    const open = memory[p]!
    const close = memory[p + 1]!
    let depth = 1
    for (let at = s + 1; at < this.#end; at++) {
      this.#step()
      if (memory[at] === close) {
        if (--depth === 0) return at + 1
      } else if (memory[at] === open) depth++
    }
    return -1
  }

  #longest(s: number, p: number, end: number): number {
    let count = 0
    while (this.#fits(s + count, p, end)) {
      this.#step()
      count++
    }
    for (; count >= 0; count--) {
      const found = this.#match(s + count, end + 1)
      if (found >= 0) return found
    }
    return -1
  }

  #shortest(from: number, p: number, end: number): number {
    for (let s = from; ; s++) {
      const found = this.#match(s, end + 1)
      if (found >= 0) return found
      if (!this.#fits(s, p, end)) return -1
    }
  }

  #open(s: number, p: number, kind: number): number {
    const { level } = this
    if (level >= mostCaptures) throw new LuaFailure('too many captures')
    this.starts[level] = s
    this.lengths[level] = kind
    this.level = level + 1
    const found = this.#match(s, p)
    if (found < 0) this.level--
    return found
  }

  #close(s: number, p: number): number {
    let at = this.level - 1
    while (at >= 0 && this.lengths[at] !== unfinished) at--
    if (at < 0) throw new LuaFailure('invalid pattern capture')
    this.lengths[at] = s - this.starts[at]!
    const found = this.#match(s, p)
    if (found < 0) this.lengths[at] = unfinished
    return found
  }

  /** What a capture has found must come again. */
  #again(s: number, digit: number): number {
    const at = digit - 0x31
    if (at < 0 || at >= this.level || this.lengths[at] === unfinished) throw new LuaFailure('invalid capture index')
    const length = this.lengths[at]!
    if (length < 0 || this.#end - s < length) return -1
    for (let i = 0; i < length; i++) {
      this.#step()
      if (this.#memory[this.starts[at]! + i] !== this.#memory[s + i]) return -1
    }
    return s + length
  }
}

/** One call: the subject at 1, the pattern at 2. */
class Search {
  readonly start: number
  readonly end: number
  readonly pattern: number
  readonly patternEnd: number
  readonly machine: LuaMachine
  readonly thread: State
  /** The pattern begins with `^`. */
  readonly isAnchored: boolean
  readonly matcher: Matcher

  constructor(machine: LuaMachine, thread: State, name: string, subjectAt = 1, patternAt = 2) {
    this.machine = machine
    this.thread = thread
    const subject = machine.needString(thread, subjectAt, name)
    const pattern = machine.needString(thread, patternAt, name)
    this.start = subject.start
    this.end = subject.end
    this.isAnchored = pattern.end > pattern.start && machine.bytes[pattern.start] === 0x5e
    this.pattern = pattern.start
    this.patternEnd = pattern.end
    this.matcher = new Matcher(machine.bytes, this.start, this.end, this.patternEnd)
  }

  get items(): number {
    return this.isAnchored ? this.pattern + 1 : this.pattern
  }

  pushCapture(at: number, s: number, e: number): void {
    const { machine, thread, matcher } = this
    const { lua } = machine
    if (at >= matcher.level) {
      if (at !== 0) throw new LuaFailure('invalid capture index')
      lua.lua_pushlstring(thread, s, e - s)
      return
    }
    const length = matcher.lengths[at]!
    if (length === unfinished) throw new LuaFailure('unfinished capture')
    if (length === position) lua.lua_pushnumber(thread, matcher.starts[at]! - this.start + 1)
    else lua.lua_pushlstring(thread, matcher.starts[at]!, length)
  }

  /** How many. `withWhole`: the match itself where the pattern has none. */
  pushCaptures(s: number, e: number, withWhole: boolean): number {
    const count = this.matcher.level === 0 && withWhole ? 1 : this.matcher.level
    this.machine.needStack(this.thread, count + 1)
    for (let at = 0; at < count; at++) this.pushCapture(at, s, e)
    return count
  }
}

/** `find` and `match`. */
function search(name: 'find' | 'match'): LuaFunction {
  return (machine, thread) => {
    const { lua } = machine
    const one = new Search(machine, thread, name)
    const { start, end } = one
    const length = end - start
    let init = lua.lua_gettop(thread) >= 3 ? Math.trunc(lua.lua_tonumber(thread, 3)) : 1
    if (init < 0) init = length + init + 1
    const first = start + Math.min(Math.max(init - 1, 0) || 0, length)
    if (name === 'find' && (lua.lua_toboolean(thread, 4) !== 0 || isPlain(machine.bytes, one))) {
      return findPlain(one, first)
    }
    for (let s = first; s <= end; s++) {
      const e = one.matcher.matchAt(s, one.items)
      if (e >= 0) {
        if (name === 'match') return one.pushCaptures(s, e, true)
        lua.lua_pushnumber(thread, s - start + 1)
        lua.lua_pushnumber(thread, e - start)
        return one.pushCaptures(s, e, false) + 2
      }
      if (one.isAnchored) break
    }
    lua.lua_pushnil(thread)
    return 1
  }
}

function isPlain(memory: Uint8Array, { pattern, patternEnd }: Search): boolean {
  for (let at = pattern; at < patternEnd; at++) if (specials.has(memory[at]!)) return false
  return true
}

function findPlain({ machine, thread, start, end, pattern, patternEnd }: Search, first: number): number {
  const { lua } = machine
  const length = patternEnd - pattern
  const memory = Buffer.from(machine.bytes.buffer)
  charge(end - first + length)
  const at = length === 0 ? 0 : memory.subarray(first, end).indexOf(memory.subarray(pattern, patternEnd))
  if (at < 0) {
    lua.lua_pushnil(thread)
    return 1
  }
  lua.lua_pushnumber(thread, first + at - start + 1)
  lua.lua_pushnumber(thread, first + at - start + length)
  return 2
}

/** Upvalues of an iterator of `gmatch`: subject, pattern, how far it has come. */
const upvalue = { subject: -10_003, pattern: -10_004, done: -10_005 } as const

function nextMatch(machine: LuaMachine, thread: State): number {
  const { lua } = machine
  const one = new Search(machine, thread, 'gmatch', upvalue.subject, upvalue.pattern)
  for (let s = one.start + lua.lua_tonumber(thread, upvalue.done); s <= one.end; s++) {
    // `^` stands for itself here.
    const e = one.matcher.matchAt(s, one.pattern)
    if (e < 0) continue
    lua.lua_pushnumber(thread, e - one.start + (e === s ? 1 : 0))
    lua.lua_replace(thread, upvalue.done)
    return one.pushCaptures(s, e, true)
  }
  return 0
}

function gsub(machine: LuaMachine, thread: State): number {
  const { lua } = machine
  const one = new Search(machine, thread, 'gsub')
  const { start, end } = one
  const kind = lua.lua_type(thread, 3)
  const isText = kind === luaType.string || kind === luaType.number
  if (!isText && kind !== luaType.function && kind !== luaType.table) {
    throw new LuaFailure("bad argument #3 to 'gsub' (string/function/table expected)")
  }
  const most = lua.lua_gettop(thread) >= 4 ? Math.trunc(lua.lua_tonumber(thread, 4)) : end - start + 1
  const replacement = isText ? Uint8Array.from(sliceOf(machine, thread, 3)) : undefined
  const out = new ByteWriter(Math.min(end - start, 4096))
  let count = 0
  let s = start
  while (count < most) {
    const e = one.matcher.matchAt(s, one.items)
    if (e >= 0) {
      count++
      if (replacement !== undefined) addText(one, out, replacement, s, e)
      else addValue(one, out, kind, s, e)
    }
    if (e >= 0 && e > s) s = e
    else if (s < end) out.u8(machine.bytes[s++]!)
    else break
    if (one.isAnchored) break
  }
  out.copy(machine.bytes, s, end)
  charge(out.end)
  machine.pushBytes(thread, { bytes: out.bytes, start: 0, end: out.end })
  lua.lua_pushnumber(thread, count)
  return 2
}

function sliceOf(machine: LuaMachine, thread: State, at: number): Uint8Array {
  const { start, end } = machine.stringAt(thread, at)!
  return machine.bytes.subarray(start, end)
}

function addText(one: Search, out: ByteWriter, text: Uint8Array, s: number, e: number): void {
  const { machine, thread } = one
  for (let i = 0; i < text.length; i++) {
    if (text[i] !== percent) {
      out.u8(text[i]!)
      continue
    }
    const next = text[++i] ?? 0
    if (!isDigit(next)) out.u8(next)
    else if (next === 0x30) out.copy(machine.bytes, s, e)
    else {
      one.pushCapture(next - 0x31, s, e)
      const { start, end } = machine.stringAt(thread, -1)!
      out.copy(machine.bytes, start, end)
      machine.lua.lua_settop(thread, -2)
    }
  }
  if (out.end > mostResultBytes) throw new LuaFailure('not enough memory')
}

const mostResultBytes = 64 * 1024 * 1024

function addValue(one: Search, out: ByteWriter, kind: number, s: number, e: number): void {
  const { machine, thread } = one
  const { lua } = machine
  machine.needStack(thread, mostCaptures + 2)
  if (kind === luaType.function) {
    lua.lua_pushvalue(thread, 3)
    lua.lua_call(thread, one.pushCaptures(s, e, true), 1)
  } else {
    one.pushCapture(0, s, e)
    lua.lua_gettable(thread, 3)
  }
  if (lua.lua_toboolean(thread, -1) === 0) {
    out.copy(machine.bytes, s, e)
  } else {
    const found = machine.stringAt(thread, -1)
    if (found === undefined) throw new LuaFailure(`invalid replacement value (a ${machine.typeName(thread, -1)})`)
    out.copy(machine.bytes, found.start, found.end)
  }
  lua.lua_settop(thread, -2)
}

/** As Lua's, but refused before it is begun where it cannot fit. */
function rep(machine: LuaMachine, thread: State): number {
  const { start, end } = machine.needString(thread, 1, 'rep')
  const count = Math.max(0, Math.trunc(machine.needNumber(thread, 2, 'rep')) || 0)
  const length = end - start
  if (length * count > mostResultBytes) throw new LuaFailure('not enough memory')
  charge(length * count)
  const text = Buffer.alloc(length * count, length === 0 ? 0 : Buffer.from(machine.bytes.subarray(start, end)))
  machine.pushBytes(thread, { bytes: text, start: 0, end: text.length })
  return 1
}

/** Puts them into the table of strings' functions, on top of the main thread's stack. */
export function replaceStringFunctions(machine: LuaMachine): void {
  const { lua, state } = machine
  for (const [name, f] of Object.entries({ find: search('find'), match: search('match'), gsub, rep })) {
    machine.setField(state, name, f)
  }
  const next = machine.functionOf(nextMatch)
  const gmatch: LuaFunction = (_machine, thread) => {
    machine.needString(thread, 1, 'gmatch')
    machine.needString(thread, 2, 'gmatch')
    lua.lua_settop(thread, 2)
    lua.lua_pushnumber(thread, 0)
    lua.lua_pushcclosure(thread, next, 3)
    return 1
  }
  machine.setField(state, 'gmatch', gmatch)
  machine.setField(state, 'gfind', gmatch)
}
