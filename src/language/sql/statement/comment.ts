/** COMMENT ON: the database, schemas, tables, views, columns, indexes, sequences, constraints and policies of tables. */
import type { CommentStmt, Node } from 'libpg-query'
import { databaseId, type ObjectAddress } from '../../../database/catalog/objects.ts'
import { wordOf } from '../../../database/access/rights.ts'
import { isView, viewDefinitionOf } from '../../../model/table/view-kind.ts'
import { getType } from '../../../model/table/types/registry.ts'
import { columnPart, constraintPart, hasConstraint, isTable } from '../../../model/table/table-kind.ts'
import { stringOf, stringsOf } from '../bind/tree.ts'
import { findMadeType } from '../bind/made-types.ts'
import { bindTypeName } from '../bind/type-name.ts'
import { allRoles } from '../catalog/roles.ts'
import { functionsNamed } from '../functions/registry.ts'
import type { Notice, StatementEffect } from '../contract.ts'
import { failure, notBuilt } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { nameOf, splitLast } from './drop.ts'
import { nothing } from './execution.ts'
import { extensionAddress } from './extensions.ts'
import { findCollection, findPart, getTable, shownName } from './naming.ts'
import { getPolicyTarget } from './policies.ts'
import { type Planned, planSteps } from './prepared.ts'
import { oid } from '../types/oids.ts'
import { findRoutine, routineNode, type RoutineWord } from './routines/named-routine.ts'
import { findTrigger, missingTrigger } from '../trigger/create-trigger.ts'
import { objectWords } from './statement-names.ts'
import { binderOf, pathOf } from './types/type-names.ts'

/** A notice where the comment is on nothing, and that is no error. */
type FindObject = (run: SqlRun, node: Node) => ObjectAddress | Notice

const finders: Readonly<Record<string, FindObject>> = {
  OBJECT_DATABASE: findDatabase,
  OBJECT_ROLE: refuseRole,
  OBJECT_TYPE: findType,
  OBJECT_DOMAIN: findType,
  OBJECT_FUNCTION: (run, node) => findFunction(run, node, 'function'),
  OBJECT_PROCEDURE: (run, node) => findFunction(run, node, 'procedure'),
  OBJECT_ROUTINE: (run, node) => findFunction(run, node, 'routine'),
  OBJECT_TRIGGER: (run, node) => {
    const [relation, name] = splitLast(node)
    const found = findTrigger(run, relation, name)
    if (found === undefined) throw missingTrigger(relation, name)
    return found
  },
  OBJECT_EXTENSION: extensionAddress,
  OBJECT_SCHEMA: findSchema,
  OBJECT_TABLE: relationFinder('table'),
  OBJECT_VIEW: relationFinder('view'),
  OBJECT_MATVIEW: relationFinder('materialized view'),
  OBJECT_SEQUENCE: relationFinder('sequence'),
  OBJECT_INDEX: findIndex,
  OBJECT_COLUMN: findColumn,
  OBJECT_TABCONSTRAINT: findConstraint,
  OBJECT_POLICY: findPolicy,
}

export function planComment(statement: CommentStmt): Planned {
  const kind = statement.objtype ?? ''
  const find = finders[kind]
  if (find === undefined) throw notBuilt(`COMMENT ON ${objectWords(kind === '' ? undefined : kind)}`)
  return planSteps(effectOf(statement), 'COMMENT', (run) => {
    const address = find(run, statement.object!)
    if ('message' in address) return { rowCount: 0, notices: [address] }
    run.transaction.setComment(address, statement.comment)
    return nothing
  })
}

function effectOf({ objtype, object, comment }: CommentStmt): StatementEffect {
  if (objtype !== 'OBJECT_DATABASE') return { kind: 'schema' }
  return { kind: 'comment on database', name: stringOf(object), comment }
}

/** A comment lies in its database, and a transaction changes the one that it is in: who has others does it there. */
function findDatabase({ context }: SqlRun, node: Node): ObjectAddress | Notice {
  const name = stringOf(node)
  if (name === context.database) return { id: databaseId }
  if (context.databaseNames?.().includes(name) === true) throw notBuilt('COMMENT ON DATABASE of another database here')
  return { severity: 'WARNING', sqlState: '3D000', message: `database "${name}" does not exist` }
}

