/**
 * Functions of logical replication: slots, places in the log, messages, and what subscribers ask about publications.
 *
 * Making a slot waits for others, as a lock does: what was begun is kept with what the batch has drawn (`sleep-functions.ts`).
 */
import { privilege } from '../../../database/access/privileges.ts'
import { Elsewhere } from '../../../database/contract.ts'
import { lsnOf, sequenceAt } from '../../../database/following/lsn.ts'
import type { Slot } from '../../../database/following/slots.ts'
import { keptForBatch } from '../../../database/transaction/draws.ts'
import { findPublication } from '../../../model/table/publication/publication.ts'
import { lsnType } from '../../../model/table/types/counters.ts'
import { noteMessage } from '../../../model/table/publication/row-notes.ts'
import { columnsPublished, tablesPublished } from '../catalog/pg-publications.ts'
import { tableByOid } from '../catalog/pg-partitions.ts'
import { collectionOid } from '../catalog/identity.ts'
import { indexesOfTable } from '../catalog/stored-tables.ts'
import type { SqlValue } from '../contract.ts'
import { failure, notBuilt } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { activeSlot, checkPlugin, checkSlotName, createSlot, missingSlot } from '../replication-slots.ts'
import { oid } from '../types/oids.ts'
import { defineFunction, defineSetFunction, type FunctionOptions } from './registry.ts'

const { text, name: nameType, bool, lsn, bytea } = oid
const volatile: FunctionOptions = { needsRun: true, volatility: 'volatile' }

/** Errors: 42501. */
function requireReplication({ transaction: { principal } }: SqlRun): void {
  principal.rights.requireInDatabase(privilege.feed, principal.database)
}

/** Something that takes more than a turn, once for all runs of the batch. */
class Begun<T extends object> {
  readonly wait: Elsewhere
  #value: T | undefined
  #error: unknown

