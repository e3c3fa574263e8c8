/**
 * The operations of a record, put into a transaction as they are: whoever made them has locked what they write, and holds it. Nothing is
 * asked of locks, rights and levels again, and the catalog follows them.
 */
import { copySlice, sliceOf } from '../../base/slice.ts'
import { KeyWriter } from '../../base/tuple.ts'
import { operationKinds, type RecordReader } from '../../log/record.ts'
import { catalogKeyspace } from '../catalog/catalog-entries.ts'
import { fullKey } from '../directory/recovery.ts'
import type { KernelTransaction } from '../transaction/transaction.ts'

export class RestoredWrites {
  readonly #transaction: KernelTransaction
  readonly #key = new KeyWriter()
  readonly #end = new KeyWriter()

  constructor(transaction: KernelTransaction) {
    this.#transaction = transaction
  }

  add(reader: RecordReader): void {
    while (reader.next()) this.#operation(reader)
  }

  #operation({ kind, keyspace, key, endKey, value, derived }: RecordReader): void {
    const { writes } = this.#transaction
    switch (kind) {
      case operationKinds.put:
        writes.put(fullKey(this.#key, keyspace, key), value, derived)
        break
      case operationKinds.delete:
        writes.delete(fullKey(this.#key, keyspace, key), derived)
        break
      case operationKinds.deleteRange:
        writes.deleteRange(
          { start: fullKey(this.#key, keyspace, key), end: fullKey(this.#end, keyspace, endKey) },
          derived,
        )
        break
      case operationKinds.catalogPut:
      case operationKinds.catalogDelete: {
        const changed = sliceOf(copySlice(fullKey(this.#key, catalogKeyspace, key)))
        const isPut = kind === operationKinds.catalogPut
        this.#transaction.changeCatalog(changed, isPut ? sliceOf(copySlice(value)) : undefined, false)
        break
      }
      case operationKinds.notify:
        writes.notify(key, value)
        break
      case operationKinds.delta:
        break
    }
  }
}
