/**
 * Which of several functions of one name is meant: PostgreSQL's rules of chapter 10, "Type Conversion".
 *
 * Among the candidates that the arguments convert to implicitly: the most exact matches; then the most preferred types;
 * then, for literals of unknown type, the string category or the one that all agree on; then the type of the known
 * arguments. What is left must be one.
 */
import { arrayHolding, arrayOf, findType, formatType } from '../../../model/table/types/registry.ts'
import type { SqlType } from '../../../model/table/types/type.ts'
import type { RangeKind } from '../../../model/table/types/ranges/range.ts'
import { isMade } from '../../../model/table/types/user/user-type.ts'
import { failure } from '../failure.ts'
import { findCast } from '../types/casts.ts'
import { oid } from '../types/oids.ts'

interface Candidate {
  readonly takes: readonly number[]
  readonly variadic?: boolean
}

export type Resolution<C> =
  | { readonly kind: 'found'; readonly entry: C; readonly takes: readonly number[] }
  | { readonly kind: 'none' }
  | { readonly kind: 'ambiguous' }

interface Option<C> {
  readonly entry: C
  readonly takes: readonly number[]
}

const polymorphic: ReadonlySet<number> = new Set<number>([
  oid.any,
  oid.anyarray,
  oid.anyelement,
  oid.anyrange,
  oid.anymultirange,
])

/** The same name is asked for with the same types again and again: per list of candidates, which are registered once. */
const answers = new WeakMap<readonly Candidate[], Map<string, Resolution<Candidate>>>()

/** `takes` of the answer are the types to convert the arguments to; polymorphic ones are made concrete. */
export function resolve<C extends Candidate>(
  candidates: readonly C[],
  given: readonly number[],
  isOperator = false,
): Resolution<C> {
  // A domain's values are taken for those of what it is over.
  const isExact = given.some(isMade) && candidates.some(({ takes }) => takes.join() === given.join())
  const types = given.some(isMade) && !isExact ? given.map((type) => findType(type)?.base?.oid ?? type) : given
  let known = answers.get(candidates)
  if (known === undefined) answers.set(candidates, (known = new Map<string, Resolution<Candidate>>()))
  const key = types.join(',')
  let answer = known.get(key)
  if (answer === undefined) {
    answer = resolveAfresh(candidates, types, isOperator)
    // As many as there are built-in types and pairs of them: a caller cannot make it grow with long lists of arguments.
    if (types.length <= 2 && !types.some(isMade)) known.set(key, answer)
  }
  return answer as Resolution<C>
}

function resolveAfresh<C extends Candidate>(
  candidates: readonly C[],
  types: readonly number[],
  isOperator: boolean,
): Resolution<C> {
  const sameArity = candidates.flatMap((entry) => spread(entry, types.length))
  const exact = sameArity.find(({ takes }) => takes.every((type, i) => type === types[i]))
  if (exact !== undefined) return found(exact, types)
  if (isOperator && types.length === 2) {
    const known = types[0] === oid.unknown ? types[1]! : types[1] === oid.unknown ? types[0]! : undefined
    const like =
      known === undefined ? undefined : sameArity.find(({ takes }) => takes[0] === known && takes[1] === known)
    if (like !== undefined) return found(like, types)
  }
  const possible = sameArity.filter(({ takes }) => fits(takes, types))
  if (possible.length === 0) return { kind: 'none' }
  const chosen = possible.length === 1 ? possible : choose(possible, types)
  if (chosen.length !== 1) return chosen.length === 0 ? { kind: 'none' } : { kind: 'ambiguous' }
  return found(chosen[0]!, types)
}

function spread<C extends Candidate>(entry: C, count: number): Option<C>[] {
  const { takes, variadic } = entry
  if (variadic !== true) return takes.length === count ? [{ entry, takes }] : []
  const fixed = takes.length - 1
  if (count < fixed) return []
  const last = takes[fixed]!
  return [{ entry, takes: [...takes.slice(0, fixed), ...Array.from({ length: count - fixed }, () => last)] }]
}

function fits(takes: readonly number[], types: readonly number[]): boolean {
  return takes.every((type, i) => converts(types[i]!, type)) && (!takes.some(isOfRanges) || areOfOneRange(takes, types))
}

