/** Unmodified drivers over a real socket: `pg` and `postgres`. */
import { connect } from 'node:net'
import pg from 'pg'
import postgres from 'postgres'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Listener } from '../../host/host.ts'
import { openTestSessions, type TestSessions } from '../../session/testing.ts'
import { defaultGatewayLimits, type Gateway } from '../gateway.ts'
import { Door } from '../door.ts'
import { postgresProtocol } from './gateway.ts'

let opened: TestSessions
let gateway: Gateway
let listener: Listener

beforeAll(async () => {
  opened = await openTestSessions()
  gateway = new Door(postgresProtocol, opened.sessions, defaultGatewayLimits)
  listener = await opened.sessions.host.network.listen({ host: '127.0.0.1', port: 0 }, (socket) =>
    gateway.accept(socket, new Uint8Array(0)),
  )
})

afterAll(async () => {
  await listener.close()
  await gateway.close(1000)
  await opened.close()
})

function address(): { host: string; port: number; user: string; database: string } {
  return { host: '127.0.0.1', port: listener.address.port, user: 'me', database: 'polylog' }
}

async function withPg<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(address())
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

beforeEach(async () => {
  await withPg(async (client) => {
    await client.query('DROP TABLE IF EXISTS account')
    await client.query(
      'CREATE TABLE account (id int PRIMARY KEY, name text UNIQUE, balance numeric(10,2) NOT NULL DEFAULT 0)',
    )
    await client.query("INSERT INTO account VALUES (1, 'ann', 10.50), (2, 'bob', 20)")
  })
})

