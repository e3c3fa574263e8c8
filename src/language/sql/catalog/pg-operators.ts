/** Operators, casts, aggregates, access methods and their operator classes: what is built in, as PostgreSQL's catalogs show it. */
import { findType, shownNumber } from '../../../model/table/types/registry.ts'
import type { Relation } from '../../../query/relation.ts'
import type { SqlValue } from '../contract.ts'
import { allOperators } from '../functions/registry.ts'
import { allCasts } from '../types/casts.ts'
import { oid } from '../types/oids.ts'
import { firstFunctionOid, listedFunctions } from './function-numbers.ts'
import { memoryRelation } from './memory-relation.ts'
import { accessMethods, operatorClasses, operatorFamilies } from './operator-classes.ts'
import { ownRoleOid } from './roles.ts'

type Values = readonly SqlValue[]

const catalogSchema = 11
/** They have none of PostgreSQL's numbers: below 16384, where clients look for what every database has. */
const firstOperatorOid = 8000
const firstCastOid = 10_000

function* operators(): Generator<Values> {
  let number = firstOperatorOid
  for (const { name, takes, gives } of allOperators()) {
    // Words are of the grammar: they are no names of operators.
    if (/[a-z]/i.test(name)) continue
    const [left, right] = takes.length === 1 ? [0, takes[0]!] : [takes[0]!, takes[1]!]
    const kind = takes.length === 1 ? 'l' : 'b'
    const isEquality = name === '='
    const head = [number++, name, catalogSchema, ownRoleOid, kind, isEquality, isEquality, left, right, gives]
    yield [...head, 0, 0, 0, 0, 0]
  }
}

const contextLetters = { implicit: 'i', assignment: 'a', explicit: 'e' } as const

function* casts(): Generator<Values> {
  let number = firstCastOid
  for (const { from, to, context, convert } of allCasts()) {
    if (findType(from) === undefined || findType(to) === undefined) continue
    yield [number++, shownNumber(from), shownNumber(to), 0, contextLetters[context], convert === undefined ? 'b' : 'f']
  }
}

function* aggregates(): Generator<Values> {
  for (const [i, { kind }] of listedFunctions().entries()) {
    if (kind !== 'a') continue
    yield [
      firstFunctionOid + i,
      'n',
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      false,
      false,
      'r',
      'r',
      0,
      oid.internal,
      0,
      0,
      0,
      null,
      null,
    ]
  }
}

function* classes(): Generator<Values> {
  for (const { oid: number, method, name, family, type, isDefault, keyType } of operatorClasses) {
    const methodOid = accessMethods.get(method)!
    yield [number, methodOid, name, catalogSchema, ownRoleOid, family, type, isDefault, keyType]
  }
}

function methods(): Values[] {
  return [...accessMethods].map(([name, number]) => [number, name, 0, name === 'heap' ? 't' : 'i'])
}

const columnTypes: Readonly<Record<string, number>> = {
  b: oid.bool,
  c: oid.char,
  i: oid.int4,
  n: oid.name,
  o: oid.oid,
  r: oid.regproc,
  s: oid.int2,
  t: oid.text,
}

/** `columns`: each as `name:letter`. */
function catalog(name: string, columns: string, rows: () => Iterable<Values>): Relation {
  const described = columns.split(' ').map((column) => {
    const [title = '', letter = ''] = column.split(':')
    return [title, columnTypes[letter]!] as const
  })
  return memoryRelation('pg_catalog', name, described, rows)
}

export const pgOperators: readonly Relation[] = [
  catalog('pg_am', 'oid:o amname:n amhandler:r amtype:c', methods),
  catalog(
    'pg_operator',
    'oid:o oprname:n oprnamespace:o oprowner:o oprkind:c oprcanmerge:b oprcanhash:b oprleft:o oprright:o oprresult:o oprcom:o oprnegate:o oprcode:r oprrest:r oprjoin:r',
    operators,
  ),
  catalog('pg_cast', 'oid:o castsource:o casttarget:o castfunc:o castcontext:c castmethod:c', casts),
  catalog(
    'pg_aggregate',
    'aggfnoid:r aggkind:c aggnumdirectargs:s aggtransfn:r aggfinalfn:r aggcombinefn:r aggserialfn:r aggdeserialfn:r aggmtransfn:r aggminvtransfn:r aggmfinalfn:r aggfinalextra:b aggmfinalextra:b aggfinalmodify:c aggmfinalmodify:c aggsortop:o aggtranstype:o aggtransspace:i aggmtranstype:o aggmtransspace:i agginitval:t aggminitval:t',
    aggregates,
  ),
  catalog(
    'pg_opclass',
    'oid:o opcmethod:o opcname:n opcnamespace:o opcowner:o opcfamily:o opcintype:o opcdefault:b opckeytype:o',
    classes,
  ),
  catalog('pg_opfamily', 'oid:o opfmethod:o opfname:n opfnamespace:o opfowner:o', () =>
    operatorFamilies.map(({ oid: number, method, name }) => {
      return [number, accessMethods.get(method)!, name, catalogSchema, ownRoleOid]
    }),
  ),
  // Nobody here goes by them: they tell which operator a class means, and there is one order of a type.
  catalog(
    'pg_amop',
    'oid:o amopfamily:o amoplefttype:o amoprighttype:o amopstrategy:s amoppurpose:c amopopr:o amopmethod:o amopsortfamily:o',
    () => [],
  ),
  catalog('pg_amproc', 'oid:o amprocfamily:o amproclefttype:o amprocrighttype:o amprocnum:s amproc:r', () => []),
]
