/**
 * Published rows, by the unmodified driver: what a subscriber is told is what PostgreSQL 15 tells for the same statements (compared
 * with it, but that it describes a relation again where nothing of it has changed), and enough to keep a copy.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import fc from 'fast-check'
import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Change, type Row, shownChange, Subscriber } from './testing-subscriber.ts'
import { administrator, password, ServerWithUsers } from './testing-users.ts'

let server: ServerWithUsers
let sql: pg.Client
const open: Subscriber[] = []

beforeAll(async () => {
  server = await ServerWithUsers.start()
  sql = await server.pg()
})

afterAll(async () => {
  for (const one of open) one.close()
  await server.stop()
})

async function subscriber(user = administrator): Promise<Subscriber> {
  const { port } = server.server
  const one = await Subscriber.connect({ host: '127.0.0.1', port, user, password, database: 'polylog' })
  open.push(one)
  return one
}

async function createSlot(name: string): Promise<void> {
  await sql.query(`select * from pg_create_logical_replication_slot('${name}', 'pgoutput')`)
}

const messages = ", messages 'true'"
let marks = 0

/** A message that comes behind what was written before. */
async function mark(): Promise<string> {
  const content = `mark ${++marks}`
  await sql.query('select pg_logical_emit_message(true, $1, $2::text)', ['test', content])
  return content
}

async function errorOf(run: Promise<unknown>): Promise<string> {
  return run.then(
    () => 'done',
    (error: unknown) => {
      const { code, message, detail } = error as pg.DatabaseError
      return `ERROR ${code} ${message}${detail === undefined ? '' : ` | ${detail}`}`
    },
  )
}

describe('what a subscriber is told', () => {
  it.each(['published-rows', 'publications'])('%s', async (name) => {
    const own = await ServerWithUsers.start()
    const client = await own.pg()
    const path = new URL(`golden/${name}.sql`, import.meta.url)
    const statements = readFileSync(path, 'utf8')
      .split(/;\s*\n/)
      .map((text) => text.trim())
      .filter((text) => text !== '')
    const lines: string[] = []
    for (const text of statements) {
      if (text === '-- slot') await client.query(`select * from pg_create_logical_replication_slot('s', 'pgoutput')`)
      else {
        const told = await errorOf(client.query(text))
        if (told !== 'done') lines.push(`${told} <- ${text}`)
      }
    }
    await client.query(`select pg_logical_emit_message(true, 'test', 'end')`)
    const { port } = own.server
    const one = await Subscriber.connect({
      host: '127.0.0.1',
      port,
      user: administrator,
      password,
      database: 'polylog',
    })
    one.start('s', 'p1,p2', messages)
    lines.push(...(await one.untilMark('end')).map(shownChange))
    one.close()
    await own.stop()
    const golden = new URL(`golden/${name}.txt`, import.meta.url)
    const text = `${lines.join('\n')}\n`
    if (process.env['REWRITE'] !== undefined) writeFileSync(golden, text)
    expect(text).toBe(readFileSync(golden, 'utf8'))
  })

  it('comes in the binary form of its types where that is asked for', async () => {
    await sql.query('create table wire (id int primary key, n numeric, t text); create publication wire for table wire')
    await createSlot('wire')
    await sql.query(`insert into wire values (258, 1.5, 'a')`)
    const one = await subscriber()
    one.start('wire', 'wire', `, binary 'true'${messages}`)
    const changes = await one.untilMark(await mark())
    expect(changes.find(({ kind }) => kind === 'insert')).toMatchObject({
      row: { id: '\\x00000102', n: '\\x000200000000000100011388', t: '\\x61' },
    })
  })

  it('is what MongoDB and triggers write, too', async () => {
    await sql.query(`create table shown (_id int primary key, t text); create table kept (id int primary key, t text);
      create function keep() returns trigger language plpgsql as $$
        begin insert into kept values (new._id, new.t); return new; end $$;
      create trigger keep after insert on shown for each row execute function keep();
      create publication doors for table shown, kept`)
    await createSlot('doors')
    const mongo = server.mongo()
    await mongo.db('public').collection<{ _id: number; t: string }>('shown').insertOne({ _id: 1, t: 'a' })
    await mongo
      .db('public')
      .collection<{ _id: number; t: string }>('shown')
      .updateOne({ _id: 1 }, { $set: { t: 'b' } })
    const one = await subscriber()
    one.start('doors', 'doors', messages)
    const changes = await one.untilMark(await mark())
    expect(changes.filter(({ kind }) => kind !== 'relation').map(shownChange)).toEqual([
      'BEGIN',
      'INSERT shown {"_id":"1","t":"a"}',
      'INSERT kept {"id":"1","t":"a"}',
      'COMMIT',
      'BEGIN',
      'UPDATE shown {"_id":"1","t":"b"}',
      'COMMIT',
      'BEGIN',
      `MESSAGE test mark ${marks}`,
      'COMMIT',
    ])
  })
})

