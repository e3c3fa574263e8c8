/** What is done with documents, `shop.notes`: by MongoDB's commands, and in SQL, where their fields are columns. */
import { type Operation, operationsOf } from './operation.ts'
import { type Holdings, isAllowed } from './rules.ts'
import { namesInShop, viewNames } from './tables.ts'

const notes = 'shop.notes'
const described = 'read or schema or owner in use'
const definition = 'owner in use or schema'
/** By the owner of the schema, too. */
const droppable = 'owner in use or schema or owner of shop'

const inShop = namesInShop.filter((name) => !viewNames.has(name)).map((name) => `shop.${name}`)
const collections = [...inShop, 'bank.vault', 'bank.safe', 'den.lair', 'redis.db0']

const seenIn = (held: Holdings): readonly string[] =>
  namesInShop.filter((name) => isAllowed(held, 'something', `shop.${name}`))

export const documentOperations: readonly Operation[] = [
  ...operationsOf(
    { door: 'mongodb', thing: 'documents', on: notes },
    {
      read: [
        ['read', { find: 'notes' }],
        ['read', { find: 'notes', filter: { _id: 1 } }],
        ['read', { aggregate: 'notes', pipeline: [{ $group: { _id: null, n: { $sum: '$n' } } }], cursor: {} }],
        ['read', { distinct: 'notes', key: 'n' }],
        [
          'read + read of shop.items',
          {
            aggregate: 'notes',
            pipeline: [{ $lookup: { from: 'items', localField: '_id', foreignField: '_id', as: 'i' } }],
            cursor: {},
          },
        ],
        [
          'read + read of shop.items',
          {
            aggregate: 'notes',
            pipeline: [
              { $graphLookup: { from: 'items', startWith: '$n', connectFromField: 'n', connectToField: 'n', as: 'i' } },
            ],
            cursor: {},
          },
        ],
        ['read', { find: 'notes', batchSize: 1, singleBatch: true }],
        ['read of bank.safe', { find: 'safe', $db: 'bank' }],
        ['all read of shop', { find: 'missing' }],
        ['all read of missing', { find: 'notes', $db: 'missing' }],
      ],
      count: [
        ['read', { count: 'notes' }],
        ['read', { aggregate: 'notes', pipeline: [{ $count: 'n' }], cursor: {} }],
      ],
      explain: [
        ['read', { explain: { find: 'notes' } }],
        ['read', { explain: { aggregate: 'notes', pipeline: [], cursor: {} } }],
        ['read', { explain: { count: 'notes' } }],
      ],
      insert: [
        ['insert', { insert: 'notes', documents: [{ _id: 9, n: 9 }] }, 'notes'],
        [
          'read + insert + update',
          { update: 'notes', updates: [{ q: { _id: 9 }, u: { $set: { n: 5 } }, upsert: true }] },
          'notes',
        ],
        [
          'read + insert + update',
          { findAndModify: 'notes', query: { _id: 9 }, update: { $set: { n: 5 } }, upsert: true },
          'notes',
        ],
      ],
      update: [
        ['read + update', { update: 'notes', updates: [{ q: {}, u: { $set: { n: 5 } }, multi: true }] }, 'notes'],
        ['read + update', { update: 'notes', updates: [{ q: { _id: 1 }, u: { n: 5 } }] }, 'notes'],
        ['read + update', { findAndModify: 'notes', query: { _id: 1 }, update: { $inc: { n: 1 } } }, 'notes'],
      ],
      delete: [
        ['delete', { delete: 'notes', deletes: [{ q: {}, limit: 0 }] }, 'notes'],
        ['read + delete', { delete: 'notes', deletes: [{ q: { _id: 1 }, limit: 1 }] }, 'notes'],
        ['read + delete', { findAndModify: 'notes', query: { _id: 1 }, remove: true }, 'notes'],
      ],
      make: [
        ['create of shop + read of shop.items', { create: 'fresh', viewOn: 'items', pipeline: [] }, 'all'],
        [
          'create of shop + read + read of shop.goods',
          { create: 'fresh', viewOn: 'notes', pipeline: [{ $unionWith: 'goods' }] },
          'all',
        ],
        ['create of shop', { create: 'fresh' }, { sql: 'DROP TABLE shop.fresh' }],
        [
          'all insert of shop + create of shop',
          { insert: 'fresh', documents: [{ _id: 1 }] },
          { sql: 'DROP TABLE shop.fresh' },
        ],
        ['create of database', { create: 'fresh', $db: 'fresh' }, { sql: 'DROP SCHEMA fresh CASCADE' }],
        [
          'all schema of shop',
          { createIndexes: 'fresh', indexes: [{ key: { n: 1 }, name: 'n' }] },
          { sql: 'DROP TABLE shop.fresh' },
        ],
      ],
      index: [
        [definition, { createIndexes: 'notes', indexes: [{ key: { m: 1 }, name: 'fresh' }] }, 'all'],
        [droppable, { dropIndexes: 'notes', index: 'by_n' }, 'all'],
        [described, { listIndexes: 'notes' }],
      ],
      change: [
        [
          'owner in use + create of shop or schema + create of shop',
          { renameCollection: 'shop.notes', to: 'shop.fresh', $db: 'admin' },
          'all',
        ],
        [
          'schema + read + insert + update + delete + create of bank',
          { renameCollection: 'shop.notes', to: 'bank.notes', $db: 'admin' },
          'all',
        ],
      ],
      drop: [
        [droppable, { drop: 'notes' }, 'all'],
        ['all schema of shop', { drop: 'missing' }],
        ['all schema of den', { dropDatabase: 1, $db: 'den' }, 'all'],
        // It holds a table, which is left to SQL.
        ['owner of shop or all schema of shop', { dropDatabase: 1 }, { lacks: '115' }],
      ],
      describe: [
        [described, { collStats: 'notes' }],
        [described, { validate: 'notes' }],
        ['read', { aggregate: 'notes', pipeline: [{ $collStats: { count: {} } }], cursor: {} }],
        ['all read of shop or all schema of shop', { dbStats: 1 }],
      ],
      list: [
        [
          'anybody',
          { listCollections: 1, nameOnly: true, authorizedCollections: true },
          {
            tells: (held) => seenIn(held).filter((name) => !viewNames.has(name)),
          },
        ],
        [
          'anybody',
          { listDatabases: 1, nameOnly: true, $db: 'admin' },
          {
            tells: (held) =>
              ['bank', 'den', 'redis', 'shop'].filter((name) =>
                collections.some((one) => one.startsWith(`${name}.`) && isAllowed(held, 'something', one)),
              ),
          },
        ],
        [
          'all read of shop or all insert of shop or all update of shop or all delete of shop or all truncate of shop ' +
            'or all references of shop or all trigger of shop or all schema of shop or all feed of shop or all history of shop',
          { listCollections: 1 },
        ],
      ],
    },
  ),
  ...operationsOf(
    { door: 'sql', thing: 'documents', on: notes },
    {
      read: [
        ['read', 'SELECT * FROM shop.notes'],
        ['read', 'SELECT n FROM shop.notes WHERE _id = 1'],
        ['read', 'SELECT doc FROM shop.notes'],
        ['read of bank.safe', 'SELECT * FROM bank.safe'],
      ],
      count: [['read', 'SELECT count(*) FROM shop.notes']],
      explain: [['read', 'EXPLAIN SELECT * FROM shop.notes']],
      insert: [['insert', 'INSERT INTO shop.notes (_id, n) VALUES (9, 9)', 'notes']],
      update: [
        ['update', 'UPDATE shop.notes SET n = 5', 'notes'],
        ['update + read', 'UPDATE shop.notes SET n = n + 1 WHERE _id = 1', 'notes'],
      ],
      delete: [
        ['delete', 'DELETE FROM shop.notes', 'notes'],
        ['delete + read', 'DELETE FROM shop.notes WHERE _id = 1', 'notes'],
      ],
      drop: [[droppable, 'DROP TABLE shop.notes', 'all']],
      give: [
        [
          'give read + use of shop',
          'GRANT SELECT ON shop.notes TO clerk',
          { sql: 'REVOKE ALL ON shop.notes FROM clerk CASCADE' },
        ],
      ],
      list: [
        [
          'anybody',
          "SELECT name FROM polylog.collections WHERE namespace = 'shop' AND name <> 'numbers' ORDER BY name",
          {
            tells: (held) => seenIn(held).map((name) => [name]),
          },
        ],
      ],
    },
  ),
]
