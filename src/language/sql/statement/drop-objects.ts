/** RESTRICT and CASCADE in the words of PostgreSQL 15 (`dependency.c`). */
import type { StatementSteps, Transaction } from '../../../database/contract.ts'
import { notOwner, wordOf } from '../../../database/access/rights.ts'
import {
  type Cascaded,
  dropObjects,
  type DropPlan,
  planDrop,
  requiredBy,
} from '../../../database/catalog/dependents.ts'
import { addressText, type ObjectAddress } from '../../../database/catalog/objects.ts'
import type { Notice } from '../contract.ts'
import { failure } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { refuseBusy } from './naming.ts'
import { describeAddress } from './object-names.ts'

/** Lines of a message; what is beyond is counted. */
const maxReported = 100

/** Drops the targets and what may go with them; a notice tells of what CASCADE has taken along. */
export function* dropTargets(
  run: SqlRun,
  targets: readonly ObjectAddress[],
  isCascade: boolean,
  notices: Notice[],
): StatementSteps<void> {
  const { transaction } = run
  for (const target of targets) requireOwner(transaction, target)
  refuseRequired(run, targets)
  const plan = planDrop(transaction.catalog, targets)
  const { cascaded } = plan
  refuseForeignPolicies(transaction, targets, plan)
  if (cascaded.length > 0 && !isCascade) throw dependentObjects(run, targets, cascaded)
  if (cascaded.length > 0) notices.push(cascadeNotice(run, cascaded))
  for (const { id, part } of plan.dropped) {
    const collection = part === undefined ? transaction.catalog.collectionById(id) : undefined
    if (collection !== undefined) refuseBusy(run, collection, 'DROP TABLE')
  }
  // What goes along, its partitions and parts of it too, goes as its owner would have it.
  const targeted = new Set(targets.map(({ id }) => id))
  const along = plan.dropped.filter(({ id }) => !targeted.has(id))
  for (const { id } of along) transaction.access.beginChange(id)
  try {
    yield* dropObjects(transaction, plan)
  } finally {
    for (const { id } of along) transaction.access.endChange(id)
  }
}

/** Of the object, or of the schema that it is in. */
function requireOwner({ catalog, principal }: Transaction, { id }: ObjectAddress): void {
  const { rights } = principal
  const collection = catalog.collectionById(id)
  if (collection !== undefined) {
    if (!rights.owns(collection.namespace)) rights.requireDrop(collection)
    return
  }
  const namespace = catalog.namespaceById(id)
  if (namespace !== undefined) rights.requireNamespaceOwner(namespace)
}

/** Who may change a table's definition only takes no policy away by it. */
function refuseForeignPolicies(
  { catalog, principal: { rights } }: Transaction,
  targets: readonly ObjectAddress[],
  { dropped }: DropPlan,
): void {
  if (rights.areUnlimited || !dropped.some(({ part }) => part?.kind === 'policy')) return
  for (const { id, part } of targets) {
    const collection = part === undefined ? undefined : catalog.collectionById(id)
    if (collection !== undefined && !rights.owns(collection)) throw notOwner(wordOf(collection), collection.name)
  }
}

function refuseRequired(run: SqlRun, targets: readonly ObjectAddress[]): void {
  const known = new Set(targets.map(addressText))
  for (const target of targets) {
    const owner = requiredBy(run.transaction.catalog, target)
    if (owner === undefined || known.has(addressText(owner)) || known.has(String(owner.id))) continue
    const [what, by] = [describeAddress(run, target), describeAddress(run, owner)]
    throw failure('2BP01', `cannot drop ${what} because ${by} requires it`, { hint: `You can drop ${by} instead.` })
  }
}

function dependentObjects(run: SqlRun, targets: readonly ObjectAddress[], cascaded: readonly Cascaded[]): Error {
  const [target, ...others] = targets
  const message =
    others.length === 0
      ? `cannot drop ${describeAddress(run, target!)} because other objects depend on it`
      : 'cannot drop desired object(s) because other objects depend on them'
  return failure('2BP01', message, {
    detail: report(
      cascaded.map(({ dependent, on }) => `${describeAddress(run, dependent)} depends on ${describeAddress(run, on)}`),
    ),
    hint: 'Use DROP ... CASCADE to drop the dependent objects too.',
  })
}

function cascadeNotice(run: SqlRun, cascaded: readonly Cascaded[]): Notice {
  const lines = cascaded.map(({ dependent }) => `drop cascades to ${describeAddress(run, dependent)}`)
  const [only] = lines
  if (lines.length === 1) return { severity: 'NOTICE', sqlState: '00000', message: only! }
  return {
    severity: 'NOTICE',
    sqlState: '00000',
    message: `drop cascades to ${lines.length} other objects`,
    detail: report(lines),
  }
}

function report(lines: readonly string[]): string {
  const more = lines.length - maxReported
  if (more <= 0) return lines.join('\n')
  const noun = more === 1 ? 'object' : 'objects'
  return [...lines.slice(0, maxReported), `and ${more} other ${noun} (see server log for list)`].join('\n')
}