function converts(from: number, to: number): boolean {
  if (from === to || from === oid.unknown) return true
  if (to === oid.anyarray) return findType(from)?.element !== undefined
  if (to === oid.anyrange) return findType(from)?.range !== undefined
  if (to === oid.anymultirange) return findType(from)?.multirange !== undefined
  if (to === oid.any || to === oid.anyelement) return true
  if (isMade(to) || to === oid.record) return convertsToMade(from, findType(to)!)
  return findCast(from, to, 'implicit') !== undefined
}

/** To a domain goes what goes to what it is over, and a row without a type of its own to any row's. */
function convertsToMade(from: number, to: SqlType): boolean {
  if (to.base !== undefined) return converts(from, to.base.oid)
  const source = findType(from)
  if (to.oid === oid.record) return source?.fields !== undefined
  if (to.element?.base !== undefined) return converts(from, to.element.base.arrayOid)
  return to.fields !== undefined && (from === oid.record || source?.made?.id === 0)
}

function choose<C>(options: readonly Option<C>[], types: readonly number[]): readonly Option<C>[] {
  let left = best(options, ({ takes }) => count(takes, (type, i) => type === types[i]))
  if (left.length === 1) return left
  left = best(left, ({ takes }) => count(takes, (type, i) => type === types[i] || isPreferredFor(type, types[i]!)))
  if (left.length === 1 || !types.includes(oid.unknown)) return left
  left = byCategory(left, types)
  if (left.length <= 1) return left
  const known = new Set(types.filter((type) => type !== oid.unknown))
  if (known.size !== 1) return left
  const [only] = [...known]
  const assumed = types.map(() => only!)
  const same = left.filter(({ takes }) => fits(takes, assumed))
  return same.length === 1 ? same : left
}

function best<C>(options: readonly Option<C>[], score: (option: Option<C>) => number): readonly Option<C>[] {
  const scores = options.map(score)
  const highest = Math.max(...scores)
  return options.filter((_, i) => scores[i] === highest)
}

function count(takes: readonly number[], matches: (type: number, i: number) => boolean): number {
  return takes.filter(matches).length
}

function categoryOf(type: number): string {
  return polymorphic.has(type) ? 'P' : (findType(type)?.category ?? 'U')
}

function isPreferredFor(type: number, given: number): boolean {
  if (given === oid.unknown) return false
  return findType(type)?.isPreferred === true && categoryOf(type) === categoryOf(given)
}

/** For each unknown argument: the category that the candidates agree on, strings first. */
function byCategory<C>(options: readonly Option<C>[], types: readonly number[]): readonly Option<C>[] {
  let left = options
  const chosen = new Map<number, { category: string; preferred: boolean }>()
  for (const [i, type] of types.entries()) {
    if (type !== oid.unknown) continue
    const categories = new Set(left.map(({ takes }) => categoryOf(takes[i]!)))
    const category = categories.has('S') ? 'S' : categories.size === 1 ? [...categories][0]! : undefined
    if (category === undefined) return options
    const preferred = left.some(
      ({ takes }) => categoryOf(takes[i]!) === category && findType(takes[i]!)?.isPreferred === true,
    )
    chosen.set(i, { category, preferred })
  }
  left = left.filter(({ takes }) =>
    [...chosen].every(([i, { category, preferred }]) => {
      const type = takes[i]!
      return categoryOf(type) === category && (!preferred || findType(type)?.isPreferred === true)
    }),
  )
  return left.length > 0 ? left : options
}

export function undeterminedType(): Error {
  return failure('42804', 'could not determine polymorphic type because input has type unknown')
}

function found<C>(option: Option<C>, types: readonly number[]): Resolution<C> {
  const { entry, takes } = option
  if (!takes.some((type) => polymorphic.has(type))) return { kind: 'found', entry, takes }
  if (takes.some(isOfRanges)) return foundOfRanges(option, types)
  const element = isCompatible(takes) ? commonElement(takes, types) : elementType(takes, types)
  if (element === undefined && isCompatible(takes)) return { kind: 'none' }
  const depends = types.filter((_, i) => takes[i] === oid.anyarray || takes[i] === oid.anyelement)
  // Functions with several such arguments take literals of no type for text.
  if (depends.length === 1 && depends[0] === oid.unknown) throw undeterminedType()
  const concrete = takes.map((type, i) => {
    if (type === oid.any) return types[i] === oid.unknown ? oid.text : types[i]!
    if (type === oid.anyelement) return element ?? oid.text
    if (type === oid.anyarray) return arrayTypeFor(element) ?? types[i]!
    return type
  })
  return { kind: 'found', entry, takes: concrete }
}