/** Rows by their keys, as a subscriber keeps them. */
class Copy {
  readonly #tables = new Map<string, Map<string, Row>>()

  of(table: string): Map<string, Row> {
    let rows = this.#tables.get(table)
    if (rows === undefined) this.#tables.set(table, (rows = new Map<string, Row>()))
    return rows
  }

  apply(change: Change): void {
    if (change.kind === 'truncate') for (const { name } of change.relations) this.of(name).clear()
    if (change.kind !== 'insert' && change.kind !== 'update' && change.kind !== 'delete') return
    const { relation, old, row } = change
    const keys = relation.columns.filter(({ isKey }) => isKey)
    const keyOf = (one: Row): string => keys.map(({ name }) => one[name]).join('|')
    const rows = this.of(relation.name)
    const before = old ?? (change.kind === 'update' ? row : undefined)
    if (before !== undefined && !rows.delete(keyOf(before))) throw new Error(`no row for ${shownChange(change)}`)
    if (row === undefined) return
    if (rows.has(keyOf(row))) throw new Error(`a second row for ${shownChange(change)}`)
    rows.set(keyOf(row), row)
  }

  rows(table: string): string[] {
    return [...this.of(table).values()].map((row) => JSON.stringify(Object.values(row))).sort()
  }
}

const tables = ['parent', 'child', 'part_a', 'part_b', 'whole'] as const

const setUp = `
  create table parent (id int primary key, u int unique);
  create table child (id int primary key, p int references parent on delete cascade on update cascade, n numeric);
  create table part (id int, k text, primary key (id, k)) partition by list (k);
  create table part_a partition of part for values in ('a');
  create table part_b partition of part for values in ('b');
  create table whole (id int, t text);
  alter table whole replica identity full;
  create publication copied for table parent, child, part, whole`

const id = fc.integer({ min: 1, max: 6 })
const statement = fc.oneof(
  fc.tuple(id, id).map(([a, b]) => `insert into parent values (${a}, ${b}) on conflict do nothing`),
  fc
    .tuple(id, id)
    .map(([a, b]) => `insert into parent values (${a}, ${b}) on conflict (id) do update set u = ${b} + 10`),
  fc.tuple(id, id).map(([a, b]) => `insert into child values (${a}, ${b}, ${b}.50)`),
  fc.tuple(id, id).map(([a, b]) => `update parent set id = ${b} where id = ${a}`),
  id.map((a) => `update child set n = n + ${a}, id = id + 6 where id <= ${a}`),
  id.map((a) => `delete from parent where id = ${a}`),
  id.map((a) => `delete from child where id % ${a} = 0`),
  fc
    .tuple(id, fc.constantFrom('a', 'b'))
    .map(([a, k]) => `insert into part values (${a}, '${k}') on conflict do nothing`),
  fc.tuple(id, fc.constantFrom('a', 'b')).map(([a, k]) => `update part set k = '${k}' where id = ${a}`),
  id.map((a) => `update part_a set id = ${a} where id = (select min(id) from part_a)`),
  fc.tuple(id, id).map(([a, b]) => `insert into whole values (${a}, '${b}${a}')`),
  id.map((a) => `update whole set t = t || ${a} where id = ${a}`),
  id.map((a) => `delete from whole where id = ${a}`),
  fc.constantFrom('truncate part', 'truncate parent cascade', 'truncate whole, part_b'),
  fc.constantFrom('begin', 'commit', 'rollback', 'savepoint s', 'rollback to s', 'release s'),
)