  constructor(work: Promise<T>) {
    const done = work.then(
      (value) => void (this.#value = value),
      (error: unknown) => void (this.#error = error),
    )
    this.wait = new Elsewhere(done, () => undefined)
  }

  get(): T {
    if (this.#error !== undefined) throw this.#error
    if (this.#value === undefined) throw this.wait
    return this.#value
  }
}

function inTurns<T extends object>(begin: () => Begun<T>): T {
  const begun = keptForBatch(begin)
  if (begun === undefined) throw notBuilt('a replication slot in this place')
  return begun.get()
}

type MadeSlot = Begun<readonly SqlValue[]>

async function slotRow(run: SqlRun, name: string, isTemporary: boolean): Promise<readonly SqlValue[]> {
  const { slots } = run.transaction.services
  return [name, lsnOf(await createSlot(slots, name, isTemporary, run.context.backendId, () => slots.end))]
}

function beginSlot(
  run: SqlRun,
  [name, plugin, isTemporary = false, isTwoPhase = false]: readonly SqlValue[],
): MadeSlot {
  requireReplication(run)
  checkSlotName(name as string)
  checkPlugin(plugin as string)
  if (isTwoPhase === true) throw notBuilt('decoding of prepared transactions')
  if (run.transaction.savepoint().writes > 0) {
    throw failure('25001', 'cannot create logical replication slot in transaction that has performed writes')
  }
  return new Begun(slotRow(run, name as string, isTemporary === true))
}

for (const options of [[], [bool], [bool, bool]]) {
  defineSetFunction({
    name: 'pg_create_logical_replication_slot',
    takes: [nameType, nameType, ...options],
    variadic: false,
    columns: [
      { name: 'slot_name', type: nameType },
      { name: 'lsn', type: lsn },
    ],
    rows: () => {
      throw notBuilt('pg_create_logical_replication_slot outside of FROM')
    },
    slowRows: (run, values) => {
      let made: MadeSlot | undefined
      let isDone = values.includes(null)
      return {
        next() {
          if (isDone) return { done: true, value: undefined }
          const value = (made ??= beginSlot(run, values)).get()
          isDone = true
          return { done: false, value }
        },
      }
    },
  })
}

/** Errors: 42704; 55006 where it is read. */
function idleSlot(run: SqlRun, name: string): Slot {
  requireReplication(run)
  const slot = run.transaction.services.slots.find(name)
  if (slot === undefined) throw missingSlot(name)
  if (slot.holder === undefined) return slot
  throw activeSlot(name, slot.holder)
}

defineFunction(
  'pg_drop_replication_slot',
  [nameType],
  oid.void,
  (run: SqlRun, name: string) => {
    inTurns(() => new Begun(run.transaction.services.slots.drop(idleSlot(run, name)).then(() => [])))
    return ''
  },
  volatile,
)

defineSetFunction({
  name: 'pg_replication_slot_advance',
  takes: [nameType, lsn],
  variadic: false,
  columns: [
    { name: 'slot_name', type: nameType },
    { name: 'end_lsn', type: lsn },
  ],
  rows: (run, [name, wanted]) => {
    if (name == null || wanted == null) return []
    if (wanted === 0n) throw failure('22023', 'invalid target WAL LSN')
    const { slots } = run.transaction.services
    const slot = idleSlot(run, name as string)
    const to = Math.min(sequenceAt(wanted as bigint), slots.end + 1)
    if (to < slot.position) {
      const [shown, least] = [wanted as bigint, lsnOf(slot.position)].map((one) => lsnType.formatText(one))
      throw failure('55000', `cannot advance replication slot to ${shown}, minimum is ${least}`)
    }
    slots.advance(slot, to)
    return [[name, lsnOf(to)]]
  },
})

// Others may read the same state: SET TRANSACTION SNAPSHOT.
defineFunction('pg_export_snapshot', [], text, ({ transaction }: SqlRun) => transaction.view.share(), volatile)

for (const name of ['pg_current_wal_lsn', 'pg_current_wal_insert_lsn', 'pg_current_wal_flush_lsn']) {
  defineFunction(name, [], lsn, ({ transaction }: SqlRun) => lsnOf(transaction.services.slots.end + 1), volatile)
}

for (const name of ['pg_last_wal_receive_lsn', 'pg_last_wal_replay_lsn']) {
  defineFunction(
    name,
    [],
    lsn,
    ({ transaction, context }: SqlRun) => {
      return context.leads === false ? lsnOf(transaction.services.slots.end + 1) : null
    },
    volatile,
  )
}

for (const type of [text, bytea]) {
  defineFunction(
    'pg_logical_emit_message',
    [bool, text, type],
    lsn,
    (run: SqlRun, isTransactional: boolean, prefix: string, content: string | Uint8Array) => {
      if (!isTransactional) throw notBuilt('a message that is not part of its transaction')
      noteMessage(run.transaction, prefix, Buffer.from(content as string))
      return lsnOf(run.transaction.services.slots.end + 1)
    },
    volatile,
  )
}

defineSetFunction({
  name: 'pg_get_publication_tables',
  takes: [text],
  variadic: false,
  columns: [
    { name: 'relid', type: oid.oid },
    { name: 'attrs', type: oid.int2vector },
    { name: 'qual', type: oid.nodeTree },
  ],
  rows: (run, [name]) => {
    if (name === null) return []
    const publication = findPublication(run.transaction.catalog, name as string)
    if (publication === undefined) throw failure('42704', `publication "${name as string}" does not exist`)
    return tablesPublished(run, publication).map((shown): readonly SqlValue[] => {
      return [collectionOid(shown.table.collection), columnsPublished(shown), shown.way.where ?? null]
    })
  },
})

defineFunction(
  'pg_get_replica_identity_index',
  [oid.regclass],
  oid.regclass,
  (run: SqlRun, relation: number) => {
    const table = tableByOid(run, relation)
    if (table === undefined) return null
    const isDefault = table.definition.replicaIdentity === undefined
    const found = indexesOfTable(table).find((index) => (isDefault ? index.isPrimary : index.isIdentity))
    return found?.oid ?? null
  },
  { needsRun: true, volatility: 'stable' },
)
