/** enum_first, enum_last and enum_range: they ask their argument for its type, and need no value of it. */
import { findType, formatType } from '../../../model/table/types/registry.ts'
import type { EnumContent } from '../../../model/table/types/user/content.ts'
import { refuseFresh } from '../../../model/table/types/user/fresh-members.ts'
import type { SqlValue } from '../contract.ts'
import { type Expression, plainCall } from '../expression/expression.ts'
import { failure } from '../failure.ts'
import { undeterminedType } from '../functions/resolve.ts'
import { oid } from '../types/oids.ts'
import type { Binder } from './binder.ts'
import { coerce, fold } from './coerce.ts'
import { specialFunctions } from './special-functions.ts'

function enumOf(name: string, parts: readonly Expression[], location: number | undefined): EnumContent {
  const known = parts.find(({ type }) => type !== oid.unknown)
  if (known === undefined && parts.length > 0) throw undeterminedType()
  const content = known && findType(known.type)?.made?.content
  if (content?.kind === 'enum' && findType(known!.type)!.element === undefined) return content
  const types = parts.map(({ type }) => formatType(type, -1)).join(', ')
  throw failure('42883', `function ${name}(${types}) does not exist`, {
    location,
    hint: 'No function matches the given name and argument types. You might need to add explicit type casts.',
  })
}

/** Labels as they may be used: 55P04 of one that this transaction has added. */
function labelsOf(title: string, { id, members }: EnumContent): readonly string[] {
  for (const member of members) if (member.epoch !== undefined) refuseFresh(title, id, member)
  return members.map(({ label }) => label)
}

type Compute = (labels: () => readonly string[], values: readonly SqlValue[], title: string) => SqlValue

function define(name: string, counts: readonly number[], isArray: boolean, compute: Compute): void {
  specialFunctions.set(name, (binder: Binder, given, location) => {
    const content = enumOf(name, counts.includes(given.length) ? given : [], location)
    const type = findType(given.find((one) => one.type !== oid.unknown)!.type)!
    const parts = given.map((part) => coerce(binder, part, type.oid))
    const labels = (): readonly string[] => labelsOf(type.title, content)
    const call = plainCall(
      name,
      isArray ? type.arrayOid : type.oid,
      parts,
      (...values: SqlValue[]) => compute(labels, values, type.title),
      location,
      false,
    )
    return fold(call)
  })
}

function noValues(title: string): Error {
  return failure('55000', `enum ${title} contains no values`)
}

define('enum_first', [1], false, (labels, _values, title) => {
  const all = labels()
  if (all.length > 0) return all[0]!
  throw noValues(title)
})
define('enum_last', [1], false, (labels, _values, title) => {
  const all = labels()
  if (all.length > 0) return all.at(-1)!
  throw noValues(title)
})
define('enum_range', [1, 2], true, (labels, values) => {
  const all = labels()
  if (values.length === 1) return all
  const [from, to] = values as readonly (string | null)[]
  const first = from === null ? 0 : all.indexOf(from!)
  const last = to === null ? all.length - 1 : all.indexOf(to!)
  return all.slice(first, last + 1)
})
