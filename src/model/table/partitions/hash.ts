/**
 * PostgreSQL's hash of partition keys: where a row lies in a table that is partitioned by hash is a part of what users see
 * (a dump names the partitions), so it is the same here bit by bit.
 *
 * `hash_bytes_extended` and `hash_bytes_uint32_extended` are Bob Jenkins' lookup3 with a seed of 64 bits
 * (PostgreSQL's `common/hashfn.c`). A type's own hash makes bytes or a number of a value such that equal values have the
 * same ones; the hashes of the columns are combined as `hash_combine64` does, and a NULL adds nothing.
 */
import type { Decimal } from '../../../base/decimal.ts'
import {
  dateInfinity,
  dateMinusInfinity,
  postgresEpochDays,
  postgresEpochUs,
  timestampInfinity,
  timestampMinusInfinity,
} from '../types/calendar.ts'
import type { SqlType } from '../types/type.ts'
import type { Interval, SqlValue } from '../types/value.ts'

/** HASH_PARTITION_SEED. */
const partitionSeed = 0x7a5b22367996dcfdn

const rotate = (value: number, by: number): number => (value << by) | (value >>> (32 - by))

/** The three words of the algorithm: one for all, since a hash is made in one go. */
let a = 0
let b = 0
let c = 0

function begin(length: number, seed: bigint): void {
  a = b = c = (0x9e3779b9 + length + 3923095) | 0
  if (seed === 0n) return
  a = (a + Number(seed >> 32n)) | 0
  b = (b + Number(seed & 0xffffffffn)) | 0
  mix()
}

function mix(): void {
  a = (a - c) ^ rotate(c, 4)
  c = (c + b) | 0
  b = (b - a) ^ rotate(a, 6)
  a = (a + c) | 0
  c = (c - b) ^ rotate(b, 8)
  b = (b + a) | 0
  a = (a - c) ^ rotate(c, 16)
  c = (c + b) | 0
  b = (b - a) ^ rotate(a, 19)
  a = (a + c) | 0
  c = (c - b) ^ rotate(b, 4)
  b = (b + a) | 0
}

function finish(): bigint {
  c = ((c ^ b) - rotate(b, 14)) | 0
  a = ((a ^ c) - rotate(c, 11)) | 0
  b = ((b ^ a) - rotate(a, 25)) | 0
  c = ((c ^ b) - rotate(b, 16)) | 0
  a = ((a ^ c) - rotate(c, 4)) | 0
  b = ((b ^ a) - rotate(a, 14)) | 0
  c = ((c ^ b) - rotate(b, 24)) | 0
  return (BigInt(b >>> 0) << 32n) | BigInt(c >>> 0)
}

export function hashBytes(bytes: Uint8Array, seed: bigint): bigint {
  begin(bytes.length, seed)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  let at = 0
  for (; bytes.length - at >= 12; at += 12) {
    a = (a + view.getInt32(at, true)) | 0
    b = (b + view.getInt32(at + 4, true)) | 0
    c = (c + view.getInt32(at + 8, true)) | 0
    mix()
  }
  for (let i = 0; at + i < bytes.length; i++) {
    const byte = bytes[at + i]!
    if (i < 4) a = (a + (byte << (8 * i))) | 0
    else if (i < 8) b = (b + (byte << (8 * (i - 4)))) | 0
    // The lowest byte of the third word is the length's.
    else c = (c + (byte << (8 * (i - 7)))) | 0
  }
  return finish()
}

/** Of 32 bits, signed or not. */
export function hashInteger(value: number, seed: bigint): bigint {
  begin(4, seed)
  a = (a + value) | 0
  return finish()
}

/** The high half goes into the low one such that small numbers hash as those of 32 bits do. */
function hashLong(value: bigint, seed: bigint): bigint {
  const low = Number(BigInt.asIntN(32, value))
  const high = Number(BigInt.asIntN(32, value >> 32n))
  return hashInteger(low ^ (value >= 0n ? high : ~high), seed)
}

function hashDouble(value: number, seed: bigint): bigint {
  // Minus zero equals zero.
  if (value === 0) return seed
  const bytes = new Uint8Array(8)
  new DataView(bytes.buffer).setFloat64(0, value, true)
  return hashBytes(bytes, seed)
}

