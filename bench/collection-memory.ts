/**
 * What elements of Redis's collections take in memory: `node .cache/tools/bench/collection-memory.js [elements [bytes]]` after
 * `node scripts/prepare.mjs --tools`. Names have at least so many bytes. All of them in one collection, then ten in each of many; members and fields in random
 * order, scores that have nothing to do with it. Where redis-server is installed, what it says of the same (`used_memory`).
 */
import { spawn } from 'node:child_process'
import { connect, type Socket } from 'node:net'
import { createRealHost } from '../src/host/real/real-host.ts'
import { sliceOf } from '../src/base/slice.ts'
import { openMemoryLog } from '../src/log/memory-log.ts'
import { openMemoryStore } from '../src/storage/memory/memory.ts'
import { Database } from '../src/database/database.ts'
import { type Header, kind, type Kind } from '../src/model/keyvalue/codec.ts'
import { setField } from '../src/model/keyvalue/hashes.ts'
import type { Keyspace } from '../src/model/keyvalue/keys.ts'
import { openCollection, saveCollection } from '../src/model/keyvalue/keyvalue.ts'
import { addMember } from '../src/model/keyvalue/sets.ts'
import { setScore } from '../src/model/keyvalue/sorted-sets.ts'
import type { Transaction } from '../src/database/contract.ts'

const port = 7999

interface Shape {
  readonly title: string
  readonly kind: Kind
  add(tx: Transaction, space: Keyspace, to: Header, n: number): void
  command(key: string, n: number): string[]
}

const nameBytes = Number(process.argv[3] ?? 0)
/** Of a field or member. */
const name = (of: string, n: number): string => `${of}:${String(n).padStart(nameBytes - of.length - 1, '0')}`
const slice = (text: string): ReturnType<typeof sliceOf> => sliceOf(Buffer.from(text))
/** Scores of random order: integers below 2^32, and fractions. */
const integerScore = (n: number): number => Math.imul(n, 0x9e37_79b1) >>> 0
const fraction = (n: number): number => integerScore(n) / 2 ** 32

const shapes: readonly Shape[] = [
  sortedSet('zset, integer scores', integerScore),
  sortedSet('zset, fractions', fraction),
  {
    title: 'hash',
    kind: kind.hash,
    add: (tx, space, to, n) => void setField(tx, space, to, slice(name('field', n)), slice(`value:${n}`)),
    command: (key, n) => ['HSET', key, name('field', n), `value:${n}`],
  },
  {
    title: 'set',
    kind: kind.set,
    add: (tx, space, to, n) => void addMember(tx, space, to, slice(name('member', n))),
    command: (key, n) => ['SADD', key, name('member', n)],
  },
]

function sortedSet(title: string, score: (n: number) => number): Shape {
  return {
    title,
    kind: kind.sortedSet,
    add: (tx, space, to, n) => void setScore(tx, space, to, slice(name('member', n)), score(n)),
    command: (key, n) => ['ZADD', key, `${score(n)}`, name('member', n)],
  }
}

/** A permutation of 0 … count - 1. */
function placeOf(n: number, count: number): number {
  return (n * 514_229) % count
}

async function ours(shape: Shape, count: number, each: number): Promise<number> {
  const host = createRealHost()
  const store = await openMemoryStore(host, undefined)
  const database = await Database.open({ host, name: 'polylog', log: openMemoryLog(), store })
  let space: Keyspace = { id: 0 }
  const run = (work: (tx: Transaction) => void): void => {
    const tx = database.begin({ isolation: 'read committed', readOnly: false, interactive: false })
    tx.beginStatement()
    work(tx)
    if (typeof tx.commit() !== 'number') throw new Error('a transaction is committed in slices')
  }
  run((tx) => (space = tx.createCollection(tx.createNamespace('redis'), 'db0', 'keyvalue', {})))
  const before = store.statistics().usedBytes
  const atOnce = 500
  for (let n = 0; n < count; n += atOnce) {
    run((tx) => {
      for (let i = n; i < Math.min(count, n + atOnce);) {
        const key = slice(`key:${Math.floor(i / each)}`)
        const header = openCollection(tx, space, key, shape.kind)
        const end = Math.min(n + atOnce, count, (Math.floor(i / each) + 1) * each)
        for (; i < end; i++) shape.add(tx, space, header, placeOf(i, count))
        saveCollection(tx, space, key, header)
      }
    })
    if (n % 50_000 === 0) await new Promise<void>((resolve) => host.turn(resolve))
  }
  await new Promise<void>((resolve) => host.turn(resolve))
  const bytes = store.statistics().usedBytes - before
  await database.close()
  return bytes
}

/** A redis-server's answers are counted by their lines alone. */
class Redis {
  readonly #socket: Socket
  #text = ''
  #wake: (() => void) | undefined

  constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (bytes) => {
      this.#text += bytes.toString('latin1')
      this.#wake?.()
    })
  }

  send(command: readonly string[]): void {
    this.#socket.write(`*${command.length}\r\n${command.map((a) => `$${a.length}\r\n${a}\r\n`).join('')}`)
  }

  async lines(isEnough: (text: string) => boolean): Promise<string> {
    while (!isEnough(this.#text)) await new Promise<void>((resolve) => (this.#wake = resolve))
    const text = this.#text
    this.#text = ''
    return text
  }

  async usedBytes(): Promise<number> {
    this.send(['INFO', 'memory'])
    const text = await this.lines((so) => /used_memory:\d+\r\n[^]*mem_/.test(so))
    await new Promise((resolve) => setTimeout(resolve, 50))
    this.#text = ''
    return Number(/used_memory:(\d+)/.exec(text)![1])
  }
}

async function theirs(redis: Redis, shape: Shape, count: number, each: number): Promise<number> {
  redis.send(['FLUSHALL'])
  await redis.lines((text) => text.includes('\r\n'))
  const before = await redis.usedBytes()
  const atOnce = 10_000
  for (let n = 0; n < count; n += atOnce) {
    const end = Math.min(count, n + atOnce)
    for (let i = n; i < end; i++) redis.send(shape.command(`key:${Math.floor(i / each)}`, placeOf(i, count)))
    await redis.lines((text) => text.split('\r\n').length > end - n)
  }
  return (await redis.usedBytes()) - before
}

async function connectTo(): Promise<Socket | undefined> {
  for (let tries = 0; tries < 50; tries++) {
    const socket = connect(port)
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    })
    if (isOpen) return socket
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  return undefined
}

const elements = Number(process.argv[2] ?? 1_000_000)
const server = spawn('redis-server', ['--port', `${port}`, '--save', '', '--appendonly', 'no'], { stdio: 'ignore' })
let isInstalled = true
server.once('error', () => (isInstalled = false))
await new Promise((resolve) => setTimeout(resolve, 200))
const socket = isInstalled ? await connectTo() : undefined
const redis = socket && new Redis(socket)
for (const each of [elements, 10]) {
  for (const shape of shapes) {
    const own = (await ours(shape, elements, each)) / elements
    const other = redis && (await theirs(redis, shape, elements, each)) / elements
    const title = each === elements ? `${shape.title}, all in one` : `${shape.title}, ten in each`
    const ratio = other === undefined ? '' : `  redis-server ${other.toFixed(1)}  ratio ${(own / other).toFixed(2)}`
    process.stdout.write(`${title.padEnd(40)} ${own.toFixed(1)}${ratio}\n`)
  }
}
socket?.destroy()
server.kill()
