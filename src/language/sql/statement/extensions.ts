/** CREATE, ALTER and DROP EXTENSION: a collection for the extension, and routines in its schema that are parts of it. */
import type { AlterExtensionStmt, CreateExtensionStmt, DropStmt, Node } from 'libpg-query'
import type { StatementSteps } from '../../../database/contract.ts'
import type { Collection, JsonObject, Namespace } from '../../../database/catalog/catalog.ts'
import type { ObjectAddress } from '../../../database/catalog/objects.ts'
import { optionText, stringOf } from '../bind/tree.ts'
import type { Notice } from '../contract.ts'
import {
  type AvailableExtension,
  availableExtensions,
  type NativeFunction,
  nativeName,
} from '../extension/available.ts'
import { extensionVersion, findExtension } from '../extension/extension-kind.ts'
import { failure, notBuilt } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { type RoutineDefinition, signatureOf } from '../routine/definition.ts'
import { skipping } from './create-schema.ts'
import { dropTargets } from './drop-objects.ts'
import { nothing, type Outcome } from './execution.ts'
import { targetNamespace } from './naming.ts'
import { type Planned, planSteps } from './prepared.ts'

/** Those that every database has. */
const builtIn: ReadonlySet<string> = new Set(['plpgsql', 'polylog'])

interface Options {
  readonly schema?: string
  readonly version?: string
}

function optionsOf(nodes: readonly Node[]): Options {
  const options: { schema?: string; version?: string } = {}
  for (const node of nodes) {
    if (!('DefElem' in node)) continue
    const { defname, arg } = node.DefElem
    if (defname === 'schema') options.schema = optionText(arg) ?? ''
    else if (defname === 'new_version') options.version = optionText(arg) ?? ''
    // Those that are here need no others.
    else if (defname !== 'cascade') throw notBuilt(`the option ${defname} of an extension`)
  }
  return options
}

function getAvailable(name: string): AvailableExtension {
  const found = availableExtensions.find((one) => one.name === name)
  if (found !== undefined) return found
  throw failure('0A000', `extension "${name}" is not available`, {
    hint: 'The view pg_available_extensions lists those that are.',
  })
}

export function planCreateExtension(statement: CreateExtensionStmt): Planned {
  const { extname: name = '', if_not_exists: isOptional, options: nodes = [] } = statement
  const options = optionsOf(nodes)
  return planSteps({ kind: 'schema' }, 'CREATE EXTENSION', (run) => {
    const { transaction } = run
    if (builtIn.has(name) || findExtension(transaction.catalog, name) !== undefined) {
      const what = `extension "${name}" already exists`
      if (isOptional !== true) throw failure('42710', what)
      return { rowCount: 0, notices: [skipping('42710', what)] }
    }
    const available = getAvailable(name)
    const { version = available.version, schema } = options
    if (version !== available.version) {
      throw failure('22023', `extension "${name}" has no installation script nor update path for version "${version}"`)
    }
    const namespace = targetNamespace(run, { relname: name, ...(schema !== undefined && { schemaname: schema }) })
    const made = transaction.createCollection(namespace, name, 'extension', { version })
    transaction.setComment({ id: made.id }, available.comment)
    for (const one of available.functions) makeFunction(run, namespace, made, one)
    return nothing
  })
}

function makeFunction(run: SqlRun, namespace: Namespace, extension: Collection, native: NativeFunction): void {
  const definition = definitionFor(extension, native)
  const types = definition.parameters.map(({ type }) => type)
  const own = signatureOf(native.name, types)
  if (run.transaction.catalog.findCollection(namespace.name, own, 'function') !== undefined) {
    throw failure('42723', `function "${native.name}" already exists with same argument types`)
  }
  run.transaction.createCollection(namespace, own, 'routine', definition as unknown as JsonObject)
}

function definitionFor(extension: Collection, native: NativeFunction): RoutineDefinition {
  const { name, takes, gives, volatility } = native
  return {
    kind: 'function',
    name,
    language: 'c',
    parameters: takes.map((one) => {
      return typeof one === 'number' ? { mode: 'in', type: one } : { name: one[0], mode: 'in', type: one[1] }
    }),
    returns: { type: gives, isSet: false },
    volatility,
    isStrict: true,
    parallel: 'safe',
    cost: 1,
    body: nativeName(extension.name, native),
    extension: extension.id,
  }
}

function missing(name: string): string {
  return `extension "${name}" does not exist`
}

function getExtension(run: SqlRun, name: string): Collection {
  if (builtIn.has(name)) throw notBuilt(`changing the extension "${name}"`)
  const found = findExtension(run.transaction.catalog, name)
  if (found === undefined) throw failure('42704', missing(name))
  return found
}

export function planDropExtension({ objects = [], missing_ok: isOptional, behavior }: DropStmt): Planned {
  const names = objects.map(stringOf)
  return planSteps({ kind: 'schema' }, 'DROP EXTENSION', function* (run): StatementSteps<Outcome> {
    const notices: Notice[] = []
    const targets: ObjectAddress[] = []
    for (const name of names) {
      const isThere = builtIn.has(name) || findExtension(run.transaction.catalog, name) !== undefined
      if (isThere || isOptional !== true) targets.push({ id: getExtension(run, name).id })
      else notices.push(skipping('00000', missing(name)))
    }
    yield* dropTargets(run, targets, behavior === 'DROP_CASCADE', notices)
    return { rowCount: 0, notices }
  })
}

/** UPDATE: there is one version of each. */
export function planAlterExtension({ extname: name = '', options: nodes = [] }: AlterExtensionStmt): Planned {
  const { version } = optionsOf(nodes)
  return planSteps({ kind: 'schema' }, 'ALTER EXTENSION', (run) => {
    const found = getExtension(run, name)
    run.transaction.principal.rights.requireOwner(found)
    const own = extensionVersion(found)
    if (version !== undefined && version !== own) {
      throw failure('22023', `extension "${name}" has no update path from version "${own}" to version "${version}"`)
    }
    const message = `version "${own}" of extension "${name}" is already installed`
    return { rowCount: 0, notices: [{ severity: 'NOTICE', sqlState: '00000', message }] }
  })
}

/** For COMMENT ON. */
export function extensionAddress(run: SqlRun, node: Node): ObjectAddress {
  return { id: getExtension(run, stringOf(node)).id }
}
