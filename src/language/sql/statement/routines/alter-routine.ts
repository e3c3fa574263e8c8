/** DROP and ALTER of functions and procedures: attributes, name, owner, schema. */
import type { AlterFunctionStmt, AlterObjectSchemaStmt, AlterOwnerStmt, DropStmt, RenameStmt } from 'libpg-query'
import { dependenciesOf, type ObjectAddress } from '../../../../database/catalog/objects.ts'
import type { CollectionChange } from '../../../../database/catalog/schema-changes.ts'
import type { Collection } from '../../../../database/catalog/catalog.ts'
import type { StatementSteps } from '../../../../database/contract.ts'
import { signature } from '../../bind/bind-function.ts'
import type { Notice } from '../../contract.ts'
import { failure, notBuilt } from '../../failure.ts'
import type { SqlRun } from '../../plan/run.ts'
import { routineJson, signatureOf } from '../../routine/definition.ts'
import type { Routine } from '../../routine/routines.ts'
import { skipping } from '../create-schema.ts'
import { dropTargets } from '../drop-objects.ts'
import { nothing, type Outcome } from '../execution.ts'
import { giveCollection, newOwner } from '../owners.ts'
import { type Planned, planSteps } from '../prepared.ts'
import { findRoutine, getRoutine, missingRoutine, routineNode, routineWord, shownRoutine } from './named-routine.ts'
import { changedOptions, type RoutineOptions } from './routine-options.ts'

export function planDropRoutine(statement: DropStmt): Planned {
  const word = routineWord(statement.removeType)!
  const nodes = (statement.objects ?? []).map(routineNode)
  return planSteps({ kind: 'schema' }, `DROP ${word.toUpperCase()}`, function* (run): StatementSteps<Outcome> {
    const notices: Notice[] = []
    const targets: ObjectAddress[] = []
    for (const node of nodes) {
      const found = findRoutine(run, node, word)
      if (found !== undefined) targets.push({ id: found.collection.id })
      else if (statement.missing_ok !== true) throw missingRoutine(run, node, word)
      else {
        const shown = node.args_unspecified === true ? `${shownRoutine(run, node)}()` : shownRoutine(run, node)
        notices.push(skipping('00000', `${word} ${shown} does not exist`))
      }
    }
    yield* dropTargets(run, targets, statement.behavior === 'DROP_CASCADE', notices)
    return { rowCount: 0, notices }
  })
}

export function planAlterRoutine({ objtype, func, actions = [] }: AlterFunctionStmt): Planned {
  const word = routineWord(objtype)!
  return planSteps({ kind: 'schema' }, `ALTER ${word.toUpperCase()}`, (run) => {
    const { collection, definition } = getRoutine(run, func ?? {}, word)
    run.transaction.principal.rights.requireOwner(collection)
    const { isStrict: _s, isDefiner: _d, isLeakproof: _l, parallel: _p, settings: _o, ...kept } = definition
    const before: RoutineOptions = definition
    const { language: _, body: __, ...options } = changedOptions(before, actions, definition.kind)
    if (options.rows !== undefined && definition.returns?.isSet !== true) {
      throw failure('22023', 'ROWS is not applicable when function does not return a set')
    }
    const { volatility, isStrict, isDefiner, isLeakproof, parallel, cost, rows, settings } = options
    const changed = {
      ...kept,
      volatility,
      ...(isStrict !== undefined && { isStrict }),
      ...(isDefiner !== undefined && { isDefiner }),
      ...(isLeakproof !== undefined && { isLeakproof }),
      ...(parallel !== undefined && { parallel }),
      ...(cost !== undefined && { cost }),
      ...(rows !== undefined && { rows }),
      ...(settings !== undefined && { settings }),
    }
    run.transaction.alterCollection(collection, { definition: routineJson(changed) })
    return nothing
  })
}

/** Texts in definitions have its name, and are not written anew; triggers know it by its number. */
function refuseNamed(run: SqlRun, { id }: Collection, title: string): void {
  const { catalog } = run.transaction
  for (const referrer of catalog.referrersOf(id)) {
    const isNamed = dependenciesOf(referrer).some(({ on, of }) => on.id === id && of?.kind !== 'trigger')
    if (isNamed) throw notBuilt(`another name or schema for a function that "${referrer.name}" calls (${title})`)
  }
}

function change(run: SqlRun, { collection, inputs }: Routine, to: CollectionChange, title: string): void {
  run.transaction.principal.rights.requireOwner(collection)
  const name = to.name ?? collection.name
  const schema = to.namespace?.name ?? collection.namespace.name
  if (run.transaction.catalog.findCollection(schema, name, 'function') !== undefined) {
    const shown = signature(
      title,
      inputs.map(({ type }) => type),
    )
    throw failure('42723', `function ${shown} already exists in schema "${schema}"`)
  }
  refuseNamed(run, collection, title)
  run.transaction.alterCollection(collection, to)
}

export function planRenameRoutine({ renameType, object, newname = '' }: RenameStmt): Planned {
  const word = routineWord(renameType)!
  return planSteps({ kind: 'schema' }, `ALTER ${word.toUpperCase()}`, (run) => {
    const routine = getRoutine(run, routineNode(object), word)
    const definition = { ...routine.definition, name: newname }
    const name = signatureOf(
      newname,
      routine.inputs.map(({ type }) => type),
    )
    change(run, routine, { name, definition: routineJson(definition) }, newname)
    return nothing
  })
}

export function planMoveRoutine({ objectType, object, newschema = '' }: AlterObjectSchemaStmt): Planned {
  const word = routineWord(objectType)!
  return planSteps({ kind: 'schema' }, `ALTER ${word.toUpperCase()}`, (run) => {
    const routine = getRoutine(run, routineNode(object), word)
    const namespace = run.transaction.catalog.namespaces.get(newschema)
    if (namespace === undefined) throw failure('3F000', `schema "${newschema}" does not exist`)
    if (namespace.id === routine.collection.namespace.id) return nothing
    change(run, routine, { namespace }, routine.definition.name)
    return nothing
  })
}

export function planOwnRoutine({ objectType, object, newowner }: AlterOwnerStmt): Planned {
  const word = routineWord(objectType)!
  return planSteps({ kind: 'schema' }, `ALTER ${word.toUpperCase()}`, (run) => {
    const { collection } = getRoutine(run, routineNode(object), word)
    giveCollection(run, collection, newOwner(run, newowner))
    return nothing
  })
}
