/**
 * What is done with views, partitions, tables with triggers, functions and types, in SQL as PostgreSQL 15 asks for it: who
 * reads through a view needs nothing of what is below, unless the view says so; who fires a trigger needs what it does, unless
 * it is done as its owner; and a partition is reached through its parent by what the parent allows.
 */
import { type Operation, operationsOf } from './operation.ts'

const definition = 'owner in use or schema'
const droppable = 'owner in use or schema or owner of shop'
const byOwner = 'owner in use'

const goods = { sql: 'DELETE FROM shop.goods; INSERT INTO shop.goods VALUES (1, 10), (2, 20)' }
const parts = { sql: 'DELETE FROM shop.parts; INSERT INTO shop.parts VALUES (1, 1), (11, 11)' }
const trail = { sql: 'DELETE FROM shop.trail; DELETE FROM shop.watched; DELETE FROM shop.guarded' }

const views = operationsOf(
  { door: 'sql', thing: 'objects', on: 'shop.cheap' },
  {
    read: [
      ['read(id,price) + below read(id,price) of shop.goods', 'SELECT * FROM shop.cheap'],
      ['read(id) + below read(id,price) of shop.goods', 'SELECT id FROM shop.cheap'],
      ['read(id,price) of shop.asking + read(id,price) of shop.goods', 'SELECT * FROM shop.asking'],
      ['read(id) of shop.asking + read(id,price) of shop.goods', 'SELECT id FROM shop.asking WHERE true'],
      ['read of shop.kept', 'SELECT * FROM shop.kept'],
      ['read(id) of shop.goods', 'SELECT id FROM shop.goods'],
      ['read(id,price) + below read(id,price) of shop.goods', 'COPY (SELECT * FROM shop.cheap) TO STDOUT'],
    ],
    lock: [
      [
        'read(id) + update(*) + below read(id,price) of shop.goods + below update(*) of shop.goods',
        'SELECT id FROM shop.cheap FOR UPDATE',
      ],
      [
        'read(id) of shop.asking + update(*) of shop.asking + read(id,price) of shop.goods + update(*) of shop.goods',
        'SELECT id FROM shop.asking FOR SHARE',
      ],
    ],
    explain: [['read(id) + below read(id,price) of shop.goods', 'EXPLAIN SELECT id FROM shop.cheap']],
    insert: [
      ['insert(id,price) + below insert(id,price) of shop.goods', 'INSERT INTO shop.cheap VALUES (9, 9)', goods],
      [
        'insert(id) + read(id) + below insert(id) of shop.goods + below read(id) of shop.goods',
        'INSERT INTO shop.cheap (id) VALUES (9) RETURNING id',
        goods,
      ],
      ['insert(id) of shop.asking + insert(id) of shop.goods', 'INSERT INTO shop.asking (id) VALUES (9)', goods],
    ],
    update: [
      [
        'update(price) + read(id) + below update(price) of shop.goods + below read(id) of shop.goods',
        'UPDATE shop.cheap SET price = 5 WHERE id = 1',
        goods,
      ],
      [
        'update(price) of shop.asking + update(price) of shop.goods + read(id) of shop.goods',
        'UPDATE shop.asking SET price = 5',
        goods,
      ],
    ],
    delete: [
      [
        'delete + read(id) + below delete of shop.goods + below read(id) of shop.goods',
        'DELETE FROM shop.cheap WHERE id = 1',
        goods,
      ],
    ],
    make: [
      ['create of shop', 'CREATE VIEW shop.fresh AS SELECT 1 AS a', { sql: 'DROP VIEW shop.fresh' }],
      [
        'create of public + use of shop',
        'CREATE VIEW public.fresh AS SELECT id FROM shop.goods',
        { sql: 'DROP VIEW public.fresh' },
      ],
      [
        'create of shop + read(id) of shop.goods',
        'CREATE MATERIALIZED VIEW shop.fresh AS SELECT id FROM shop.goods',
        { sql: 'DROP MATERIALIZED VIEW shop.fresh' },
      ],
    ],
    change: [
      [
        'owner in use + create of shop',
        'ALTER VIEW shop.cheap RENAME TO fresh',
        { sql: 'ALTER VIEW shop.fresh RENAME TO cheap' },
      ],
      [
        'owner in use + create of bank',
        'ALTER VIEW shop.cheap SET SCHEMA bank',
        { sql: 'ALTER VIEW bank.cheap SET SCHEMA shop' },
      ],
      [
        'owner in use + create of shop + use of shop',
        'CREATE OR REPLACE VIEW shop.cheap AS SELECT id, price FROM shop.goods WHERE true',
        { sql: 'CREATE OR REPLACE VIEW shop.cheap AS SELECT id, price FROM shop.goods' },
      ],
      [
        byOwner,
        'ALTER VIEW shop.cheap SET (security_barrier = true)',
        { sql: 'ALTER VIEW shop.cheap RESET (security_barrier)' },
      ],
      [byOwner, "COMMENT ON VIEW shop.cheap IS 'x'", { sql: 'COMMENT ON VIEW shop.cheap IS NULL' }],
      [
        'owner in use + below read(id) of bank.vault or granted schema',
        'REFRESH MATERIALIZED VIEW shop.kept',
        { on: 'shop.kept', undo: 'nothing' },
      ],
    ],
    drop: [
      [droppable, 'DROP VIEW shop.cheap', 'all'],
      [droppable, 'DROP MATERIALIZED VIEW shop.kept', { on: 'shop.kept', undo: 'all' }],
    ],
    give: [
      [
        'give read + use of shop',
        'GRANT SELECT ON shop.cheap TO clerk',
        { sql: 'REVOKE ALL ON shop.cheap FROM clerk CASCADE' },
      ],
    ],
    list: [['anybody', "SELECT viewname FROM pg_views WHERE viewname = 'cheap'", { tells: () => [['cheap']] }]],
  },
)

