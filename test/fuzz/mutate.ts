/** Changes of bytes that know no format: those that have found bugs in parsers for decades. */
import type { SeededRandom } from '../../src/host/simulated/random.ts'

/** Where lengths go wrong. */
const edges = [0, 1, -1, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffb]

const digits = ['0', '-1', '1', '2147483647', '-2147483648', '4294967296', '9007199254740993', '1e999', '00', '+1']

type Change = (input: Buffer, random: SeededRandom, others: readonly Uint8Array[], words: readonly Buffer[]) => Buffer

const placeIn = (input: Uint8Array, random: SeededRandom): number => random.below(input.length + 1)

function spliced(input: Buffer, from: number, to: number, between: Uint8Array): Buffer {
  return Buffer.concat([input.subarray(0, from), between, input.subarray(to)])
}

function changedBytes(input: Buffer, random: SeededRandom): Buffer {
  const bytes = Buffer.from(input)
  for (let i = random.below(4); i >= 0 && bytes.length > 0; i--) {
    const at = random.below(bytes.length)
    bytes[at] = random.chance(0.5) ? random.below(256) : bytes[at]! ^ (1 << random.below(8))
  }
  return bytes
}

function changedNumber(input: Buffer, random: SeededRandom): Buffer {
  if (input.length < 4) return changedBytes(input, random)
  const bytes = Buffer.from(input)
  const at = random.below(bytes.length - 3)
  const isLittle = random.chance(0.5)
  const old = isLittle ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at)
  const value = random.chance(0.5) ? edges[random.below(edges.length)]! : old + random.between(-4, 4)
  if (isLittle) bytes.writeUInt32LE(value >>> 0, at)
  else bytes.writeUInt32BE(value >>> 0, at)
  return bytes
}

/** Digits that stand for a number become another one. */
function changedDigits(input: Buffer, random: SeededRandom): Buffer {
  const runs = [...input.toString('latin1').matchAll(/-?\d+/g)]
  const run = runs[random.below(runs.length)]
  if (run === undefined) return changedBytes(input, random)
  const other = random.chance(0.5)
    ? digits[random.below(digits.length)]!
    : String(Number(run[0]) + random.between(-2, 2))
  return spliced(input, run.index, run.index + run[0].length, Buffer.from(other))
}

function withoutSome(input: Buffer, random: SeededRandom): Buffer {
  const from = placeIn(input, random)
  return spliced(input, from, Math.min(input.length, from + 1 + random.below(16)), Buffer.alloc(0))
}

function cutShort(input: Buffer, random: SeededRandom): Buffer {
  return input.subarray(0, placeIn(input, random))
}

function repeated(input: Buffer, random: SeededRandom): Buffer {
  const from = placeIn(input, random)
  const piece = input.subarray(from, from + 1 + random.below(24))
  return spliced(input, from, from, Buffer.concat(Array.from({ length: 1 + random.below(12) }, () => piece)))
}

const withWord: Change = (input, random, _, words) => {
  const word = words[random.below(words.length)]
  if (word === undefined) return changedBytes(input, random)
  const at = placeIn(input, random)
  return spliced(input, at, random.chance(0.5) ? at : Math.min(input.length, at + word.length), word)
}

const crossed: Change = (input, random, others) => {
  const other = others[random.below(others.length)] ?? input
  return Buffer.concat([input.subarray(0, placeIn(input, random)), other.subarray(placeIn(other, random))])
}

const changes: readonly Change[] = [
  changedBytes,
  changedBytes,
  changedNumber,
  changedNumber,
  changedDigits,
  withoutSome,
  cutShort,
  repeated,
  withWord,
  withWord,
  crossed,
]

/** `input` changed in one to four ways, and no longer than `mostBytes`. */
export function mutate(
  input: Uint8Array,
  random: SeededRandom,
  others: readonly Uint8Array[],
  words: readonly Buffer[],
  mostBytes: number,
): Buffer {
  let bytes: Buffer = Buffer.from(input)
  for (let left = random.chance(0.6) ? 1 : 1 + random.below(4); left > 0; left--) {
    bytes = changes[random.below(changes.length)]!(bytes, random, others, words)
  }
  return bytes.subarray(0, mostBytes)
}

/** A piece of `input` again and again, until it has about `size` bytes: what is dear per piece shows. */
export function pumped(input: Uint8Array, from: number, to: number, size: number): Buffer {
  const piece = input.subarray(from, to)
  const count = Math.ceil(size / Math.max(1, piece.length))
  const pieces = Array.from({ length: count }, () => piece)
  return Buffer.concat([input.subarray(0, from), ...pieces, input.subarray(to)])
}
