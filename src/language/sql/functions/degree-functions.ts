/** Angles in degrees, hyperbolic functions and their inverses, factorials, and the least scale of a numeric. */
import { Decimal } from '../../../base/decimal.ts'
import { charge } from '../../../base/work.ts'
import { failure } from '../failure.ts'
import { oid } from '../types/oids.ts'
import { defineFunction } from './registry.ts'

const { float8, int8, int4, numeric } = oid

const degrees = 180 / Math.PI

function outOfRange(): Error {
  return failure('22003', 'input is out of range')
}

/** Exact where a multiple of 30 or 45 degrees has an exact answer. */
function sineOf(value: number): number {
  if (!Number.isFinite(value)) throw outOfRange()
  const turned = ((value % 360) + 360) % 360
  const [half, sign] = turned >= 180 ? [turned - 180, -1] : [turned, 1]
  const angle = half > 90 ? 180 - half : half
  if (angle === 0) return 0
  if (angle === 30) return 0.5 * sign
  return angle === 90 ? sign : Math.sin(angle / degrees) * sign
}

function cosineOf(value: number): number {
  if (!Number.isFinite(value)) throw outOfRange()
  return sineOf(value + 90)
}

function tangentOf(value: number): number {
  if (!Number.isFinite(value)) throw outOfRange()
  const turned = ((value % 180) + 180) % 180
  if (turned === 0) return 0
  if (turned === 45 || turned === 135) return turned === 45 ? 1 : -1
  return turned === 90 ? (((value % 360) + 360) % 360 === 90 ? Infinity : -Infinity) : Math.tan(turned / degrees)
}

function exactly(value: number): number {
  const nearest = Math.round(value)
  return Math.abs(value - nearest) < 1e-13 * Math.max(1, Math.abs(nearest)) && nearest % 15 === 0 ? nearest : value
}

function within(value: number): number {
  if (value < -1 || value > 1) throw outOfRange()
  return value
}

const functions: Readonly<Record<string, (value: number) => number>> = {
  sind: sineOf,
  cosd: cosineOf,
  tand: tangentOf,
  cotd: (value) => 1 / tangentOf(value),
  asind: (value) => exactly(Math.asin(within(value)) * degrees),
  acosd: (value) => exactly(Math.acos(within(value)) * degrees),
  atand: (value) => exactly(Math.atan(value) * degrees),
  asinh: Math.asinh,
  acosh: (value) => {
    if (value < 1) throw outOfRange()
    return Math.acosh(value)
  },
  atanh: (value) => Math.atanh(within(value)),
}

function factorial(value: bigint): Decimal {
  if (value < 0n) throw failure('22003', 'factorial of a negative number is undefined')
  if (value > 32_177n) throw failure('22003', 'value overflows numeric format')
  let product = 1n
  for (let factor = 2n; factor <= value; factor++) {
    product *= factor
    charge(100)
  }
  return Decimal.of(product)
}

for (const [name, compute] of Object.entries(functions)) defineFunction(name, [float8], float8, compute)
defineFunction('atan2d', [float8, float8], float8, (a: number, b: number) => exactly(Math.atan2(a, b) * degrees))
/** Quadratic in the digits that come. */
defineFunction('factorial', [int8], numeric, factorial, {
  cost: (value: bigint) => (value > 0n && value < 40_000n ? Number(value) ** 2 * 3 : 0),
})
defineFunction('min_scale', [numeric], int4, (value: Decimal) => (value.isFinite ? value.normalize().scale : null))