const partitions = operationsOf(
  { door: 'sql', thing: 'objects', on: 'shop.parts' },
  {
    read: [
      ['read(id,n)', 'SELECT * FROM shop.parts'],
      ['read(id,n) of shop.parts_low', 'SELECT * FROM shop.parts_low'],
    ],
    insert: [
      ['insert(id,n)', 'INSERT INTO shop.parts VALUES (5, 5)', parts],
      ['insert(id,n) of shop.parts_low', 'INSERT INTO shop.parts_low VALUES (5, 5)', parts],
    ],
    update: [
      ['update(n)', 'UPDATE shop.parts SET n = 5', parts],
      ['update(id) + read(id)', 'UPDATE shop.parts SET id = 12 WHERE id = 1', parts],
    ],
    delete: [
      ['delete', 'DELETE FROM shop.parts', parts],
      ['delete of shop.parts_low', 'DELETE FROM shop.parts_low', parts],
    ],
    truncate: [['truncate', 'TRUNCATE shop.parts', parts]],
    make: [
      [
        'owner in use + create of shop or schema + create of shop',
        'CREATE TABLE shop.fresh PARTITION OF shop.parts FOR VALUES FROM (20) TO (30)',
        { sql: 'DROP TABLE shop.fresh' },
      ],
    ],
    drop: [[droppable, 'DROP TABLE shop.parts', 'all']],
  },
)

const triggers = operationsOf(
  { door: 'sql', thing: 'objects', on: 'shop.watched' },
  {
    insert: [
      ['insert(id) + insert(id) of shop.trail', 'INSERT INTO shop.watched VALUES (1)', trail],
      ['insert(id) of shop.guarded', 'INSERT INTO shop.guarded VALUES (1)', trail],
    ],
    make: [
      [
        'trigger of shop.goods + execute of shop.note()',
        'CREATE TRIGGER fresh AFTER INSERT ON shop.goods FOR EACH ROW EXECUTE FUNCTION shop.note()',
        { on: 'shop.goods', undo: { sql: 'DROP TRIGGER fresh ON shop.goods' } },
      ],
      [
        'trigger of shop.goods + execute of shop.sealed_note()',
        'CREATE TRIGGER fresh AFTER INSERT ON shop.goods FOR EACH ROW EXECUTE FUNCTION shop.sealed_note()',
        { on: 'shop.goods', undo: { sql: 'DROP TRIGGER fresh ON shop.goods' } },
      ],
    ],
    change: [
      [
        definition,
        'ALTER TABLE shop.watched DISABLE TRIGGER watch',
        { sql: 'ALTER TABLE shop.watched ENABLE TRIGGER watch' },
      ],
    ],
    drop: [[definition, 'DROP TRIGGER watch ON shop.watched', 'all']],
  },
)

