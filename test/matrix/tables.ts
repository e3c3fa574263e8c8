/** What is there in SQL, in words that PostgreSQL knows, too. */
export const tables: readonly string[] = [
  'CREATE SCHEMA shop',
  'CREATE TABLE shop.items (id int PRIMARY KEY DEFAULT 7, name text, price int)',
  'CREATE INDEX items_by_name ON shop.items (name)',
  'CREATE SEQUENCE shop.numbers',
  'CREATE SCHEMA bank',
  'CREATE TABLE bank.vault (id int PRIMARY KEY)',
  'INSERT INTO bank.vault VALUES (1)',
  'CREATE TABLE shop.goods (id int, price int)',
  'INSERT INTO shop.goods VALUES (1, 10), (2, 20)',
  'CREATE VIEW shop.cheap AS SELECT id, price FROM shop.goods',
  'CREATE VIEW shop.asking WITH (security_invoker = true) AS SELECT id, price FROM shop.goods WHERE id < 100',
  'CREATE MATERIALIZED VIEW shop.kept AS SELECT id FROM bank.vault',
  'CREATE TABLE shop.parts (id int, n int) PARTITION BY RANGE (id)',
  'CREATE TABLE shop.parts_low PARTITION OF shop.parts FOR VALUES FROM (0) TO (10)',
  'CREATE TABLE shop.parts_high PARTITION OF shop.parts FOR VALUES FROM (10) TO (20)',
  'INSERT INTO shop.parts VALUES (1, 1), (11, 11)',
  'CREATE TABLE shop.trail (id int)',
  'CREATE TABLE shop.watched (id int)',
  'CREATE TABLE shop.guarded (id int)',
  'CREATE FUNCTION shop.note() RETURNS trigger LANGUAGE plpgsql AS ' +
    "'begin insert into shop.trail (id) values (new.id); return new; end'",
  'CREATE FUNCTION shop.sealed_note() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS ' +
    "'begin insert into shop.trail (id) values (new.id); return new; end'",
  'REVOKE EXECUTE ON FUNCTION shop.sealed_note() FROM PUBLIC',
  'CREATE TRIGGER watch AFTER INSERT ON shop.watched FOR EACH ROW EXECUTE FUNCTION shop.note()',
  'CREATE TRIGGER guard AFTER INSERT ON shop.guarded FOR EACH ROW EXECUTE FUNCTION shop.sealed_note()',
  "CREATE FUNCTION shop.total() RETURNS int LANGUAGE sql STABLE AS 'SELECT max(price) FROM shop.goods'",
  'CREATE FUNCTION shop.walked() RETURNS int LANGUAGE plpgsql AS ' +
    "'begin return (select max(price) from shop.goods); end'",
  "CREATE FUNCTION shop.secret() RETURNS int LANGUAGE sql SECURITY DEFINER AS 'SELECT id FROM bank.vault'",
  "CREATE FUNCTION shop.closed() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 1'",
  'REVOKE EXECUTE ON FUNCTION shop.closed() FROM PUBLIC',
  "CREATE PROCEDURE shop.step() LANGUAGE sql AS 'INSERT INTO shop.trail (id) VALUES (1)'",
  "CREATE TYPE shop.mood AS ENUM ('sad', 'glad')",
  'REVOKE USAGE ON TYPE shop.mood FROM PUBLIC',
  'DROP PUBLICATION IF EXISTS told',
  'CREATE PUBLICATION told FOR TABLE shop.items',
]

export const itemsAnew = "DELETE FROM shop.items; INSERT INTO shop.items VALUES (1, 'one', 10), (2, 'two', 20)"

/** `ada` has nothing any more, whatever it was. */
export const takingAll: readonly string[] = [
  'REASSIGN OWNED BY ada, crew TO root',
  'DROP OWNED BY ada, crew, mate CASCADE',
  'REVOKE ALL ON shop.items, shop.notes, redis.db0 FROM PUBLIC CASCADE',
  'REVOKE ALL ON SCHEMA shop, redis FROM PUBLIC CASCADE',
  'REVOKE crew, mate, pg_read_all_data, pg_write_all_data, pg_monitor, pg_read_all_stats, pg_signal_backend, ' +
    'pg_checkpoint FROM ada',
  'REVOKE crew FROM mate',
  'ALTER ROLE ada NOSUPERUSER NOCREATEROLE NOCREATEDB NOREPLICATION INHERIT',
]

/** The collections of `shop`, in the order of their names; of SQL's views, MongoDB knows nothing. */
export const namesInShop: readonly string[] =
  'asking cheap goods guarded items kept notes parts parts_high parts_low trail watched'.split(' ')
export const viewNames: ReadonlySet<string> = new Set(['asking', 'cheap'])