describe('pg', () => {
  it('reads and writes with parameters', async () => {
    await withPg(async (client) => {
      const inserted = await client.query('INSERT INTO account (id, name) VALUES ($1, $2) RETURNING *', [3, "o'neil"])
      expect(inserted.rows).toEqual([{ id: 3, name: "o'neil", balance: '0.00' }])
      expect(inserted.command).toBe('INSERT')
      expect(inserted.rowCount).toBe(1)
      const updated = await client.query('UPDATE account SET balance = balance + $1 WHERE id = $2', ['1.25', 1])
      expect(updated.rowCount).toBe(1)
      const read = await client.query<{ balance: string }>('SELECT balance FROM account WHERE id = $1', [1])
      expect(read.rows[0]!.balance).toBe('11.75')
    })
  })

  it('makes tables whose keys count by themselves', async () => {
    await withPg(async (client) => {
      await client.query('CREATE TABLE counted (id serial PRIMARY KEY, n bigint GENERATED ALWAYS AS IDENTITY)')
      await client.query('ALTER TABLE counted ADD COLUMN m serial')
      const { rows } = await client.query('INSERT INTO counted DEFAULT VALUES RETURNING *')
      expect(rows).toEqual([{ id: 1, n: '1', m: 1 }])
      await client.query('DROP TABLE counted')
    })
  })

  it('describes what the server knows, and who is connected', async () => {
    await withPg(async (client) => {
      const described = await client.query<{ attname: string }>(
        `SELECT attname FROM pg_attribute WHERE attrelid = 'polylog.locks'::regclass ORDER BY attnum`,
      )
      expect(described.rows.map(({ attname }) => attname)).toContain('transaction')
      await client.query('BEGIN')
      const sessions = await withPg((other) =>
        other.query('SELECT pid, usename, state, datname FROM pg_stat_activity JOIN pg_database USING (datname)'),
      )
      const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid')
      const own = { pid: rows[0]!.pid, usename: 'me', datname: 'polylog' }
      expect(sessions.rows).toContainEqual({ ...own, state: 'idle in transaction' })
      expect(sessions.rows).toContainEqual(expect.objectContaining({ usename: 'me', state: 'active' }))
      const counts = await client.query('SELECT n_live_tup FROM pg_stat_user_tables WHERE relname = $1', ['account'])
      expect(counts.rows).toEqual([{ n_live_tup: '2' }])
    })
  })

  it('uses named statements again', async () => {
    await withPg(async (client) => {
      for (const id of [1, 2, 1]) {
        const found = await client.query({
          name: 'by-id',
          text: 'SELECT name FROM account WHERE id = $1',
          values: [id],
        })
        expect(found.rows).toEqual([{ name: id === 1 ? 'ann' : 'bob' }])
      }
    })
  })

  it('hears all there is to know of an error', async () => {
    await withPg(async (client) => {
      const twice = client.query("INSERT INTO account (id, name) VALUES (9, 'ann')")
      await expect(twice).rejects.toMatchObject({
        code: '23505',
        message: 'duplicate key value violates unique constraint "account_name_key"',
        detail: 'Key (name)=(ann) already exists.',
        constraint: 'account_name_key',
        table: 'account',
        schema: 'public',
      })
      await expect(client.query('SELECT nope FROM account')).rejects.toMatchObject({ code: '42703', position: '8' })
      await expect(client.query('SELEC 1')).rejects.toMatchObject({ code: '42601', position: '1' })
    })
  })

  it('rolls back, and goes on from a savepoint', async () => {
    await withPg(async (client) => {
      await client.query('BEGIN')
      await client.query('UPDATE account SET balance = 0')
      await client.query('SAVEPOINT here')
      await expect(client.query('SELECT 1 / 0')).rejects.toMatchObject({ code: '22012' })
      await expect(client.query('SELECT 1')).rejects.toMatchObject({ code: '25P02' })
      // Also a prepared statement that cannot be bound.
      const unbound = client.query('SELECT $1 FROM missing', [1])
      await expect(unbound).rejects.toMatchObject({ code: '25P02' })
      await client.query('ROLLBACK TO here')
      expect((await client.query('SELECT sum(balance) AS s FROM account')).rows).toEqual([{ s: '0.00' }])
      await client.query('ROLLBACK')
      expect((await client.query('SELECT sum(balance) AS s FROM account')).rows).toEqual([{ s: '30.50' }])
    })
  })

  it('refuses another isolation for a transaction that has begun to work', async () => {
    await withPg(async (client) => {
      await client.query('BEGIN')
      await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ')
      expect((await client.query('SHOW transaction_isolation')).rows[0]).toEqual({
        transaction_isolation: 'repeatable read',
      })
      await client.query('SELECT count(*) FROM account')
      const other = client.query('BEGIN ISOLATION LEVEL SERIALIZABLE')
      await expect(other).rejects.toMatchObject({ code: '25001' })
      await client.query('ROLLBACK')
    })
  })

  it('keeps concurrent increments apart', async () => {
    const add = (): Promise<unknown> =>
      withPg(async (client) => {
        for (let i = 0; i < 20; i++) {
          await client.query('BEGIN')
          await client.query('UPDATE account SET balance = balance + 1 WHERE id = 1')
          await client.query('COMMIT')
        }
      })
    await Promise.all([add(), add(), add()])
    const { rows } = await withPg((client) => client.query('SELECT balance FROM account WHERE id = 1'))
    expect(rows).toEqual([{ balance: '70.50' }])
  })

  it('cancels a statement that waits', async () => {
    await withPg(async (holder) => {
      await holder.query('BEGIN')
      await holder.query('UPDATE account SET balance = 1 WHERE id = 1')
      await withPg(async (waiter) => {
        const waiting = waiter.query('UPDATE account SET balance = 2 WHERE id = 1')
        const refused = expect(waiting).rejects.toMatchObject({ code: '57014' })
        await cancel(waiter)
        await refused
      })
      await holder.query('ROLLBACK')
    })
  })

  it('reads many rows', async () => {
    await withPg(async (client) => {
      const { rows } = await client.query('SELECT n, n * 2 AS twice FROM generate_series(1, 20000) AS n')
      expect(rows).toHaveLength(20_000)
      expect(rows.at(-1)).toEqual({ n: 20_000, twice: 40_000 })
    })
  })
})

/** As libpq's PQcancel: a connection of its own that names the other's process and secret. */
function cancel(client: pg.Client): Promise<void> {
  const { processID, secretKey } = client as unknown as { processID: number; secretKey: number }
  const packet = Buffer.alloc(16)
  packet.writeInt32BE(16, 0)
  packet.writeInt32BE(80_877_102, 4)
  packet.writeInt32BE(processID, 8)
  packet.writeInt32BE(secretKey, 12)
  return new Promise((resolve) => {
    const socket = connect(listener.address.port, '127.0.0.1', () => socket.end(packet))
    socket.on('close', () => resolve())
    socket.resume()
  })
}