const functions = operationsOf(
  { door: 'sql', thing: 'objects', on: 'shop.total()' },
  {
    call: [
      ['execute + read(price) of shop.goods', 'SELECT shop.total()'],
      ['execute of shop.walked() + read(price) of shop.goods', 'SELECT shop.walked()'],
      ['execute of shop.secret()', 'SELECT shop.secret()'],
      ['execute of shop.closed()', 'SELECT shop.closed()'],
      ['execute of shop.closed()', 'SELECT * FROM shop.closed()'],
      ['execute of shop.closed()', 'EXPLAIN SELECT shop.closed()'],
      ['execute of shop.step() + insert(id) of shop.trail', 'CALL shop.step()', trail],
      ['anybody', 'DO $$ begin perform 1; end $$'],
      ['insert(id) of shop.trail', 'DO $$ begin insert into shop.trail values (1); end $$', trail],
    ],
    make: [
      [
        'create of shop',
        "CREATE FUNCTION shop.fresh() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        { sql: 'DROP FUNCTION shop.fresh()' },
      ],
      [
        'create of public',
        "CREATE PROCEDURE public.fresh() LANGUAGE sql AS ''",
        { sql: 'DROP PROCEDURE public.fresh()' },
      ],
    ],
    change: [
      [
        'owner in use + create of shop',
        "CREATE OR REPLACE FUNCTION shop.total() RETURNS int LANGUAGE sql STABLE AS 'SELECT 1'",
        'all',
      ],
      [
        byOwner,
        'ALTER FUNCTION shop.total() SECURITY DEFINER',
        { sql: 'ALTER FUNCTION shop.total() SECURITY INVOKER' },
      ],
      [byOwner, 'ALTER FUNCTION shop.total() COST 5', { sql: 'ALTER FUNCTION shop.total() COST 100' }],
      [
        'owner in use + create of shop',
        'ALTER FUNCTION shop.total() RENAME TO fresh',
        { sql: 'ALTER FUNCTION shop.fresh() RENAME TO total' },
      ],
      [byOwner, "COMMENT ON FUNCTION shop.total() IS 'x'", { sql: 'COMMENT ON FUNCTION shop.total() IS NULL' }],
    ],
    drop: [[droppable, 'DROP FUNCTION shop.total()', 'all']],
    give: [
      [
        'owner in use',
        'GRANT EXECUTE ON FUNCTION shop.closed() TO clerk',
        { on: 'shop.closed()', undo: { sql: 'REVOKE ALL ON FUNCTION shop.closed() FROM clerk' } },
      ],
    ],
  },
)

const types = operationsOf(
  { door: 'sql', thing: 'objects', on: 'shop.mood' },
  {
    read: [['use of shop', "VALUES ('sad'::shop.mood)"]],
    make: [
      ['create of shop + type', 'CREATE TABLE shop.fresh (m shop.mood)', { sql: 'DROP TABLE shop.fresh' }],
      ['create of shop + type', 'CREATE DOMAIN shop.fresh AS shop.mood', { sql: 'DROP DOMAIN shop.fresh' }],
      [
        'create of shop + type',
        "CREATE FUNCTION shop.fresh(m shop.mood) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        { sql: 'DROP FUNCTION shop.fresh' },
      ],
      [
        'create of shop + type',
        "CREATE FUNCTION shop.fresh() RETURNS SETOF shop.mood[] LANGUAGE sql AS 'SELECT NULL::shop.mood[] LIMIT 0'",
        { sql: 'DROP FUNCTION shop.fresh' },
      ],
      ['create of shop', "CREATE TYPE shop.fresh AS ENUM ('a')", { sql: 'DROP TYPE shop.fresh' }],
      ['create of public', 'CREATE TYPE public.fresh AS (a int)', { sql: 'DROP TYPE public.fresh' }],
    ],
    change: [
      [
        definition,
        "ALTER TYPE shop.mood RENAME VALUE 'sad' TO 'blue'",
        { sql: "ALTER TYPE shop.mood RENAME VALUE 'blue' TO 'sad'" },
      ],
      [definition, "COMMENT ON TYPE shop.mood IS 'x'", { sql: 'COMMENT ON TYPE shop.mood IS NULL' }],
    ],
    drop: [[droppable, 'DROP TYPE shop.mood', 'all']],
    give: [
      ['owner in use', 'GRANT USAGE ON TYPE shop.mood TO clerk', { sql: 'REVOKE ALL ON TYPE shop.mood FROM clerk' }],
    ],
  },
)

/** MongoDB's commands on what SQL has made. */
const byDocuments = operationsOf(
  { door: 'mongodb', thing: 'objects', on: 'shop.cheap' },
  {
    read: [
      ['read', { find: 'cheap' }, { lacks: '14' }],
      ['read', { find: 'asking' }, { on: 'shop.asking', lacks: '14' }],
      ['read', { find: 'kept' }, { on: 'shop.kept' }],
      ['read', { find: 'parts' }, { on: 'shop.parts', lacks: '115' }],
      ['read', { find: 'parts_low' }, { on: 'shop.parts_low' }],
    ],
    insert: [
      ['insert', { insert: 'parts', documents: [{ id: 5, n: 5 }] }, { on: 'shop.parts', lacks: '115' }],
      [
        'insert + insert of shop.trail',
        { insert: 'watched', documents: [{ id: 1 }] },
        { on: 'shop.watched', undo: trail },
      ],
      ['insert', { insert: 'guarded', documents: [{ id: 1 }] }, { on: 'shop.guarded', undo: trail }],
    ],
    delete: [['delete', { delete: 'parts', deletes: [{ q: {}, limit: 0 }] }, { on: 'shop.parts', lacks: '115' }]],
  },
)

export const objectOperations: readonly Operation[] = [
  ...views,
  ...partitions,
  ...triggers,
  ...functions,
  ...types,
  ...byDocuments,
]
