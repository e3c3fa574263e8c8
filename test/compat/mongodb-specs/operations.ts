/** The operations of tests, as calls of the driver. Each gets the object it is called on and its arguments. */
import { Readable } from 'node:stream'
import type {
  AbstractCursor,
  ChangeStream,
  ClientSession,
  Collection,
  Db,
  Document,
  GridFSBucket,
  MongoClient,
} from 'mongodb-of-specs'
import { DriverLacks, type Entities } from './entities.ts'

// oxlint-disable-next-line typescript/no-explicit-any -- what it is called on is named by the test
type Target = any
type Run = (target: Target, given: Document, entities: Entities) => unknown

/** Arguments beside `names` are the call's options. */
function split(given: Document, ...names: string[]): [Document, Target] {
  const options: Document = {}
  const own: Document = {}
  for (const [name, value] of Object.entries(given)) (names.includes(name) ? own : options)[name] = value
  return [own, options]
}

const ofCollections: Readonly<Record<string, Run>> = {
  aggregate: (target: Collection | Db, given) => {
    const [{ pipeline }, options] = split(given, 'pipeline')
    return target.aggregate(pipeline as Document[], options).toArray()
  },
  find: (target: Collection, given) => {
    const [{ filter, cursorType }, options] = split(given, 'filter', 'cursorType')
    return target.find(filter as Document, { ...(options as Document), ...kindOf(cursorType) }).toArray()
  },
  findOne: (target: Collection, given) => {
    const [{ filter }, options] = split(given, 'filter')
    return target.findOne(filter as Document, options)
  },
  insertOne: (target: Collection, given) => {
    const [{ document }, options] = split(given, 'document')
    return target.insertOne(structuredCopy(document as Document), options)
  },
  insertMany: (target: Collection, given) => {
    const [{ documents }, options] = split(given, 'documents')
    return target.insertMany((documents as Document[]).map(structuredCopy), options)
  },
  updateOne: (target: Collection, given) => {
    const [{ filter, update }, options] = split(given, 'filter', 'update')
    return target.updateOne(filter as Document, update as Document, options)
  },
  updateMany: (target: Collection, given) => {
    const [{ filter, update }, options] = split(given, 'filter', 'update')
    return target.updateMany(filter as Document, update as Document, options)
  },
  replaceOne: (target: Collection, given) => {
    const [{ filter, replacement }, options] = split(given, 'filter', 'replacement')
    return target.replaceOne(filter as Document, replacement as Document, options)
  },
  deleteOne: (target: Collection, given) => {
    const [{ filter }, options] = split(given, 'filter')
    return target.deleteOne(filter as Document, options)
  },
  deleteMany: (target: Collection, given) => {
    const [{ filter }, options] = split(given, 'filter')
    return target.deleteMany(filter as Document, options)
  },
  findOneAndUpdate: (target: Collection, given) => {
    const [{ filter, update }, options] = split(given, 'filter', 'update')
    return target.findOneAndUpdate(filter as Document, update as Document, returning(options))
  },
  findOneAndReplace: (target: Collection, given) => {
    const [{ filter, replacement }, options] = split(given, 'filter', 'replacement')
    return target.findOneAndReplace(filter as Document, replacement as Document, returning(options))
  },
  findOneAndDelete: (target: Collection, given) => {
    const [{ filter }, options] = split(given, 'filter')
    return target.findOneAndDelete(filter as Document, options)
  },
  bulkWrite: (target: Collection, given) => {
    const [{ requests }, options] = split(given, 'requests')
    return target.bulkWrite((requests as Document[]).map(structuredCopy) as never, options)
  },
  clientBulkWrite: (target: MongoClient, given) => {
    const [{ models }, options] = split(given, 'models')
    return target.bulkWrite((models as Document[]).map(bulkModel) as never, options)
  },
  countDocuments: (target: Collection, given) => {
    const [{ filter }, options] = split(given, 'filter')
    return target.countDocuments(filter as Document, options)
  },
  count: (target: Collection, given) => {
    const [{ filter }, options] = split(given, 'filter')
    return target.count(filter as Document, options)
  },
  estimatedDocumentCount: (target: Collection, given) => target.estimatedDocumentCount(given),
  distinct: (target: Collection, given) => {
    const [{ fieldName, filter }, options] = split(given, 'fieldName', 'filter')
    return target.distinct(fieldName as string, filter as Document, options)
  },
  createIndex: (target: Collection, given) => {
    const [{ keys }, options] = split(given, 'keys')
    return target.createIndex(keys as Document, options)
  },
  dropIndex: (target: Collection, given) => {
    const [{ name }, options] = split(given, 'name')
    return target.dropIndex(name as string, options)
  },
  dropIndexes: (target: Collection, given) => target.dropIndexes(given),
  listIndexes: (target: Collection, given) => target.listIndexes(given).toArray(),
  listIndexNames: async (target: Collection, given) =>
    (await target.listIndexes(given).toArray()).map(({ name }) => name as string),
  createSearchIndex: (target: Collection, { model }) => target.createSearchIndex(model as never),
  createSearchIndexes: (target: Collection, { models }) => target.createSearchIndexes(models as never),
  dropSearchIndex: (target: Collection, { name }) => target.dropSearchIndex(name as string),
  updateSearchIndex: (target: Collection, given) =>
    target.updateSearchIndex(given['name'] as string, given['definition'] as Document),
  listSearchIndexes: (target: Collection, { name, aggregationOptions }) =>
    target.listSearchIndexes(name as string, aggregationOptions as never).toArray(),
  createFindCursor: async (target: Collection, given) => {
    const [{ filter, cursorType }, options] = split(given, 'filter', 'cursorType')
    const cursor = target.find(filter as Document, { ...(options as Document), ...kindOf(cursorType) })
    // The command is sent at once, as other drivers do.
    await cursor.hasNext()
    return cursor
  },
  mapReduce: () => {
    throw new DriverLacks('the driver has no mapReduce')
  },
}