describe('a copy', () => {
  it('is the same after any statements', async () => {
    await sql.query(setUp)
    await sql.query('alter table whole add number bigserial')
    await createSlot('copy')
    const one = await subscriber()
    one.start('copy', 'copied', messages)
    const copy = new Copy()
    let applied = 0
    await fc.assert(
      fc.asyncProperty(fc.array(statement, { maxLength: 40 }), async (statements) => {
        const writer = await server.pg()
        for (const text of statements) await errorOf(writer.query(text))
        await errorOf(writer.query('rollback'))
        await writer.end()
        const changes = await one.untilMark(await mark())
        for (; applied < changes.length; applied++) copy.apply(changes[applied]!)
        for (const table of tables) {
          const columns =
            table === 'whole'
              ? 'id::text, t, number::text'
              : table === 'child'
                ? 'id::text, p::text, n::text'
                : table === 'parent'
                  ? 'id::text, u::text'
                  : 'id::text, k'
          const { rows } = await sql.query<unknown[]>({ text: `select ${columns} from ${table}`, rowMode: 'array' })
          expect(copy.rows(table)).toEqual(rows.map((row) => JSON.stringify(row)).sort())
        }
      }),
      { numRuns: 25 },
    )
  })

  it('goes on where it was confirmed, in another stream', async () => {
    await sql.query('create table resumed (id int primary key); create publication resumed for table resumed')
    await createSlot('resumed')
    const first = await subscriber()
    first.start('resumed', 'resumed', messages)
    await sql.query('insert into resumed values (1)')
    await sql.query('insert into resumed values (2)')
    await first.untilMark(await mark())
    first.confirm()
    await first.stop()
    await sql.query('insert into resumed values (3)')
    const second = await subscriber()
    second.start('resumed', 'resumed', messages)
    const changes = await second.untilMark(await mark())
    expect(changes.flatMap((change) => (change.kind === 'insert' ? [change.row!['id']] : []))).toEqual(['3'])
    await second.stop()
    // What was not confirmed comes again; who knows better says so.
    const third = await subscriber()
    third.start('resumed', 'resumed', messages)
    expect(await third.untilMark(`mark ${marks}`)).toContainEqual(expect.objectContaining({ row: { id: '3' } }))
    const { rows } = await sql.query<{ lsn: string }>('select pg_current_wal_lsn() as lsn')
    const fourth = await subscriber()
    await third.stop()
    fourth.start('resumed', 'resumed', messages, rows[0]!.lsn)
    await sql.query('insert into resumed values (4)')
    const last = await fourth.untilMark(await mark())
    expect(last.flatMap((change) => (change.kind === 'insert' ? [change.row!['id']] : []))).toEqual(['4'])
  })
})

