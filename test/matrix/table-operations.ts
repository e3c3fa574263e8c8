/**
 * What is done with a table, `shop.items (id, name, price)`, and a sequence, `shop.numbers`: in SQL as PostgreSQL 15 asks for it,
 * and by MongoDB's commands, which see whole rows only.
 */
import { type Operation, operationsOf } from './operation.ts'

const items = 'shop.items'
const whole = 'read(id,name,price)'
const definition = 'owner in use or schema'
/** By the owner of the schema, too. */
const droppable = 'owner in use or schema or owner of shop'

const freshIndex = { sql: 'DROP INDEX shop.fresh' }

export const tableOperations: readonly Operation[] = [
  ...operationsOf(
    { door: 'sql', thing: 'table', on: items },
    {
      read: [
        [whole, 'SELECT * FROM shop.items'],
        [whole, 'TABLE shop.items'],
        ['read(id)', 'SELECT id FROM shop.items'],
        ['read(price)', 'SELECT max(price) FROM shop.items'],
        ['read(id) + read(name)', 'SELECT name FROM shop.items WHERE id = 1'],
        ['read(id)', 'SELECT 1 FROM shop.items ORDER BY id'],
        ['read(id)', 'SELECT (SELECT count(*) FROM shop.items i WHERE i.id = 1)'],
        ['read(id)', 'WITH w AS (SELECT id FROM shop.items) SELECT 1 FROM w'],
        ['read(id) + read(id) of bank.vault', 'SELECT i.id FROM shop.items i JOIN bank.vault v ON v.id = i.id'],
        ['read(id) + read of shop.notes', 'SELECT i.id FROM shop.items i JOIN shop.notes n ON n._id = i.id'],
        [whole, 'COPY shop.items TO STDOUT'],
        ['read(name)', 'COPY shop.items (name) TO STDOUT'],
        ['read(id) of bank.vault', 'SELECT id FROM bank.vault'],
      ],
      count: [
        ['read(*)', 'SELECT count(*) FROM shop.items'],
        ['read(*)', 'SELECT FROM shop.items LIMIT 1'],
        ['read(*)', 'SELECT EXISTS (SELECT 1 FROM shop.items)'],
      ],
      lock: [
        [`${whole} + update(*)`, 'SELECT * FROM shop.items FOR UPDATE'],
        ['read(id) + update(*)', 'SELECT id FROM shop.items FOR SHARE'],
      ],
      explain: [
        [whole, 'EXPLAIN SELECT * FROM shop.items'],
        ['read(id)', 'EXPLAIN ANALYZE SELECT id FROM shop.items'],
        ['delete', 'EXPLAIN DELETE FROM shop.items'],
      ],
      insert: [
        ['insert(id,name,price)', "INSERT INTO shop.items VALUES (9, 'nine', 90)", 'items'],
        ['insert(id)', 'INSERT INTO shop.items (id) VALUES (9)', 'items'],
        ['insert(*)', 'INSERT INTO shop.items DEFAULT VALUES', 'items'],
        ['insert(id) + read(id)', 'INSERT INTO shop.items (id) VALUES (9) RETURNING id', 'items'],
        ['insert(id)', 'INSERT INTO shop.items (id) VALUES (9) ON CONFLICT DO NOTHING', 'items'],
        ['insert(id) + read(id)', 'INSERT INTO shop.items (id) VALUES (9) ON CONFLICT (id) DO NOTHING', 'items'],
        [
          'insert(id,price) + read(id) + update(price)',
          'INSERT INTO shop.items (id, price) VALUES (1, 5) ON CONFLICT (id) DO UPDATE SET price = 5',
          'items',
        ],
        ['insert(id) + read(id) of bank.vault', 'INSERT INTO shop.items (id) SELECT id + 8 FROM bank.vault', 'items'],
        ['insert(id,name,price)', 'COPY shop.items FROM STDIN', { lacks: '57014' }],
        [
          'insert(id) of bank.vault',
          'INSERT INTO bank.vault (id) VALUES (9)',
          { sql: 'DELETE FROM bank.vault WHERE id = 9' },
        ],
      ],
      update: [
        ['update(price)', 'UPDATE shop.items SET price = 5', 'items'],
        ['update(price) + read(price)', 'UPDATE shop.items SET price = price + 1', 'items'],
        ['update(price) + read(id)', 'UPDATE shop.items SET price = 5 WHERE id = 1', 'items'],
        ['update(name,price)', "UPDATE shop.items SET name = 'x', price = 5", 'items'],
        ['update(price) + read(name)', 'UPDATE shop.items SET price = 5 RETURNING name', 'items'],
        [
          'update(price) + read(id) of bank.vault',
          'UPDATE shop.items SET price = 5 FROM bank.vault v WHERE v.id = 1',
          'items',
        ],
      ],
      delete: [
        ['delete', 'DELETE FROM shop.items', 'items'],
        ['delete + read(id)', 'DELETE FROM shop.items WHERE id = 1', 'items'],
        ['delete + read(name)', 'DELETE FROM shop.items RETURNING name', 'items'],
      ],
      truncate: [['truncate', 'TRUNCATE shop.items', 'items']],
      make: [
        ['create of shop', 'CREATE TABLE shop.fresh (id int)', { sql: 'DROP TABLE shop.fresh' }],
        [
          'create of shop + read(id)',
          'CREATE TABLE shop.fresh AS SELECT id FROM shop.items',
          { sql: 'DROP TABLE shop.fresh' },
        ],
        [
          'create of public + references(id)',
          'CREATE TABLE fresh (id int REFERENCES shop.items)',
          { sql: 'DROP TABLE fresh' },
        ],
        ['create of public', 'CREATE TABLE fresh (id int)', { sql: 'DROP TABLE fresh' }],
        ['create of shop', 'CREATE SEQUENCE shop.fresh', { sql: 'DROP SEQUENCE shop.fresh' }],
        ['create of database', 'CREATE SCHEMA fresh', { sql: 'DROP SCHEMA fresh' }],
      ],
      index: [
        // An index has a name in the schema.
        ['owner in use + create of shop or granted schema', 'CREATE INDEX fresh ON shop.items (price)', freshIndex],
        [
          'owner in use + create of shop or granted schema + read',
          'CREATE UNIQUE INDEX fresh ON shop.items (name)',
          freshIndex,
        ],
        [droppable, 'DROP INDEX shop.items_by_name', { sql: 'CREATE INDEX items_by_name ON shop.items (name)' }],
      ],
      change: [
        [
          'owner in use or schema + read + update',
          'ALTER TABLE shop.items ADD COLUMN fresh int',
          { sql: 'ALTER TABLE shop.items DROP COLUMN fresh' },
        ],
        [
          'owner in use + create of bank or schema + read + insert + update + delete + create of bank',
          'ALTER TABLE shop.items SET SCHEMA bank',
          { sql: 'ALTER TABLE bank.items SET SCHEMA shop' },
        ],
        [
          definition,
          'ALTER TABLE shop.items RENAME price TO cost',
          { sql: 'ALTER TABLE shop.items RENAME cost TO price' },
        ],
        [
          definition,
          'ALTER TABLE shop.items ALTER name SET DEFAULT 1',
          { sql: 'ALTER TABLE shop.items ALTER name DROP DEFAULT' },
        ],
        [
          'owner in use + create of shop or schema + create of shop',
          'ALTER TABLE shop.items RENAME TO fresh',
          { sql: 'ALTER TABLE shop.fresh RENAME TO items' },
        ],
        [definition, "COMMENT ON TABLE shop.items IS 'x'", { sql: 'COMMENT ON TABLE shop.items IS NULL' }],
        [definition, "COMMENT ON COLUMN shop.items.id IS 'x'", { sql: 'COMMENT ON COLUMN shop.items.id IS NULL' }],
        [
          'owner of shop or all schema of shop',
          "COMMENT ON SCHEMA shop IS 'x'",
          { sql: 'COMMENT ON SCHEMA shop IS NULL' },
        ],
        [definition, 'ALTER SEQUENCE shop.numbers INCREMENT 1', { undo: 'nothing', on: 'shop.numbers' }],
        ['superuser', 'ALTER SCHEMA shop OWNER TO boss', { sql: 'ALTER SCHEMA shop OWNER TO root' }],
      ],
      drop: [
        [droppable, 'DROP TABLE shop.items', 'all'],
        [droppable, 'DROP SEQUENCE shop.numbers', { on: 'shop.numbers', undo: 'all' }],
        ['owner of shop or all schema of shop', 'DROP SCHEMA shop CASCADE', 'all'],
        [definition, 'ALTER TABLE shop.items DROP COLUMN price', 'all'],
      ],
      give: [
        [
          'give read + use of shop',
          'GRANT SELECT ON shop.items TO clerk',
          { sql: 'REVOKE ALL ON shop.items FROM clerk CASCADE' },
        ],
        [
          'give delete + use of shop',
          'GRANT DELETE ON shop.items TO clerk',
          { sql: 'REVOKE ALL ON shop.items FROM clerk CASCADE' },
        ],
        [
          'give usage of shop',
          'GRANT USAGE ON SCHEMA shop TO clerk',
          { sql: 'REVOKE USAGE ON SCHEMA shop FROM clerk' },
        ],
        [
          'give create of database',
          'GRANT CREATE ON DATABASE polylog TO clerk',
          { sql: 'REVOKE CREATE ON DATABASE polylog FROM clerk' },
        ],
      ],
      list: [
        ['anybody', "SELECT relname FROM pg_class WHERE relname = 'items'", { tells: () => [['items']] }],
        [
          'anybody',
          "SELECT table_name FROM information_schema.tables WHERE table_schema = 'shop' AND table_name = 'items'",
        ],
        ['anybody', 'SELECT count(*) FROM information_schema.columns'],
      ],
      sequence: [
        [
          'usage + use of shop or update + use of shop',
          "SELECT nextval('shop.numbers')",
          { on: 'shop.numbers', undo: 'nothing' },
        ],
        ['update', "SELECT setval('shop.numbers', 7)", { on: 'shop.numbers', undo: 'nothing' }],
        ['read', 'SELECT is_called FROM shop.numbers', { on: 'shop.numbers' }],
      ],
    },
  ),
  ...operationsOf(
    { door: 'mongodb', thing: 'table', on: items },
    {
      read: [
        ['read', { find: 'items' }],
        ['read', { find: 'items', projection: { _id: 1 }, filter: { _id: 1 } }],
        ['read', { aggregate: 'items', pipeline: [{ $match: { _id: 1 } }], cursor: {} }],
        ['read', { distinct: 'items', key: 'name' }],
        [
          'read + read of bank.vault',
          {
            aggregate: 'items',
            pipeline: [{ $lookup: { from: 'notes', localField: '_id', foreignField: '_id', as: 'n' } }],
            cursor: {},
          },
          { needs: 'read + read of shop.notes' },
        ],
      ],
      count: [
        ['read', { count: 'items' }],
        ['read', { aggregate: 'items', pipeline: [{ $count: 'n' }], cursor: {} }],
      ],
      explain: [['read', { explain: { find: 'items' } }]],
      insert: [
        ['insert', { insert: 'items', documents: [{ _id: 9, name: 'nine', price: 90 }] }, 'items'],
        [
          'read + insert + update',
          { update: 'items', updates: [{ q: { _id: 9 }, u: { $set: { price: 5 } }, upsert: true }] },
          'items',
        ],
      ],
      update: [
        ['read + update', { update: 'items', updates: [{ q: {}, u: { $set: { price: 5 } }, multi: true }] }, 'items'],
        ['read + update', { findAndModify: 'items', query: { _id: 1 }, update: { $set: { price: 5 } } }, 'items'],
      ],
      delete: [
        ['delete', { delete: 'items', deletes: [{ q: {}, limit: 0 }] }, 'items'],
        ['read + delete', { delete: 'items', deletes: [{ q: { _id: 1 }, limit: 1 }] }, 'items'],
        ['read + delete', { findAndModify: 'items', query: { _id: 1 }, remove: true }, 'items'],
      ],
      index: [
        [definition, { createIndexes: 'items', indexes: [{ key: { price: 1 }, name: 'fresh' }] }, { lacks: '67' }],
        ['read or schema or owner in use', { listIndexes: 'items' }],
      ],
      drop: [[droppable, { drop: 'items' }, { lacks: '115' }]],
      describe: [['read or schema or owner in use', { collStats: 'items' }]],
    },
  ),
]