function refuseRole(run: SqlRun, node: Node): never {
  const name = stringOf(node)
  if (allRoles(run).some(({ role }) => role.name === name)) throw notBuilt('COMMENT ON ROLE')
  throw failure('42704', `role "${name}" does not exist`)
}

function findType(run: SqlRun, node: Node): ObjectAddress {
  const path = pathOf(node)
  const type = findMadeType(binderOf(run), path)
  if (type?.made !== undefined) return { id: type.made.id }
  bindTypeName(undefined, { names: path.map((sval): Node => ({ String: { sval } })) })
  throw notBuilt('COMMENT ON TYPE')
}

function findFunction(run: SqlRun, node: Node, word: RoutineWord): ObjectAddress {
  const found = findRoutine(run, routineNode(node), word)
  return found === undefined ? refuseFunction(run, node) : { id: found.collection.id }
}

/** `f(integer, text)`: of those that are built in the types alone are told. */
function refuseFunction(_run: SqlRun, node: Node): never {
  const { objname, objargs } = 'ObjectWithArgs' in node ? node.ObjectWithArgs : {}
  const name = stringsOf(objname).join('.')
  const types = (objargs ?? []).map((one) =>
    'TypeName' in one ? bindTypeName(undefined, one.TypeName).type : oid.unknown,
  )
  const isThere = functionsNamed(name).some(({ takes }) => takes.join() === types.join())
  if (isThere) throw notBuilt('COMMENT ON FUNCTION')
  throw failure('42883', `function ${name}(${types.map((type) => getType(type).title).join(', ')}) does not exist`)
}

function findSchema({ transaction }: SqlRun, node: Node): ObjectAddress {
  const name = stringOf(node)
  const namespace = transaction.catalog.namespaces.get(name)
  if (namespace !== undefined) return { id: namespace.id }
  // It is always there to clients, and made with the first thing in it.
  if (name === 'public') return { id: transaction.createNamespace(name).id }
  throw failure('3F000', `schema "${name}" does not exist`)
}

function relationFinder(word: string): FindObject {
  return (run, node) => {
    const name = nameOf(node)
    const collection = findCollection(run, name)
    if (collection === undefined && findPart(run, name) === undefined) {
      throw failure('42P01', `relation "${shownName(name)}" does not exist`)
    }
    if (collection !== undefined && wordOf(collection) === word) return { id: collection.id }
    throw failure('42809', `"${name.relname}" is not a ${word}`)
  }
}

function findIndex(run: SqlRun, node: Node): ObjectAddress {
  const name = nameOf(node)
  const part = findPart(run, name)
  if (part !== undefined) return part
  if (findCollection(run, name) === undefined) throw failure('42P01', `relation "${shownName(name)}" does not exist`)
  throw failure('42809', `"${name.relname}" is not an index`)
}

/** `a.b.c`: the last name is the column's. */
function findColumn(run: SqlRun, node: Node): ObjectAddress {
  const [name, column] = splitLast(node)
  const collection = findCollection(run, name)
  if (collection === undefined || !isView(collection)) {
    const table = getTable(run, name)
    return { id: table.id, part: columnPart(table.getColumn(column).number) }
  }
  const found = viewDefinitionOf(collection).columns.find((one) => one.name === column)
  if (found !== undefined) return { id: collection.id, part: columnPart(found.number) }
  throw failure('42703', `column "${column}" of relation "${collection.name}" does not exist`)
}

function findConstraint(run: SqlRun, node: Node): ObjectAddress {
  const [relation, name] = splitLast(node)
  const { collection } = getTable(run, relation)
  if (isTable(collection) && hasConstraint(collection, name)) return { id: collection.id, part: constraintPart(name) }
  throw failure('42704', `constraint "${name}" for table "${collection.name}" does not exist`)
}

function findPolicy(run: SqlRun, node: Node): ObjectAddress {
  return getPolicyTarget(run, ...splitLast(node))
}
