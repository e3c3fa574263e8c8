/**
 * The verifier: everything that is derived, recomputed from what it is derived from, on one snapshot.
 *
 * Rule 1 puts index entries into the record beside the data, and nothing looks at both again: a bug that forgets one shows
 * as a query that finds too little, months later. So each model can say of its collections, from their stored bytes alone,
 * what else must be there (`ModelVerifier`), and this walks them all. It is used by `polylog verify`, by `db.verify()`, and
 * after every run of the simulation, of the crash rounds and of the programs that tests run.
 *
 * Both ways, in constant memory: for each row the entries that follow from it are looked up (`missing`, `different`); for
 * each entry the row that it names is looked up and must give that entry (`extra`). Neither needs a list of the other side,
 * so a billion rows take time and no room. What cannot be decoded is a difference too, and the walk goes on behind it.
 *
 * Where an engine has bytes that are not what was written, they are named, and the walk goes round them (`damage.ts`).
 *
 * `verify-store.ts` looks at the ordered store under the models: order, look-ups, the counts in its pages, keys of
 * collections and indexes that do not exist. `verify-catalog.ts` looks at the catalog, `verify-files.ts` at the log, the
 * checkpoint and the files of engines.
 *
 * Invariants: it writes nothing and takes no lock; it reads one snapshot and gives up the thread as any statement does, so
 * it may run beside everything else; the report is bounded, however much is wrong.
 */
import { PolylogError } from '../../base/errors.ts'
import type { Collection } from '../catalog/catalog.ts'
import { Elsewhere, type StatementSteps, type Transaction } from '../contract.ts'
import { nameOf, Verification, type ModelVerifiers, type VerifyReport } from './verification.ts'
import { storedNumbers } from '../catalog/numbers.ts'
import { inPlace } from '../transaction/wait.ts'
import { verifyCatalog } from './verify-catalog.ts'
import { damageIn, withReadErrors } from './damage.ts'
import { noFiles, type FilesReport } from './verify-files.ts'
import { verifyStore } from './verify-store.ts'

/**
 * One statement. A transaction's own writes lack what its commit adds to them, so one that has written is refused
 * (`active_transaction`).
 */
export function* verify(transaction: Transaction, models: ModelVerifiers): StatementSteps<VerifyReport> {
  refuseWritten(transaction)
  return yield* withReadErrors(transaction, verifyAll(transaction, models))
}

/** Likewise, of one collection. */
export function* verifyCollection(
  transaction: Transaction,
  models: ModelVerifiers,
  collection: Collection,
): StatementSteps<VerifyReport> {
  refuseWritten(transaction)
  const numbersEnd = yield* inPlace(transaction, () => storedNumbers(transaction))
  const verification = new Verification(transaction, numbersEnd)
  yield* withReadErrors(transaction, verifyOne(verification, models, collection))
  return verification.result
}

function* verifyOne(verification: Verification, models: ModelVerifiers, collection: Collection): StatementSteps<void> {
  const model = models[collection.model]
  const where = nameOf(collection)
  if (model === undefined) verification.report('reference', { where }, `it is a ${collection.model}, which is none`)
  const damage = model && (yield* damageIn(model.verify(verification, collection)))
  if (damage !== undefined) verification.report('unreadable', { where }, damage)
}

function* verifyAll(transaction: Transaction, models: ModelVerifiers): StatementSteps<VerifyReport> {
  const numbersEnd = yield* inPlace(transaction, () => storedNumbers(transaction))
  const verification = new Verification(transaction, numbersEnd)
  const { catalog } = transaction
  yield* verifyCatalog(verification)
  const damage = yield* damageIn(verifyStore(verification, models))
  if (damage !== undefined) verification.report('unreadable', { where: 'store' }, damage)
  for (const namespace of catalog.namespaces.keys()) {
    for (const collection of catalog.collectionsOf(namespace)) {
      yield* verifyOne(verification, models, collection)
    }
  }
  return verification.result
}

function refuseWritten(transaction: Transaction): void {
  if (transaction.savepoint().writes === 0) return
  throw new PolylogError('active_transaction', 'a transaction that has written cannot verify: only what is committed')
}

export type DatabaseReport = VerifyReport & Pick<FilesReport, 'records' | 'entries' | 'baseEntries'>

/** The same, after what lies on the disk. */
export function* verifyWithFiles(transaction: Transaction, models: ModelVerifiers): StatementSteps<DatabaseReport> {
  refuseWritten(transaction)
  let files: FilesReport = noFiles
  const reading = transaction.services.verifyFiles().then((read) => void (files = read))
  yield new Elsewhere(reading, () => undefined)
  const { records, entries, baseEntries, differences } = files
  const data = yield* verify(transaction, models)
  const total = differences.length + data.total
  return { ...data, records, entries, baseEntries, total, differences: [...differences, ...data.differences] }
}
