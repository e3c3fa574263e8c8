/** Functions in PL/pgSQL that triggers call: NEW, OLD and what TG_ variables tell. */
import type { StatementSteps } from '../../../database/contract.ts'
import type { Collection } from '../../../database/catalog/catalog.ts'
import { withBounds } from '../../../model/table/types/array-bounds.ts'
import type { Values } from '../../../model/table/keys.ts'
import type { Firing, Triggered } from '../../../model/table/triggers.ts'
import { collectionOid } from '../catalog/identity.ts'
import type { Row, SqlValue } from '../contract.ts'
import { failure } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { conversion } from '../routine/conversion.ts'
import { withContext } from '../routine/error-context.ts'
import type { Invocation } from '../routine/languages.ts'
import type { BoundColumn } from '../routine/result.ts'
import { oid } from '../types/oids.ts'
import { type CompiledBody, compileText, runFrame } from './compile-text.ts'
import { Frame } from './frame.ts'
import type { RecordValue, Variable } from './names.ts'

const variables: readonly (readonly [name: string, type: number, of: (firing: Firing) => SqlValue])[] = [
  ['tg_name', oid.name, ({ trigger }) => trigger.name],
  ['tg_when', oid.text, ({ trigger }) => (trigger.timing === 'instead' ? 'INSTEAD OF' : trigger.timing.toUpperCase())],
  ['tg_level', oid.text, ({ trigger }) => (trigger.isForRow === true ? 'ROW' : 'STATEMENT')],
  ['tg_op', oid.text, ({ event }) => event.toUpperCase()],
  ['tg_relid', oid.oid, ({ table }) => collectionOid(table.collection)],
  ['tg_relname', oid.name, ({ table }) => table.name],
  ['tg_table_name', oid.name, ({ table }) => table.name],
  ['tg_table_schema', oid.name, ({ table }) => table.collection.namespace.name],
  ['tg_nargs', oid.int4, ({ trigger }) => trigger.arguments?.length ?? 0],
  ['tg_argv', oid.textArray, ({ trigger }) => argumentsOf(trigger.arguments ?? [])],
]

/** They are counted from 0. */
function argumentsOf(given: readonly string[]): SqlValue {
  return given.length === 0 ? [] : withBounds([...given], [0])
}

interface CompiledTrigger extends CompiledBody {
  readonly newSlot: number
  readonly oldSlot: number
}

const compiled = new WeakMap<Collection, CompiledTrigger>()

function compiledFor({ routine, caller, context }: Invocation): CompiledTrigger {
  const known = compiled.get(routine.collection)
  if (known !== undefined) return known
  const run = Object.create(caller, { context: { value: context } }) as SqlRun
  const purpose = { kind: 'trigger', isSet: false, columns: undefined, isScalar: false } as const
  let newSlot = 0
  let oldSlot = 0
  const body = compileText(routine.definition.body, run, purpose, routine.definition.name, (compiler, names) => {
    newSlot = compiler.record(names, 'new').slot
    oldSlot = compiler.record(names, 'old').slot
    const inputs: Variable[] = variables.map(([name, type]) => compiler.scalar(names, name, type))
    return { inputs, outputs: [] }
  })
  const made = { ...body, newSlot, oldSlot }
  compiled.set(routine.collection, made)
  return made
}

function columnsOf(table: Triggered): readonly BoundColumn[] {
  return table.columns.map(({ name, type, modifier }) => ({ name, type: type.oid, modifier }))
}

function recordOf(table: Triggered, row: Values | undefined): RecordValue {
  const columns = columnsOf(table)
  return row === undefined
    ? { columns, values: columns.map(() => null), isAbsent: true }
    : { columns, values: [...row] }
}

export function* runTrigger(invocation: Invocation, firing: Firing): StatementSteps<Row | undefined> {
  const { routine, caller, context } = invocation
  const { name } = routine.definition
  let body: CompiledTrigger
  try {
    body = compiledFor(invocation)
  } catch (error) {
    throw withContext(error, () => `compilation of PL/pgSQL function "${name}"`)
  }
  const title = `function ${name}()`
  const frame = new Frame(caller, context, { slots: body.slots, isReadOnly: false, columns: [], title })
  const { table, oldRow, newRow, trigger } = firing
  frame.values[body.newSlot] = recordOf(table, newRow)
  frame.values[body.oldSlot] = recordOf(table, oldRow)
  for (const [i, { slot }] of body.inputs.entries()) frame.values[slot] = variables[i]![2](firing)
  const signal = yield* runFrame(frame, body)
  if (signal !== 'returned') {
    const error = failure('2F005', 'control reached end of trigger procedure without RETURN')
    throw withContext(error, () => `PL/pgSQL ${title}`)
  }
  if (trigger.isForRow !== true || trigger.timing === 'after') return undefined
  return frame.rows.length === 0 ? undefined : asRow(frame, table)
}

/** What it returns becomes a row of the table. */
function asRow(frame: Frame, table: Triggered): Row {
  const row = frame.rows[0]!
  const given = frame.returned ?? []
  const columns = columnsOf(table)
  if (given.length !== columns.length) {
    throw failure('42804', 'returned row structure does not match the structure of the triggering table', {
      detail: `Number of returned columns (${given.length}) does not match expected column count (${columns.length}).`,
    })
  }
  return columns.map(({ type, modifier }, i) => {
    const convert = given[i]!.type === type ? undefined : conversion(given[i]!.type, type, modifier)
    return convert === undefined ? row[i]! : convert(row[i]!, frame.caller)
  })
}