describe('a transaction through two connections', () => {
  it('commits for both as its beginner says', async () => {
    await withPg(async (beginner) => {
      await beginner.query('BEGIN')
      await beginner.query('UPDATE account SET balance = balance - 1 WHERE id = 1')
      const { rows } = await beginner.query<{ token: string }>('SELECT polylog_transaction_token() AS token')
      await withPg(async (party) => {
        await party.query('BEGIN')
        await party.query('SELECT polylog_join($1)', [rows[0]!.token])
        const seen = await party.query('UPDATE account SET balance = balance + 1 WHERE id = 2 RETURNING balance')
        expect(seen.rows).toEqual([{ balance: '21.00' }])
        expect((await party.query('SELECT balance FROM account WHERE id = 1')).rows).toEqual([{ balance: '9.50' }])
        const leaving = party.query('COMMIT')
        await beginner.query('COMMIT')
        expect((await leaving).command).toBe('COMMIT')
      })
      expect((await beginner.query('SELECT sum(balance) AS s FROM account')).rows).toEqual([{ s: '30.50' }])
    })
  })

  it('rolls back for both when one of them fails', async () => {
    await withPg(async (beginner) => {
      await beginner.query('BEGIN')
      await beginner.query('UPDATE account SET balance = 0')
      const { rows } = await beginner.query<{ token: string }>('SELECT polylog_transaction_token() AS token')
      await withPg(async (party) => {
        await party.query('BEGIN')
        await party.query('SELECT polylog_join($1)', [rows[0]!.token])
        await expect(party.query('SELECT 1/0')).rejects.toMatchObject({ code: '22012' })
        await expect(beginner.query('SELECT 1')).rejects.toMatchObject({ code: '25P02' })
        expect((await beginner.query('COMMIT')).command).toBe('ROLLBACK')
        expect((await party.query('COMMIT')).command).toBe('ROLLBACK')
        expect((await party.query('SELECT sum(balance) AS s FROM account')).rows).toEqual([{ s: '30.50' }])
      })
    })
  })

  it('needs a token that lives, and to come first', async () => {
    await withPg(async (client) => {
      await expect(client.query("SELECT polylog_join('nope')")).rejects.toMatchObject({ code: '25P01' })
      await client.query('BEGIN')
      await expect(client.query("SELECT polylog_join('nope')")).rejects.toMatchObject({ code: '25P01' })
      await expect(client.query('SELECT 1')).rejects.toMatchObject({ code: '25P02' })
      await client.query('ROLLBACK')
    })
  })
})

describe('postgres', () => {
  it('reads and writes by templates, in a transaction', async () => {
    const sql = postgres({ ...address(), max: 2 })
    try {
      const rows = await sql`SELECT id, name FROM account WHERE id = ${2}`
      expect([...rows]).toEqual([{ id: 2, name: 'bob' }])
      await sql.begin(async (inner) => {
        await inner`UPDATE account SET balance = balance - ${'5.00'} WHERE id = ${1}`
        await inner`INSERT INTO account ${inner({ id: 4, name: 'dora', balance: '5.00' })}`
      })
      const sums = await sql`SELECT sum(balance) AS s FROM account`
      expect(sums[0]).toEqual({ s: '30.50' })
      const listed = await sql`SELECT name FROM account WHERE id = ANY(${[1, 4]}) ORDER BY id`
      expect(listed.map((row) => row['name'])).toEqual(['ann', 'dora'])
    } finally {
      await sql.end()
    }
  })

  it('pipelines many statements on one connection', async () => {
    const sql = postgres({ ...address(), max: 1 })
    try {
      const numbers = await Promise.all(Array.from({ length: 50 }, (_, i) => sql`SELECT ${i}::int AS n`))
      expect(numbers.map(([row]) => Number(row!['n']))).toEqual(Array.from({ length: 50 }, (_, i) => i))
    } finally {
      await sql.end()
    }
  })

  it('reads by cursor', async () => {
    const sql = postgres({ ...address(), max: 1 })
    try {
      const seen: number[] = []
      await sql`SELECT n FROM generate_series(1, 25) AS n`.cursor(10, (rows) => {
        seen.push(rows.length)
      })
      expect(seen).toEqual([10, 10, 5])
    } finally {
      await sql.end()
    }
  })
})