describe('a slot', () => {
  it('waits for who has written before it, and not for others', async () => {
    await sql.query('create table waited (id int primary key); create publication waited for table waited')
    const [writer, reader] = [await server.pg(), await server.pg()]
    await writer.query('begin; insert into waited values (1)')
    await reader.query('begin; select * from waited')
    // Without slots the row has left no note.
    for (const { slot_name: name } of (await sql.query('select slot_name from pg_replication_slots where not active'))
      .rows) {
      await sql.query('select pg_drop_replication_slot($1)', [name])
    }
    const one = await subscriber()
    await one.client.query('begin isolation level repeatable read read only')
    let isMade = false
    const made = one.client
      .query(`CREATE_REPLICATION_SLOT "waited" LOGICAL pgoutput (SNAPSHOT 'use')`)
      .then(() => (isMade = true))
    await sql.query('insert into waited values (2)')
    expect(isMade).toBe(false)
    await writer.query('commit')
    await made
    await sql.query('insert into waited values (3)')
    expect((await one.client.query('select id from waited order by id')).rows).toEqual([{ id: 1 }, { id: 2 }])
    await one.client.query('commit')
    await reader.query('rollback')
    one.start('waited', 'waited', messages)
    const changes = await one.untilMark(await mark())
    expect(changes.flatMap((change) => (change.kind === 'insert' ? [change.row!['id']] : []))).toEqual(['3'])
  })

  it('exports the state that it begins with, until the next command', async () => {
    await sql.query(`create table exported (id int primary key); insert into exported values (1);
      create publication exported for table exported`)
    const one = await subscriber()
    const made = await one.client.query<{ snapshot_name: string }>(
      'CREATE_REPLICATION_SLOT "exported" LOGICAL pgoutput',
    )
    const take = `begin isolation level repeatable read read only; set transaction snapshot '${made.rows[0]!.snapshot_name}'`
    await sql.query('insert into exported values (2)')
    const reader = await server.pg()
    await reader.query(take)
    expect((await reader.query('select id from exported')).rows).toEqual([{ id: 1 }])
    one.start('exported', 'exported', messages)
    const changes = await one.untilMark(await mark())
    expect(changes.flatMap((change) => (change.kind === 'insert' ? [change.row!['id']] : []))).toEqual(['2'])
    expect((await reader.query('select id from exported')).rows).toEqual([{ id: 1 }])
    await reader.query('commit')
    expect(await errorOf(reader.query(take))).toContain('22023')
    await reader.query('rollback')
    await one.stop()
    // In between nothing of it is open.
    await one.client.query('CREATE_REPLICATION_SLOT "again" TEMPORARY LOGICAL pgoutput EXPORT_SNAPSHOT')
    await one.client.query('insert into exported values (3)')
  })

  it('is read by one at a time, and is dropped when nobody reads it', async () => {
    await createSlot('alone')
    await sql.query('create table alone (id int primary key); create publication alone for table alone')
    const [first, second] = [await subscriber(), await subscriber()]
    first.start('alone', 'alone', messages)
    await first.untilMark(await mark())
    second.start('alone', 'alone', messages)
    expect(await errorOf(second.untilMark(await mark()))).toMatch(
      /^ERROR 55006 replication slot "alone" is active for PID \d+$/,
    )
    expect(await errorOf(sql.query(`select pg_drop_replication_slot('alone')`))).toContain('55006')
    await first.stop()
    await sql.query(`select pg_drop_replication_slot('alone')`)
    expect(await errorOf(sql.query(`select pg_drop_replication_slot('alone')`))).toContain('42704')
  })

  it('goes with its session where it is temporary', async () => {
    const client = await server.pg()
    await client.query(`select * from pg_create_logical_replication_slot('fleeting', 'pgoutput', true)`)
    const shown = async (): Promise<unknown[]> =>
      (await sql.query(`select temporary from pg_replication_slots where slot_name = 'fleeting'`)).rows
    expect(await shown()).toEqual([{ temporary: true }])
    await client.end()
    await expect.poll(shown, { timeout: 30_000 }).toEqual([])
  })

  it('is refused by PostgreSQL’s errors', async () => {
    const one = await subscriber()
    const asked: Record<string, string> = {}
    for (const text of [
      `CREATE_REPLICATION_SLOT "No" LOGICAL pgoutput`,
      `CREATE_REPLICATION_SLOT x LOGICAL wal2json`,
      `CREATE_REPLICATION_SLOT x PHYSICAL`,
      `CREATE_REPLICATION_SLOT x LOGICAL pgoutput (SNAPSHOT 'use')`,
      `CREATE_REPLICATION_SLOT x LOGICAL pgoutput (SNAPSHOT 'some')`,
      `CREATE_REPLICATION_SLOT x LOGICAL pgoutput (TWO_PHASE)`,
      `CREATE_REPLICATION_SLOT`,
      `DROP_REPLICATION_SLOT nobody`,
      `START_REPLICATION SLOT nobody LOGICAL 0/0 (proto_version '1', publication_names 'x')`,
      `START_REPLICATION 0/0`,
      `START_REPLICATION SLOT "x" LOGICAL 0/0 (publication_names 'x')`,
      `START_REPLICATION SLOT "x" LOGICAL 0/0 (proto_version '9', publication_names 'x')`,
      `START_REPLICATION SLOT "x" LOGICAL 0/0 (proto_version '1', publication_names 'nobody')`,
      `START_REPLICATION SLOT "x" LOGICAL 0/0 (proto_version '1', streaming 'on', publication_names 'x')`,
      `START_REPLICATION SLOT "x" LOGICAL nowhere (proto_version '1', publication_names 'x')`,
      `START_REPLICATION SLOT "x LOGICAL 0/0`,
      `BASE_BACKUP`,
    ]) {
      asked[text] = await errorOf(one.client.query(text))
    }
    await expect(`${JSON.stringify(asked, undefined, 2)}\n`).toMatchFileSnapshot('golden/refused-slots.txt')
    expect((await one.client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
  })

  it('outlives nonsense from its reader', async () => {
    await createSlot('nonsense')
    await sql.query('create table nonsense (id int primary key); create publication nonsense for table nonsense')
    for (const bytes of [
      Buffer.alloc(0),
      Buffer.from('r'),
      Buffer.alloc(34, 0x72).subarray(0, 33),
      Buffer.from('zz'),
    ]) {
      const one = await subscriber()
      one.start('nonsense', 'nonsense', messages)
      await one.untilMark(await mark())
      one.send(bytes)
      expect(await errorOf(one.untilMark(await mark()))).toContain('08P01')
      expect((await one.client.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    }
    const one = await subscriber()
    one.start('nonsense', 'nonsense', messages)
    await one.untilMark(await mark())
    // Nobody has flushed what was never sent.
    one.confirm(2n ** 64n - 1n)
    await one.stop()
    const slot = `select confirmed_flush_lsn <= pg_current_wal_lsn() as is_there from pg_replication_slots where slot_name = 'nonsense'`
    expect((await sql.query(slot)).rows).toEqual([{ is_there: true }])
    const again = await subscriber()
    await sql.query('insert into nonsense values (1)')
    again.start('nonsense', 'nonsense', messages)
    expect(await again.untilMark(await mark())).toContainEqual(expect.objectContaining({ row: { id: '1' } }))
  })
})

describe('who may follow', () => {
  /** The publication and the slot of that name. */
  async function startAs(user: string, name: string): Promise<Subscriber> {
    const one = await subscriber(user)
    one.start(name, name, messages)
    return one
  }

  it('or is a role of REPLICATION, which superusers make', async () => {
    await sql.query('create table open (id int primary key); create publication open for table open')
    await server.addUser('replica')
    await createSlot('open')
    const start = (): Promise<Subscriber> => startAs('replica', 'open')
    await sql.query('grant select on open to replica; insert into open values (1)')
    expect(await errorOf((await start()).untilMark(await mark()))).toContain('42501')
    await sql.query('alter role replica replication createrole')
    const one = await start()
    expect(await one.untilMark(await mark())).toContainEqual(expect.objectContaining({ row: { id: '1' } }))
    await one.stop()
    const shown = `select rolreplication, userepl from pg_roles join pg_user on usename = rolname where rolname = 'replica'`
    expect((await sql.query(shown)).rows).toEqual([{ rolreplication: true, userepl: true }])
    for (const statement of ['create role more replication', 'alter role replica noreplication']) {
      expect(await errorOf(sql.query(`set role replica; ${statement}`))).toMatch(/42501|must be superuser/)
      await sql.query('reset role')
    }
    await sql.query('alter role replica noreplication')
    expect(await errorOf((await start()).untilMark(await mark()))).toContain('42501')
  })

  it('has FEED on the database, and may read the tables, all of them, at every transaction', async () => {
    await sql.query('create table secret (id int primary key); create publication secret for table secret')
    await server.addUser('reader')
    await createSlot('secret')
    const start = (): Promise<Subscriber> => startAs('reader', 'secret')
    await sql.query('insert into secret values (1)')
    expect(await errorOf((await start()).untilMark(await mark()))).toContain('42501')
    await sql.query('grant connect, feed on database polylog to reader')
    expect(await errorOf((await start()).untilMark(await mark()))).toContain('42501 permission denied for table secret')
    await sql.query('grant select on secret to reader')
    const one = await start()
    await one.untilMark(await mark())
    expect(one.changes).toContainEqual(expect.objectContaining({ row: { id: '1' } }))
    await sql.query('revoke select on secret from reader')
    await sql.query('insert into secret values (2)')
    expect(await errorOf(one.untilMark(await mark()))).toContain('42501')
    await sql.query('grant select on secret to reader; alter table secret enable row level security')
    const other = await start()
    expect(await errorOf(other.untilMark(await mark()))).toContain('row policies')
    const slot = `CREATE_REPLICATION_SLOT "own" LOGICAL pgoutput`
    await sql.query('revoke feed on database polylog from reader')
    expect(await errorOf((await subscriber('reader')).client.query(slot))).toContain('42501')
  })
})
