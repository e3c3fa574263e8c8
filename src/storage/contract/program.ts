/**
 * Random programs for stores: commands over a small world of keys, so that they meet each other often.
 *
 * Keys are numbers until the last moment (`keyOf`), which makes shrunk programs readable and lets one command mean a run
 * of neighbouring keys: trees only split, merge and unlink where there are many of them.
 */
import fc from 'fast-check'

export type KeyShape = 'plain' | 'prefixed' | 'binary' | 'long' | 'mixed'

export type Command =
  | { readonly kind: 'put'; readonly key: number; readonly length: number; readonly fill: number }
  | {
      readonly kind: 'putRun'
      readonly from: number
      readonly count: number
      readonly step: number
      readonly fill: number
    }
  | { readonly kind: 'delete'; readonly key: number }
  | { readonly kind: 'deleteRun'; readonly from: number; readonly count: number; readonly step: number }
  | { readonly kind: 'deleteRange'; readonly from: number; readonly to: number }
  | { readonly kind: 'publish' }
  | { readonly kind: 'draft' }
  | {
      readonly kind: 'draftRun'
      readonly from: number
      readonly count: number
      readonly step: number
      readonly fill: number
    }
  | { readonly kind: 'draftDeleteRun'; readonly from: number; readonly count: number; readonly step: number }
  | { readonly kind: 'draftDeleteRange'; readonly from: number; readonly to: number }
  | { readonly kind: 'adopt' }
  | { readonly kind: 'discard' }
  | { readonly kind: 'snapshot' }
  | { readonly kind: 'release'; readonly which: number }
  | { readonly kind: 'mark' }
  | { readonly kind: 'rollback'; readonly which: number }
  | { readonly kind: 'letGo'; readonly which: number }
  | { readonly kind: 'fork'; readonly which: number }
  | { readonly kind: 'use'; readonly which: number }
  | { readonly kind: 'close'; readonly which: number }
  | { readonly kind: 'reclaim' }
  /** Of stores that do so in the background: begins, and lets so many microtasks run. */
  | { readonly kind: 'handOver'; readonly ticks: number }
  | { readonly kind: 'get'; readonly key: number; readonly which: number }
  /** Each key twice: stores may remember where they found them. */
  | {
      readonly kind: 'getRun'
      readonly from: number
      readonly count: number
      readonly step: number
      readonly which: number
    }
  | {
      readonly kind: 'scan'
      readonly from: number
      readonly to: number
      readonly reverse: boolean
      readonly seeks: readonly number[]
      /** Entries to pass over, after each seek. */
      readonly skips: readonly number[]
      readonly which: number
    }
  | { readonly kind: 'shape'; readonly shape: KeyShape }

const keysMax: number = 9000

const key: fc.Arbitrary<number> = fc.integer({ min: 0, max: keysMax - 1 })
const which: fc.Arbitrary<number> = fc.nat(7)
const length: fc.Arbitrary<number> = fc.oneof(
  { weight: 12, arbitrary: fc.integer({ min: 0, max: 300 }) },
  { weight: 2, arbitrary: fc.integer({ min: 300, max: 9000 }) },
  { weight: 1, arbitrary: fc.constantFrom(32_700, 32_756, 32_757, 65_536, 100_000) },
)
/** Some runs are long enough for trees of three levels, and for merges of branches when they are deleted. */
const count: fc.Arbitrary<number> = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 1, max: 400 }) },
  { weight: 1, arbitrary: fc.integer({ min: 1500, max: 6000 }) },
)
const few: fc.Arbitrary<number> = fc.integer({ min: 1, max: 400 })
const step: fc.Arbitrary<number> = fc.integer({ min: 1, max: 3 })
const fill: fc.Arbitrary<number> = fc.nat(255)

const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('put' as const), key, length, fill }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('putRun' as const), from: key, count, step, fill }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('delete' as const), key }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('deleteRun' as const), from: key, count, step }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('deleteRange' as const), from: key, to: key }) },
  { weight: 6, arbitrary: fc.constant({ kind: 'publish' as const }) },
  { weight: 4, arbitrary: fc.constant({ kind: 'draft' as const }) },
  { weight: 7, arbitrary: fc.record({ kind: fc.constant('draftRun' as const), from: key, count, step, fill }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('draftDeleteRun' as const), from: key, count, step }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('draftDeleteRange' as const), from: key, to: key }) },
  { weight: 4, arbitrary: fc.constant({ kind: 'adopt' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'discard' as const }) },
  { weight: 5, arbitrary: fc.constant({ kind: 'snapshot' as const }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('release' as const), which }) },
  { weight: 4, arbitrary: fc.constant({ kind: 'mark' as const }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('rollback' as const), which }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('letGo' as const), which }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('fork' as const), which }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('use' as const), which }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('close' as const), which }) },
  { weight: 3, arbitrary: fc.constant({ kind: 'reclaim' as const }) },
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('handOver' as const), ticks: fc.oneof(fc.nat(20), fc.nat(400)) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('get' as const), key, which }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('getRun' as const), from: key, count: few, step, which }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('scan' as const),
      from: key,
      to: key,
      reverse: fc.boolean(),
      seeks: fc.array(key, { maxLength: 4 }),
      skips: fc.array(fc.oneof(fc.nat(100), fc.nat(keysMax)), { maxLength: 4 }),
      which,
    }),
  },
)

/** A program begins by choosing the shape of its keys. */
export function commands(): fc.Arbitrary<Command[]> {
  const shape = fc.constantFrom<KeyShape>('plain', 'prefixed', 'binary', 'long', 'mixed')
  return fc
    .tuple(shape, fc.array(command, { minLength: 1, maxLength: 50, size: 'max' }))
    .map(([first, rest]) => [{ kind: 'shape' as const, shape: first }, ...rest])
}

const encoder = new TextEncoder()

/** Key number `n`. Neighbouring numbers are mostly neighbours in byte order, never two numbers for one key. */
export function keyOf(n: number, shape: KeyShape): Uint8Array {
  switch (shape) {
    case 'plain':
      return encoder.encode(n === 0 ? '' : String(n).padStart(4, '0'))
    case 'prefixed':
      return encoder.encode(`collection-${n >> 10}/a longer common prefix/${String(n).padStart(4, '0')}`)
    case 'binary':
      return binaryKey(n)
    case 'long':
      return longKey(n)
    case 'mixed':
      return [binaryKey, longKey, (m: number): Uint8Array => encoder.encode(`k${m}`)][n % 3]!(n)
  }
}

/** Few distinct bytes, many of them 00 and FF: keys that are prefixes of others, and heads that only padding tells apart. */
function binaryKey(n: number): Uint8Array {
  const digits = [0x00, 0x01, 0x7f, 0x80, 0xff]
  const bytes: number[] = []
  for (let rest = n; rest > 0; rest = Math.floor((rest - 1) / 5)) bytes.push(digits[(rest - 1) % 5]!)
  return Uint8Array.from(bytes)
}

/** Up to 300 bytes, the differing ones at the end. */
function longKey(n: number): Uint8Array {
  const bytes = new Uint8Array(4 + ((n >> 6) % 8) * 42).fill(0x61)
  bytes[0] = 0x6c
  bytes[1] = (n >> 6) % 8
  bytes[bytes.length - 2] = n >> 8
  bytes[bytes.length - 1] = n & 0xff
  return bytes
}
