/** Trigonometry. */
import { mongoError } from '../../model/document/mongo-error.ts'
import { real, realOfTwo } from './expression-arithmetic.ts'
import type { OperatorFamily } from './expression-contract.ts'

/** Of what lies within bounds, its ends included. */
function within(name: string, low: number, high: number, evaluate: (value: number) => number) {
  return real(name, (value) => {
    if (Number.isNaN(value) || (value >= low && value <= high)) return evaluate(value)
    throw mongoError(50_989, `cannot apply ${name} to ${value}, value must be in [${low},${high}]`)
  })
}

/** Not of infinity. */
function finite(name: string, evaluate: (value: number) => number) {
  return real(name, (value) => {
    if (Math.abs(value) !== Infinity) return evaluate(value)
    throw mongoError(50_989, `cannot apply ${name} to ${value}, value must be in (-inf,inf)`)
  })
}

export const trigonometryOperators: OperatorFamily = [
  finite('$sin', Math.sin),
  finite('$cos', Math.cos),
  finite('$tan', Math.tan),
  within('$asin', -1, 1, Math.asin),
  within('$acos', -1, 1, Math.acos),
  real('$atan', Math.atan),
  realOfTwo('$atan2', Math.atan2),
  real('$sinh', Math.sinh),
  real('$cosh', Math.cosh),
  real('$tanh', Math.tanh),
  real('$asinh', Math.asinh),
  within('$acosh', 1, Infinity, Math.acosh),
  within('$atanh', -1, 1, Math.atanh),
  real('$degreesToRadians', (value) => value * (Math.PI / 180)),
  real('$radiansToDegrees', (value) => value * (180 / Math.PI)),
]
