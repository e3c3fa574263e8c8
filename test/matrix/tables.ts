/** What is there in SQL, in words that PostgreSQL knows, too. */
export const tables: readonly string[] = [
  'CREATE SCHEMA shop',
  'CREATE TABLE shop.items (id int PRIMARY KEY DEFAULT 7, name text, price int)',
  'CREATE INDEX items_by_name ON shop.items (name)',
  'CREATE SEQUENCE shop.numbers',
  'CREATE SCHEMA bank',
  'CREATE TABLE bank.vault (id int PRIMARY KEY)',
  'INSERT INTO bank.vault VALUES (1)',
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
  'ALTER ROLE ada NOSUPERUSER NOCREATEROLE NOCREATEDB INHERIT',
]
