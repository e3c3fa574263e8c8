/** The package's two functions: what they refuse, and that what is stored is there after opening again. */
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Decimal, open, serve, type EmbeddedDatabase, type ServerOptions } from './polylog.ts'

let folder: string

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'polylog-package-'))
})

afterEach(() => rm(folder, { recursive: true, force: true }))

const refusal = { name: 'PolylogError', code: 'invalid_argument' }
const openAny = open as (...args: readonly unknown[]) => Promise<EmbeddedDatabase>

test('open refuses what it does not know, and makes nothing then', async () => {
  const path = join(folder, 'data')
  const wrong: unknown[][] = [
    [],
    [5],
    [null],
    [''],
    [`${path}\0`],
    [{}],
    [{ memory: false }],
    [{ memory: 1 }],
    [{ memory: true, directory: path }],
    [{ memory: true, durability: 'synced' }],
    [{ memory: true }, {}],
    [path, null],
    [path, 'synced'],
    [path, { memory: true }],
    [path, { durability: 'fsync' }],
    [path, { durabilty: 'written' }],
  ]
  for (const args of wrong) await expect(openAny(...args)).rejects.toMatchObject(refusal)
  await expect(openAny(path, { durabilty: 'written' })).rejects.toThrow(
    'the options of open have no "durabilty"; there are memory, durability',
  )
  expect(await readdir(folder)).toEqual([])
})

test('serve refuses what it does not know', async () => {
  const db = await open({ memory: true })
  const wrong: unknown[] = [
    null,
    5,
    { prot: 1 },
    { port: -1 },
    { port: '7654' },
    { port: 65_536 },
    { host: 5 },
    { protocolPorts: { mysql: 1 } },
    { protocolPorts: { redis: 1.5 } },
    { tls: { certificateFile: 'c' } },
    { tls: { certificateFile: 'c', key: 'k' } },
    { tls: {} },
    { insecureTransport: 'yes' },
    { limits: { maxMessageBytes: 0 } },
    { limits: { maxBytes: 1 } },
    { stopTimeoutMs: NaN },
  ]
  for (const options of wrong) await expect(serve(db, options as ServerOptions)).rejects.toMatchObject(refusal)
  await expect(serve(db, { limits: { maxBytes: 1 } } as ServerOptions)).rejects.toThrow(
    '"limits" of the options of serve have no "maxBytes"',
  )
  for (const other of [undefined, null, {}, 'data'] as unknown as EmbeddedDatabase[]) {
    await expect(serve(other)).rejects.toMatchObject(refusal)
  }
  await db.close()
  await expect(serve(db, { port: 0 })).rejects.toMatchObject({ code: 'shutting_down' })
})

test('what was accepted is there after opening again, and what was refused is not', async () => {
  const at = new Date('2026-11-20T12:00:00.123Z')
  const row = [1, Decimal.parse('1.50'), at, Buffer.from([0, 255]), { a: [1, { b: 2n ** 60n + 1n }] }, [[1, 2]]]
  const path = join(folder, 'data')
  const first = await open(path)
  await first.write((tx) =>
    tx.sql('CREATE TABLE p (id int PRIMARY KEY, n numeric, t timestamptz, b bytea, j jsonb, a int[])'),
  )
  await first.write((tx) => tx.sql('INSERT INTO p VALUES ($1, $2, $3, $4, $5, $6)', row))
  for (const wrong of [at, {}, [1, 2], Buffer.from('a'), true]) {
    await expect(
      first.write((tx) => tx.sql('INSERT INTO p (id, n) VALUES ($1, $2)', [2, wrong])),
    ).rejects.toMatchObject(refusal)
  }
  await first.close()
  const second = await open(path)
  const rows = await second.read((tx) => tx.sql('SELECT * FROM p'))
  await second.close()
  const [id, n, t, , j, a] = row
  expect(rows).toEqual([{ id, n, t, b: new Uint8Array([0, 255]), j, a }])
})
