/**
 * Nothing of what clients have written can be read from the disk of an encrypted directory: every byte that is ever written
 * to any file of it is looked at, also of those that are gone by the end, and every name.
 */
import { Redis } from 'ioredis'
import { MongoClient } from 'mongodb'
import { Client } from 'pg'
import { expect, test } from 'vitest'
import { Instance } from '../database/instance.ts'
import type { Disk, Host } from '../host/host.ts'
import { createRealHost } from '../host/real/real-host.ts'
import { createMemoryDisk } from '../host/simulated/memory-disk.ts'
import { FollowingInstance } from '../database/following/following-instance.ts'
import { Sessions } from '../session/sessions.ts'
import { Server } from './server.ts'

const name = 'polylog'
/** Each in the beginning, the middle and the end of what is written. */
const marker = 'MarkerOfSomething'
const key = new Uint8Array(32).fill(7)

/** A disk that remembers what is written to it: all bytes by path. */
function recorded(disk: Disk): { disk: Disk; written: Map<string, Buffer[]> } {
  const written = new Map<string, Buffer[]>()
  const open: Disk['open'] = async (path, options) => {
    const file = await disk.open(path, options)
    const note = (bytes: Uint8Array): void => {
      const kind = path.replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '<uuid>').replaceAll(/[0-9a-f]{16}\.log|\d+$/g, 'N')
      const pieces = written.get(kind) ?? []
      pieces.push(Buffer.from(bytes))
      written.set(kind, pieces)
    }
    const { writeAt, writeAtSync } = file
    return Object.assign(file, {
      writeAt(position: number, bytes: Uint8Array): Promise<void> {
        note(bytes)
        return writeAt.call(file, position, bytes)
      },
      writeAtSync(position: number, bytes: Uint8Array): void {
        note(bytes)
        writeAtSync.call(file, position, bytes)
      },
    })
  }
  const bound = (method: keyof Disk): unknown => (disk[method] as (() => unknown) | undefined)?.bind(disk)
  return {
    disk: new Proxy(disk, { get: (_, method: keyof Disk) => (method === 'open' ? open : bound(method)) }),
    written,
  }
}

async function write(port: number): Promise<void> {
  const pg = new Client({ host: '127.0.0.1', port, user: 'me', database: name })
  const redis = new Redis(port)
  const mongo = new MongoClient(`mongodb://127.0.0.1:${port}/?serverSelectionTimeoutMS=60000`)
  await pg.connect()
  try {
    for (const engine of ['memory', 'sorted']) {
      await pg.query(`CREATE TABLE ${marker}_${engine} (id int PRIMARY KEY, t text) WITH (engine = '${engine}')`)
      const insert = `INSERT INTO ${marker}_${engine} SELECT i, '${marker}' || i || repeat('${marker}', 20) FROM generate_series(1, 1000) i`
      await pg.query(insert)
      await pg.query(`CREATE INDEX ON ${marker}_${engine} (t)`)
      await mongo.db('shop').createCollection(`${marker}${engine}`, { storageEngine: { [engine]: {} } })
      await mongo
        .db('shop')
        .collection(`${marker}${engine}`)
        .insertOne({ text: marker.repeat(20_000) })
    }
    await redis.select(3)
    await redis.call('POLYLOG.ENGINE', 'sorted')
    for (const database of [0, 3]) {
      await redis.select(database)
      await redis.set(`${marker}key`, marker.repeat(20_000))
      await redis.hset(`${marker}hash`, `${marker}field`, marker)
    }
    await pg.query(`SELECT t FROM ${marker}_memory ORDER BY t || '' DESC`)
    await pg.query(`CREATE DATABASE "${marker}"`)
    await pg.query(`CREATE ROLE "${marker}" LOGIN SUPERUSER PASSWORD '${marker}'`)
  } finally {
    redis.disconnect()
    await mongo.close()
    await pg.end()
  }
}

function openOn(host: Host, encryptionKey?: Uint8Array): Promise<Instance> {
  const parts = { engines: { handOverBytes: 64 * 1024 }, memory: { operatorBytes: 64 * 1024 } }
  const options = { host, directory: 'data', checkpointEveryBytes: 256 * 1024, segmentBytes: 1 << 20, ...parts }
  return Instance.open({ ...options, ...(encryptionKey && { encryptionKey }) }, name)
}

/** The kinds of files that were written, and those in which the marker was found. */
async function kindsWritten(encryptionKey?: Uint8Array): Promise<{ kinds: string[]; readable: string[] }> {
  const { disk, written } = recorded(createMemoryDisk())
  const host: Host = { ...createRealHost(), disk }
  const instance = await openOn(host, encryptionKey)
  const { memory } = instance
  const sessions = new Sessions(host, () => instance.databases, { catalog: instance, memory })
  const server = await Server.listen(host, sessions, { port: 0 })
  await write(server.port)
  const database = instance.databases.get(name)!
  await database.logUse.register(marker, {})
  await database.checkpoint()
  await database.pipeline.settled()
  const follower = { name: marker, maxLagBytes: 1 << 30 }
  const following = await FollowingInstance.open(
    { host, directory: 'data', follower, ...(encryptionKey && { encryptionKey }) },
    name,
  )
  await following.waitFor(name, database.newestSequence)
  await following.close()
  await server.close()
  sessions.close()
  await instance.close()
  const found = (pieces: readonly Buffer[]): boolean => {
    return [marker, marker.toLowerCase()].some((text) => Buffer.concat(pieces).includes(text.slice(0, 10)))
  }
  const readable = [...written].filter(([, pieces]) => found(pieces)).map(([kind]) => kind)
  return { kinds: [...written.keys()].sort(), readable: readable.sort() }
}

test('no byte of an encrypted directory says what was written through any door', async () => {
  const open = await kindsWritten()
  // Without a key the same work is to be read in all these places: else nothing would be looked for there.
  expect(open.readable).toEqual([
    'data/CONTENTS.part',
    'data/databases/<uuid>/checkpoint/next.part/entries',
    'data/databases/<uuid>/consumers.part',
    'data/databases/<uuid>/log/N',
    'data/databases/<uuid>/name',
    'data/databases/<uuid>/sorted/next.part',
    'data/temporary/N',
  ])
  const encrypted = await kindsWritten(key)
  expect(encrypted.readable).toEqual([])
  expect(encrypted.kinds).toEqual([...open.kinds, 'data/KEYS.part'].sort())
}, 60_000)
