/** What each model brings to the verifier (`database/verification/verify.ts`); a further model does not compile without it. */
import type { Collection } from '../database/catalog/catalog.ts'
import type { StatementSteps, Transaction } from '../database/contract.ts'
import { type DatabaseReport, verify, verifyCollection, verifyWithFiles } from '../database/verification/verify.ts'
import type { ModelVerifier, ModelVerifiers, VerifyReport } from '../database/verification/verification.ts'
import { documentVerifier } from '../model/document/verify.ts'
import { keyvalueVerifier } from '../model/keyvalue/verify.ts'
import { tableVerifier } from '../model/table/verify.ts'

/** Views and functions hold no data. */
const nothingStored: ModelVerifier = { indexes: () => new Map(), *verify() {} }

const verifiers: ModelVerifiers = {
  keyvalue: keyvalueVerifier,
  document: documentVerifier,
  table: tableVerifier,
  view: nothingStored,
  routine: nothingStored,
}

/** All data of the snapshot: see `database/verification/verify.ts`. */
export function verifySnapshot(transaction: Transaction): StatementSteps<VerifyReport> {
  return verify(transaction, verifiers)
}

export function verifyOneOf(transaction: Transaction, collection: Collection): StatementSteps<VerifyReport> {
  return verifyCollection(transaction, verifiers, collection)
}

/** And what lies on the disk, where all of it is meant. */
export function verifyDatabaseOf(transaction: Transaction): StatementSteps<DatabaseReport> {
  return verifyWithFiles(transaction, verifiers)
}
