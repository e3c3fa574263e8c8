/** `validate`: recomputes what an index must hold of every document, and compares. */
import type { StatementSteps } from '../../../database/contract.ts'
import { isDocumentView } from '../../../model/document/view.ts'
import { verifyOneOf } from '../../../query/verifiers.ts'
import { findDescribed } from '../access.ts'
import type { Command, Reply, Request } from '../request.ts'
import { ofView, refuseOptions, there } from './query-options.ts'
import { totalsOf } from './statistics.ts'

/** Every document and every entry is looked at, whatever `full` says, while others go on: `background` is the only way. */
function validate(request: Request): Reply | Promise<Reply> {
  refuseOptions(request, ['repair', 'fixMultikey', 'metadata'])
  const { database, collectionName, namespace } = request
  return request.read(function* (transaction): StatementSteps<Reply> {
    const collection = there(findDescribed(transaction, database, collectionName), database, collectionName)
    if (isDocumentView(collection)) throw ofView(collection)
    const totals = yield* totalsOf(transaction, collection)
    const { differences, total } = yield* verifyOneOf(transaction, collection)
    return (writer) => {
      writer
        .string('ns', namespace)
        .count('nInvalidDocuments', differences.filter(({ index }) => index === null).length)
      writer.count('nrecords', totals.count).int32('nIndexes', totals.indexes.length + 1)
      writer.beginObject('keysPerIndex').count('_id_', totals.count)
      for (const { name, entries } of totals.indexes) writer.count(name, entries)
      writer
        .end()
        .boolean('valid', total === 0)
        .boolean('repaired', false)
      writer.beginArray('warnings').end().beginArray('errors')
      for (const [i, { where, index, message }] of differences.entries()) {
        writer.string(String(i), `${index === null ? where : `${where}.${index}`}: ${message}`)
      }
      writer.end().count('errorCount', total)
    }
  })
}

export const validateCommands: readonly Command[] = [
  {
    name: 'validate',
    fields: ['full', 'repair', 'fixMultikey', 'metadata', 'checkBSONConformance', 'background'],
    access: 'collections',
    run: validate,
  },
]