const ofDatabases: Readonly<Record<string, Run>> = {
  runCommand: (target: Db, given) => {
    const [{ command }, options] = split(given, 'command', 'commandName')
    return target.command(command as Document, options)
  },
  runCursorCommand: (target: Db, given) => commandCursor(target, given).toArray(),
  createCommandCursor: async (target: Db, given) => {
    const cursor = commandCursor(target, given)
    await cursor.hasNext()
    return cursor
  },
  createCollection: (target: Db, given) => {
    const [{ collection }, options] = split(given, 'collection')
    return target.createCollection(collection as string, options)
  },
  dropCollection: (target: Db, given) => {
    const [{ collection }, options] = split(given, 'collection')
    return target.dropCollection(collection as string, options)
  },
  modifyCollection: (target: Db, given) => {
    const [{ collection }, options] = split(given, 'collection')
    return target.command({ collMod: collection as string, ...(options as Document) })
  },
  listCollections: (target: Db, given) => {
    const [{ filter }, options] = split(given, 'filter')
    return target.listCollections((filter ?? {}) as Document, options).toArray()
  },
  listCollectionNames: async (target: Db, given) => {
    const [{ filter }, options] = split(given, 'filter')
    const found = await target.listCollections((filter ?? {}) as Document, { ...options, nameOnly: true }).toArray()
    return found.map(({ name }) => name)
  },
  listCollectionObjects: () => {
    throw new DriverLacks('the driver has no listCollectionObjects')
  },
}

function commandCursor(target: Db, given: Document): AbstractCursor {
  const [{ command, batchSize, maxTimeMS, comment }, options] = split(
    given,
    'command',
    'commandName',
    'batchSize',
    'maxTimeMS',
    'comment',
  )
  const cursor = target.runCursorCommand(command as Document, options)
  if (batchSize !== undefined) cursor.setBatchSize(batchSize as number)
  if (maxTimeMS !== undefined) cursor.setMaxTimeMS(maxTimeMS as number)
  if (comment !== undefined) cursor.setComment(comment)
  return cursor as AbstractCursor
}

