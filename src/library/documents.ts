/** Documents for the embedded API: plain objects in and out, converted as `document-values.ts` says. */
import type { Document } from 'bson'
import { PolylogError } from '../base/errors.ts'
import type { StatementSteps, Transaction } from '../database/contract.ts'
import { engineNames } from '../database/engines.ts'
import { compileFilter, type Filter } from '../language/mql/filter.ts'
import { computeAll, type Query } from '../language/mql/query.ts'
import { noVariables } from '../language/mql/scope.ts'
import { compileUpdate } from '../language/mql/update.ts'
import { deleteDocuments, insertDocuments, updateDocuments } from '../language/mql/writes.ts'
import { ensureDocumentCollection } from '../model/document/document.ts'
import type { BsonValue } from '../model/document/bson.ts'
import type { DocumentSource } from '../query/document-source.ts'
import { openSource } from '../query/open-source.ts'
import type { Session } from '../session/contract.ts'
import { checkBoolean, checkInteger, checkOneOf, checkOptions, type Check } from './arguments.ts'
import { decodeDocument, encodeDocument } from './document-values.ts'

export interface FindOptions {
  /** At most so many; 0 is none. */
  readonly limit?: number
  readonly skip?: number
}

export interface UpdateOptions {
  /** All that match, instead of the first. */
  readonly many?: boolean
  /** Inserts a document where none matches. */
  readonly upsert?: boolean
}

export interface DeleteOptions {
  readonly many?: boolean
}

export interface CreateOptions {
  /** `memory`, which is the default, or `sorted`: for good. */
  readonly engine?: string
}

export const checkCreate: Check = checkOptions({ engine: checkOneOf(...engineNames) })
const checkFind = checkOptions({ limit: checkInteger(0), skip: checkInteger(0) })
const checkUpdate = checkOptions({ many: checkBoolean, upsert: checkBoolean })
const checkDelete = checkOptions({ many: checkBoolean })

export class Documents {
  readonly #session: Session
  readonly #namespace: string
  readonly #name: string

  constructor(session: Session, namespace: string, name: string) {
    this.#session = session
    this.#namespace = namespace
    this.#name = name
  }

  /** Makes the collection, which a first write does too, where it is to lie in an engine. Errors: `duplicate_object`. */
  async create(options: CreateOptions = {}): Promise<void> {
    checkCreate('the options of create', options)
    await this.#session.run((transaction) => {
      if (transaction.catalog.findCollection(this.#namespace, this.#name) !== undefined) {
        throw new PolylogError('duplicate_object', `collection "${this.#namespace}.${this.#name}" already exists`)
      }
      ensureDocumentCollection(transaction, this.#namespace, this.#name, options.engine)
    })
  }

  /** Where the collection lies; undefined where there is none yet. */
  async engine(): Promise<string | undefined> {
    const find = ({ catalog }: Transaction): string | undefined =>
      catalog.findCollection(this.#namespace, this.#name)?.engine
    return this.#session.run<string | undefined>(find, { readOnly: true })
  }

  /** Throws the first document's error; then nothing of the call stays. */
  async insert(...documents: Document[]): Promise<void> {
    const values = documents.map((document, i) => encodeDocument(`document ${i + 1}`, document))
    await this.#write(function* (transaction, source): StatementSteps<void> {
      yield* insertDocuments(transaction, source, values, true, (_, error) => {
        throw error
      })
    })
  }

  async find(filter: Document = {}, options: FindOptions = {}): Promise<Document[]> {
    checkFind('the options of find', options)
    const query = queryOf(filterOf(filter), options)
    const found = await this.#session.run((transaction) => this.#findAll(transaction, query), { readOnly: true })
    return found.map(decodeDocument)
  }

  async findOne(filter: Document = {}): Promise<Document | undefined> {
    const [found] = await this.find(filter, { limit: 1 })
    return found
  }

  /** How many documents matched. */
  async update(filter: Document, update: Document, options: UpdateOptions = {}): Promise<number> {
    checkUpdate('the options of update', options)
    const operation = {
      filter: filterOf(filter),
      update: compileUpdate({ update: encodeDocument('the update', update), arrayFilters: [], variables: noVariables }),
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
  async delete(filter: Document, options: DeleteOptions = {}): Promise<number> {
    checkDelete('the options of delete', options)
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

  *#findAll(transaction: Transaction, query: Query): StatementSteps<readonly BsonValue[]> {
    const collection = transaction.catalog.findCollection(this.#namespace, this.#name)
    if (collection === undefined) return []
    return yield* computeAll(query, openSource(collection), transaction)
  }
}

function filterOf(filter: Document): Filter {
  return compileFilter(encodeDocument('the filter', filter), noVariables)
}

function queryOf(filter: Filter, options: FindOptions): Query {
  return { filter, sort: [], skip: options.skip ?? 0, limit: options.limit, hint: undefined, stages: [] }
}
