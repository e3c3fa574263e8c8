/**
 * What has failed of a write command, written as it comes: a command may have 100,000 operations that all fail, whose errors
 * would be so many objects to keep and to write at once.
 *
 * As in the server, messages end behind the first mebibyte of them; so a reply keeps within a message.
 */
import type { PolylogError } from '../../base/errors.ts'
import { charge } from '../../base/work.ts'
import { BsonWriter, indexName } from '../../model/document/bson-writer.ts'
import { toFailure } from './errors.ts'
import { writeDuplicate, writeErrorInfo } from './execute-errors.ts'
import { copyElements, type ReplySteps } from './reply.ts'

const mostMessageBytes: number = 1024 * 1024
/** With their keys: what is behind is a number each. */
const mostDetailBytes: number = 16 * 1024 * 1024

const unitsPerError = 5000

export class WriteErrors {
  /** The first one. */
  first: PolylogError | undefined
  readonly #elements = new BsonWriter()
  #count = 0

  readonly add = (index: number, error: PolylogError): void => {
    this.first ??= error
    const writer = this.#elements
    const writtenBytes = writer.out.end
    const { code, message } = toFailure(error)
    writer
      .beginObject(indexName(this.#count++))
      .int32('index', index)
      .int32('code', code)
    if (writtenBytes < mostDetailBytes) {
      writeDuplicate(writer, error)
      writeErrorInfo(writer, error)
    }
    writer.string('errmsg', writtenBytes < mostMessageBytes ? message : '').end()
    charge(unitsPerError)
  };

  *write(writer: BsonWriter): ReplySteps {
    if (this.#count === 0) return
    writer.beginArray('writeErrors')
    yield* copyElements(writer, this.#elements.out)
    writer.end()
  }
}