const ofClients: Readonly<Record<string, Run>> = {
  listDatabases: async (target: MongoClient, given) =>
    (await target.db('admin').admin().listDatabases(given)).databases,
  listDatabaseNames: async (target: MongoClient, given) =>
    (
      await target
        .db('admin')
        .admin()
        .listDatabases({ ...given, nameOnly: true })
    ).databases.map(({ name }) => name),
  listDatabaseObjects: () => {
    throw new DriverLacks('the driver has no listDatabaseObjects')
  },
  createChangeStream: async (target: MongoClient | Db | Collection, given) => {
    const [{ pipeline }, options] = split(given, 'pipeline')
    const stream = (target as Collection).watch<Document, Document>(pipeline as Document[], options)
    // The driver opens it with the first look; what is written until then would not be seen.
    await (stream as unknown as { cursor: { cursorInit(): Promise<void> } }).cursor.cursorInit()
    return stream
  },
}

const ofCursors: Readonly<Record<string, Run>> = {
  iterateUntilDocumentOrError: (target: AbstractCursor | ChangeStream) => target.next(),
  iterateOnce: (target: AbstractCursor | ChangeStream) => target.tryNext(),
  close: (target: { close(options?: Document): Promise<void> }, given) =>
    'timeoutMS' in given ? target.close(given) : target.close(),
}

const ofSessions: Readonly<Record<string, Run>> = {
  startTransaction: (target: ClientSession, given) => {
    target.startTransaction(given)
  },
  commitTransaction: (target: ClientSession, given) => target.commitTransaction(given),
  abortTransaction: (target: ClientSession, given) => target.abortTransaction(given),
  endSession: (target: ClientSession) => target.endSession(),
}

const ofBuckets: Readonly<Record<string, Run>> = {
  renameByName: () => {
    throw new DriverLacks('the driver has no renameByName')
  },
  delete: (target: GridFSBucket, given) => {
    const [{ id }, options] = split(given, 'id')
    return target.delete(id as never, options)
  },
  rename: (target: Target, given) => {
    if ('collectionName' in target) {
      const [{ to }, options] = split(given, 'to')
      return (target as Collection).rename(to as string, options)
    }
    const [{ id, newFilename }, options] = split(given, 'id', 'newFilename')
    return (target as GridFSBucket).rename(id as never, newFilename as string, options as never)
  },
  drop: (target: GridFSBucket, given) => target.drop(given as never),
  download: async (target: GridFSBucket, given) => {
    const [{ id }, options] = split(given, 'id')
    return bytesOf(target.openDownloadStream(id as never, options))
  },
  downloadByName: async (target: GridFSBucket, given) => {
    const [{ filename }, options] = split(given, 'filename')
    return bytesOf(target.openDownloadStreamByName(filename as string, options))
  },
  upload: async (target: GridFSBucket, given) => {
    const [{ filename, source }, options] = split(given, 'filename', 'source')
    const stream = target.openUploadStream(filename as string, options)
    const content = Buffer.from(String((source as Document)['$$hexBytes']), 'hex')
    await new Promise<void>((resolve, reject) => {
      Readable.from([content]).pipe(stream).once('finish', resolve).once('error', reject)
    })
    return stream.id
  },
}

async function bytesOf(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of stream) parts.push(part)
  return Buffer.concat(parts)
}

const operations: ReadonlyMap<string, Run> = new Map(
  Object.entries({ ...ofCollections, ...ofDatabases, ...ofClients, ...ofCursors, ...ofSessions, ...ofBuckets }),
)

export function findOperation(name: string): Run | undefined {
  return operations.get(name)
}

/** Of a cursor that does not end with what is there. */
function kindOf(cursorType: unknown): Document {
  switch (cursorType) {
    case 'tailable':
      return { tailable: true }
    case 'tailableAwait':
      return { tailable: true, awaitData: true }
    default:
      return {}
  }
}

function returning(options: Document): Document {
  const { returnDocument, ...more } = options
  return returnDocument === undefined ? more : { ...more, returnDocument: String(returnDocument).toLowerCase() }
}

/** The driver adds `_id` to what it inserts: the test's own stays. */
function structuredCopy<T extends Document>(document: T): T {
  return { ...document }
}

function bulkModel(model: Document): Document {
  const [[kind, { namespace, ...more }] = ['', { namespace: '' }]] = Object.entries(model) as [string, Document][]
  return { name: kind, namespace, ...more }
}