const hashText = (value: string, seed: bigint): bigint => hashBytes(Buffer.from(value), seed)

/** Over digits of base 10,000 without the zeros on either side, which say nothing of the value. */
function hashNumeric(value: Decimal, seed: bigint): bigint {
  if (value.kind !== 'finite') return seed
  const { coefficient, scale } = value
  const padding = (4 - (scale % 4)) % 4
  let rest = (coefficient < 0n ? -coefficient : coefficient) * 10n ** BigInt(padding)
  if (rest === 0n) return BigInt.asUintN(64, seed - 1n)
  const digits: number[] = []
  for (; rest > 0n; rest /= 10_000n) digits.push(Number(rest % 10_000n))
  const weight = digits.length - 1 - (scale + padding) / 4
  while (digits[0] === 0) digits.shift()
  const bytes = new Uint8Array(2 * digits.length)
  const view = new DataView(bytes.buffer)
  for (const [i, digit] of digits.reverse().entries()) view.setInt16(2 * i, digit, true)
  return hashBytes(bytes, seed) ^ BigInt.asUintN(64, BigInt(weight))
}

/** As intervals compare: a month of 30 days, a day of 24 hours. */
function hashInterval({ months, days, us }: Interval, seed: bigint): bigint {
  return hashLong(us + (BigInt(months) * 30n + BigInt(days)) * 86_400_000_000n, seed)
}

type Hash = (value: SqlValue, seed: bigint) => bigint

const integer: Hash = (value, seed) => hashInteger(value as number, seed)
const text: Hash = (value, seed) => hashText(value as string, seed)

/** PostgreSQL counts from 2000. */
const timestamp: Hash = (value, seed) => {
  const us = value as bigint
  const isEnd = us === timestampInfinity || us === timestampMinusInfinity
  return hashLong(isEnd ? us : us - postgresEpochUs, seed)
}

const date: Hash = (value, seed) => {
  const days = value as number
  const isEnd = days === dateInfinity || days === dateMinusInfinity
  return hashInteger(isEnd ? days : days - postgresEpochDays, seed)
}

/** By the type's name. */
const hashes: Readonly<Record<string, Hash>> = {
  bool: (value, seed) => hashInteger(value === true ? 1 : 0, seed),
  int2: integer,
  int4: integer,
  oid: integer,
  int8: (value, seed) => hashLong(value as bigint, seed),
  float4: (value, seed) => hashDouble(value as number, seed),
  float8: (value, seed) => hashDouble(value as number, seed),
  numeric: (value, seed) => hashNumeric(value as Decimal, seed),
  text,
  varchar: text,
  name: text,
  bpchar: (value, seed) => hashText((value as string).replace(/ +$/, ''), seed),
  char: (value, seed) => hashInteger(((Buffer.from(value as string)[0] ?? 0) << 24) >> 24, seed),
  bytea: (value, seed) => hashBytes(value as Uint8Array, seed),
  uuid: (value, seed) => hashBytes(Buffer.from((value as string).replaceAll('-', ''), 'hex'), seed),
  date,
  time: (value, seed) => hashLong(value as bigint, seed),
  timestamp,
  timestamptz: timestamp,
  interval: (value, seed) => hashInterval(value as Interval, seed),
}

export function isHashable({ name }: SqlType): boolean {
  return name in hashes
}

/** Of one value that is not NULL. */
export function hashValue({ name }: SqlType, value: SqlValue, seed: bigint): bigint {
  return hashes[name]!(value, seed)
}

/** Of a key, as `modulus` and `remainder` ask for it. */
export function hashKey(types: readonly SqlType[], key: readonly SqlValue[]): bigint {
  let hash = 0n
  for (const [i, type] of types.entries()) {
    if (key[i] !== null) hash = combined(hash, hashValue(type, key[i]!, partitionSeed))
  }
  return hash
}

/** hash_combine64. */
function combined(hash: bigint, other: bigint): bigint {
  return BigInt.asUintN(64, hash ^ (other + 0x49a0f4dd15e5a8e3n + (hash << 54n) + (hash >> 7n)))
}
