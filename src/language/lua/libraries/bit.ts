/** LuaBitOp, as Redis brings it: operations on 32 bits, of numbers modulo 2^32. */
import type { LuaFunction, LuaMachine } from '../machine.ts'
import type { State } from '../wasm.ts'

const double = new Float64Array(1)
const words = new Int32Array(double.buffer)

/** Rounds to an integer, half to even, and takes its low 32 bits. */
function toBits(value: number): number {
  double[0] = value + 6_755_399_441_055_744
  return words[0]!
}

function bitsAt(machine: LuaMachine, thread: State, at: number, name: string): number {
  return toBits(machine.needNumber(thread, at, name))
}

function unary(name: string, run: (bits: number) => number): LuaFunction {
  return (machine, thread) => {
    machine.lua.lua_pushnumber(thread, run(bitsAt(machine, thread, 1, name)) | 0)
    return 1
  }
}

function folding(name: string, run: (a: number, b: number) => number): LuaFunction {
  return (machine, thread) => {
    let result = bitsAt(machine, thread, 1, name)
    for (let at = machine.lua.lua_gettop(thread); at > 1; at--) result = run(result, bitsAt(machine, thread, at, name))
    machine.lua.lua_pushnumber(thread, result | 0)
    return 1
  }
}

function shift(name: string, run: (bits: number, by: number) => number): LuaFunction {
  return (machine, thread) => {
    const bits = bitsAt(machine, thread, 1, name)
    machine.lua.lua_pushnumber(thread, run(bits, bitsAt(machine, thread, 2, name) & 31) | 0)
    return 1
  }
}

function toHex(machine: LuaMachine, thread: State): number {
  const bits = bitsAt(machine, thread, 1, 'tohex')
  const wanted = machine.lua.lua_gettop(thread) > 1 ? bitsAt(machine, thread, 2, 'tohex') : 8
  const digits = Math.min(8, wanted < 0 ? -wanted >>> 0 || 8 : wanted)
  const text = (bits >>> 0)
    .toString(16)
    .padStart(8, '0')
    .slice(8 - digits)
  machine.pushText(thread, wanted < 0 ? text.toUpperCase() : text)
  return 1
}

export const bitLibrary: Readonly<Record<string, LuaFunction>> = {
  tobit: unary('tobit', (bits) => bits),
  bnot: unary('bnot', (bits) => ~bits),
  bswap: unary('bswap', (b) => (b >>> 24) | ((b >>> 8) & 0xff00) | ((b & 0xff00) << 8) | (b << 24)),
  band: folding('band', (a, b) => a & b),
  bor: folding('bor', (a, b) => a | b),
  bxor: folding('bxor', (a, b) => a ^ b),
  lshift: shift('lshift', (bits, by) => bits << by),
  rshift: shift('rshift', (bits, by) => bits >>> by),
  arshift: shift('arshift', (bits, by) => bits >> by),
  rol: shift('rol', (bits, by) => (bits << by) | (bits >>> (32 - by))),
  ror: shift('ror', (bits, by) => (bits >>> by) | (bits << (32 - by))),
  tohex: toHex,
}