/** An array and elements, or two arrays: PostgreSQL's `anycompatible` types, which meet in a common one. */
function isCompatible(takes: readonly number[]): boolean {
  return takes.length === 2 && takes.includes(oid.anyarray) && takes.every((type) => polymorphic.has(type))
}

/** As select_common_type: the first, unless another one of its category takes it and is not taken back. Else text. */
function commonElement(takes: readonly number[], types: readonly number[]): number | undefined {
  let chosen = oid.unknown as number
  const elements = types.map((type, i) => {
    return takes[i] === oid.anyarray && type !== oid.unknown ? findType(type)!.element!.oid : type
  })
  for (const element of elements) {
    if (element === oid.unknown || element === chosen) continue
    const isTaken = chosen !== oid.unknown && findType(chosen)?.isPreferred !== true && converts(chosen, element)
    if (chosen === oid.unknown || (isTaken && !converts(element, chosen))) chosen = element
  }
  if (chosen === oid.unknown) return oid.text
  return elements.every((element) => converts(element, chosen)) ? chosen : undefined
}

function isOfRanges(type: number): boolean {
  return type === oid.anyrange || type === oid.anymultirange
}

/** The range types that the ranges and multiranges given are of: one, if all is well. */
function rangeKindsOf(takes: readonly number[], types: readonly number[]): ReadonlySet<RangeKind> {
  const kinds = new Set<RangeKind>()
  for (const [i, type] of takes.entries()) {
    if (!isOfRanges(type) || types[i] === oid.unknown) continue
    const entry = findType(types[i]!)
    kinds.add((entry?.range ?? entry?.multirange)!)
  }
  return kinds
}

function rangeKindOf(takes: readonly number[], types: readonly number[]): RangeKind | undefined {
  const [kind] = rangeKindsOf(takes, types)
  return kind
}

/** Ranges of one type, and elements of it. */
function areOfOneRange(takes: readonly number[], types: readonly number[]): boolean {
  const [kind, ...others] = rangeKindsOf(takes, types)
  if (kind === undefined || others.length > 0) return kind === undefined
  return takes.every((type, i) => type !== oid.anyelement || types[i] === oid.unknown || types[i] === kind.subtype.oid)
}

function foundOfRanges<C>({ entry, takes }: Option<C>, types: readonly number[]): Resolution<C> {
  const kind = rangeKindOf(takes, types)
  if (kind === undefined) throw undeterminedType()
  const concrete = takes.map((type, i) => {
    if (type === oid.any) return types[i] === oid.unknown ? oid.text : types[i]!
    return ofRangeKind(type, kind) ?? type
  })
  return { kind: 'found', entry, takes: concrete }
}

function ofRangeKind(type: number, kind: RangeKind): number | undefined {
  switch (type) {
    case oid.anyelement:
      return kind.subtype.oid
    case oid.anyarray:
      return kind.subtype.arrayOid
    case oid.anyrange:
      return kind.oid
    case oid.anymultirange:
      return kind.multirangeOid
    default:
      return undefined
  }
}

/** What anyelement stands for: the element of the arrays given, else the first known element. */
function elementType(takes: readonly number[], types: readonly number[]): number | undefined {
  for (const [i, type] of takes.entries()) {
    if (type === oid.anyarray && types[i] !== oid.unknown) return findType(types[i]!)?.element?.oid
  }
  for (const [i, type] of takes.entries()) {
    if (type === oid.anyelement && types[i] !== oid.unknown) return types[i]
  }
  return undefined
}

function arrayTypeFor(element: number | undefined): number | undefined {
  const type = element === undefined ? undefined : findType(element)
  return type === undefined ? undefined : arrayOf(type)?.oid
}

/** The type of a result that is declared polymorphic, from the concrete types of the arguments. */
export function concreteResult(gives: number, takes: readonly number[], concrete: readonly number[]): number {
  const kind = rangeKindOf(takes, concrete)
  if (kind !== undefined) return ofRangeKind(gives, kind) ?? gives
  if (gives !== oid.anyelement && gives !== oid.anyarray) return gives
  const element = elementType(takes, concrete) ?? concrete[0]!
  if (gives === oid.anyelement) return element
  const array = arrayHolding(element)
  if (array !== undefined) return array
  throw failure('42704', `could not find array type for data type ${formatType(element, -1)}`)
}
