/** Documents for the embedded API: plain objects in and out, as the `bson` package converts them. */
import { deserialize, serialize, type Document } from 'bson'
import type { Pause, StatementSteps, Transaction } from '../database/contract.ts'
import { compileFilter, type Filter } from '../language/mql/filter.ts'
import { computeAll, type Query } from '../language/mql/query.ts'
import { noVariables } from '../language/mql/scope.ts'
import { compileUpdate } from '../language/mql/update.ts'
import { deleteDocuments, insertDocuments, updateDocuments } from '../language/mql/writes.ts'
import { ensureDocumentCollection } from '../model/document/document.ts'
import { documentValue, type BsonValue } from '../model/document/bson.ts'
import { validateDocument } from '../model/document/validate.ts'
import type { DocumentSource } from '../query/document-source.ts'
import { openSource } from '../query/open-source.ts'
import type { Session } from '../session/contract.ts'

export interface FindOptions {
  readonly limit?: number
  readonly skip?: number
}

/** 64-bit integers stay exact: they come as bigints. */
const reading = { useBigInt64: true } as const

export class Documents {
  readonly #session: Session
  readonly #namespace: string
  readonly #name: string

  constructor(session: Session, namespace: string, name: string) {
    this.#session = session
    this.#namespace = namespace
    this.#name = name
  }

  /** Throws the first document's error; then nothing of the call stays. */
  async insert(...documents: Document[]): Promise<void> {
    const values = documents.map(encode)
    await this.#write(function* (transaction, source): StatementSteps<void> {
      const { errors } = yield* insertDocuments(transaction, source, values, true)
      if (errors.length > 0) throw errors[0]!.error
    })
  }

  async find(filter: Document = {}, options: FindOptions = {}): Promise<Document[]> {
    const query = queryOf(filterOf(filter), options)
    const found = await this.#session.run((transaction) => this.#findAll(transaction, query), { readOnly: true })
    return found.map((document) => deserialize(document.bytes.subarray(document.start, document.end), reading))
  }

  async findOne(filter: Document = {}): Promise<Document | undefined> {
    const [found] = await this.find(filter, { limit: 1 })
    return found
  }

  /** How many documents matched. */
  async update(
    filter: Document,
    update: Document,
    options: { many?: boolean; upsert?: boolean } = {},
  ): Promise<number> {
    const operation = {
      filter: filterOf(filter),
      update: compileUpdate({ update: encode(update), arrayFilters: [], variables: noVariables }),
      isMulti: options.many === true,
      isUpsert: options.upsert === true,
      hint: undefined,
      sort: [],
    }
    return this.#write(function* (transaction, source): StatementSteps<number> {
      return (yield* updateDocuments(transaction, source, operation)).matched
    })
  }

  /** How many documents were deleted. */
  async delete(filter: Document, options: { many?: boolean } = {}): Promise<number> {
    const operation = { filter: filterOf(filter), isMulti: options.many === true, hint: undefined, sort: [] }
    return this.#write(function* (transaction, source): StatementSteps<number> {
      return (yield* deleteDocuments(transaction, source, operation)).deleted
    })
  }

  async #write<T>(work: (transaction: Transaction, source: DocumentSource) => StatementSteps<T>): Promise<T> {
    return this.#session.run<T>((transaction) => {
      const existing = transaction.catalog.findCollection(this.#namespace, this.#name)
      const collection = existing ?? ensureDocumentCollection(transaction, this.#namespace, this.#name)
      return work(transaction, openSource(collection))
    })
  }

  *#findAll(transaction: Transaction, query: Query): Generator<Pause, readonly BsonValue[], void> {
    const collection = transaction.catalog.findCollection(this.#namespace, this.#name)
    if (collection === undefined) return []
    return yield* computeAll(query, openSource(collection), transaction)
  }
}

function encode(document: Document): BsonValue {
  const bytes = serialize(document)
  validateDocument(bytes, 0, bytes.length)
  return documentValue(bytes)
}

function filterOf(filter: Document): Filter {
  return compileFilter(encode(filter), noVariables)
}

function queryOf(filter: Filter, options: FindOptions): Query {
  return { filter, sort: [], skip: options.skip ?? 0, limit: options.limit, hint: undefined, stages: [] }
}
