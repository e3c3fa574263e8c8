/** Who replicates from here has the same keys, whatever becomes of them; `replicas.ci.test.ts` has a real redis-server. */
import { deaf } from '../../../host/deaf.ts'
import { createServer, type AddressInfo, type Server, type Socket as NodeSocket } from 'node:net'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { Socket } from '../../../host/host.ts'
import {
  differencesOf,
  openTestServer,
  openTestServerWithUsers,
  TestChance,
  type TestClient,
  type TestServer,
} from '../testing.ts'

let master: TestServer
let replica: TestServer
let client: TestClient
let reader: TestClient
let port: Server

/** Lets sockets of the system in by a door within the process. */
function letIn({ gateway }: TestServer, socket: NodeSocket): void {
  const entry: Socket = {
    remote: `127.0.0.1:${socket.remotePort}`,
    isLocal: true,
    listener: deaf,
    get pendingBytes() {
      return socket.writableLength
    },
    write: (bytes) => socket.write(Buffer.from(bytes)),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    end: () => socket.end(),
    destroy: () => socket.destroy(),
  }
  gateway.accept(entry, new Uint8Array(0))
  socket.on('error', () => undefined)
  socket.on('data', (chunk) => entry.listener.onData(chunk))
  socket.on('end', () => entry.listener.onEnd())
  socket.on('drain', () => entry.listener.onDrain())
  socket.on('close', () => entry.listener.onClose())
}

beforeEach(async () => {
  master = await openTestServer()
  replica = await openTestServer()
  client = master.connect()
  reader = replica.connect()
  port = createServer((socket) => letIn(master, socket))
  await new Promise<void>((resolve) => port.listen(0, '127.0.0.1', resolve))
})
afterEach(async () => {
  await reader.sendLine('REPLICAOF NO ONE')
  await master.close()
  await replica.close()
  port.close()
})

async function follow(): Promise<void> {
  expect(await reader.sendLine(`REPLICAOF 127.0.0.1 ${(port.address() as AddressInfo).port}`)).toBe('+OK')
  await until(async () => (await info(reader, 'master_link_status')) === 'up')
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 2))
}

async function info(of: TestClient, name: string): Promise<string | undefined> {
  const text = JSON.parse((await of.sendLine('INFO')).replace(/^=/, '')) as string
  return new RegExp(`^${name}:(.*?)\r$`, 'm').exec(text)?.[1]
}

/** Without when its consumers were seen, of which Redis tells replicas nothing either. */
async function stream(of: TestClient, name: string): Promise<string> {
  const facts = await of.send('XINFO', 'STREAM', name, 'FULL', 'COUNT', '0')
  return `${facts.replace(/"(seen|active)-time" :-?\d+/g, '')} ${await of.send('XRANGE', name, '-', '+')}`
}

/** Field by field: DUMP also tells that fields have had times. */
async function hash(of: TestClient, name: string): Promise<string> {
  const fields = ((await of.send('HKEYS', name)).match(/"(?:[^"\\\\]|\\\\.)*"/g) ?? []).map(
    (field) => JSON.parse(field) as string,
  )
  const times = await of.send('HPEXPIRETIME', name, 'FIELDS', String(fields.length), ...fields)
  return `${await of.send('HGETALL', name)} ${times}`
}

/** All that is there: what DUMP says of each key, and when it goes. */
async function contents(of: TestClient): Promise<Record<string, string>> {
  const found: Record<string, string> = {}
  for (const database of [0, 1, 2]) {
    await of.sendLine(`SELECT ${database}`)
    const keys = (await of.sendLine('KEYS *')).match(/"[^"]*"/g) ?? []
    for (const key of keys) {
      const name = JSON.parse(key) as string
      const type = await of.send('TYPE', name)
      const value = await (type === '+stream'
        ? stream(of, name)
        : type === '+hash'
          ? hash(of, name)
          : of.send('DUMP', name))
      found[`${database} ${name}`] = `${await of.send('PEXPIRETIME', name)} ${value}`
    }
  }
  await of.sendLine('SELECT 0')
  return found
}

/** What was written so far is there. */
async function areAlike(): Promise<void> {
  expect(await client.sendLine('WAIT 1 0')).toBe(':1')
  expect(await contents(reader)).toEqual(await contents(client))
}

const setups = [
  'SET s 1',
  'RPUSH l a b c d e f g h',
  'HSET h a 1 b 2 c 3',
  'SADD set a b c 1 2',
  'ZADD z 1 a 2.5 b -inf c',
  'XADD st 1-1 f v g w',
  'XGROUP CREATE st group 0',
  'SET expiring v PX 99999999',
]

it('has at first what is there, and then what comes', async () => {
  for (const line of setups) await client.sendLine(line)
  await client.sendLine('SELECT 2')
  await client.sendLine('SET elsewhere 1')
  await client.sendLine('SELECT 0')
  await follow()
  await areAlike()
  await client.sendLine('XREADGROUP GROUP group alice COUNT 1 STREAMS st >')
  await client.sendLine('HSET h a 9')
  await client.sendLine('DEL s')
  for (const key of ['l', 'h', 'z']) await client.sendLine(`PEXPIRE ${key} 9999999`)
  await areAlike()
  for (const key of ['l', 'h', 'z']) await client.sendLine(`PERSIST ${key}`)
  await client.sendLine('XSETID st 9-9 ENTRIESADDED 50 MAXDELETEDID 3-3')
  await areAlike()
  await client.sendLine('XSETID st 9-9 ENTRIESADDED 50 MAXDELETEDID 4-4')
  await areAlike()
  await client.sendLine('HPEXPIRE h 9999999 FIELDS 1 a')
  await client.sendLine('LPUSH l x y z')
  await areAlike()
  await client.sendLine('LINSERT l BEFORE d inserted')
  await areAlike()
  await client.sendLine('LREM l 1 e')
  await areAlike()
  await client.sendLine('XGROUP DESTROY st group')
  await client.sendLine('XGROUP CREATE st group 0')
  await client.sendLine('SWAPDB 0 2')
  await areAlike()
  await client.sendLine('FLUSHALL')
  await areAlike()
  expect(await reader.sendLine('SET x 1')).toMatch(/^-READONLY/)
})

it('hears of what a transaction had written before anybody listened', async () => {
  for (const line of setups) await client.sendLine(line)
  const other = master.connect()
  for (const line of ['POLYLOG.BEGIN', 'HSET h a 5', 'LSET l 0 first', 'ZADD z 7 a']) await other.sendLine(line)
  await follow()
  await areAlike()
  await other.sendLine('POLYLOG.COMMIT')
  await areAlike()
  expect(await reader.sendLine('HGET h a')).toBe('"5"')
})

it('goes on behind what it has, where the connection was lost', async () => {
  await follow()
  await client.sendLine('SET a 1')
  await areAlike()
  // More than one where a first attempt took too long.
  const before = await info(client, 'sync_full')
  expect(await client.sendLine('CLIENT KILL TYPE replica')).toBe(':1')
  await client.sendLine('SET a 2')
  await until(async () => (await info(client, 'connected_slaves')) === '1')
  await areAlike()
  expect(await info(client, 'sync_full')).toBe(before)
  expect(await info(client, 'sync_partial_ok')).toBe('1')
})

it('hears what is published, behind what was written with it', async () => {
  await follow()
  const listener = replica.connect()
  await listener.sendLine('SUBSCRIBE news')
  await listener.sendLine('SSUBSCRIBE news')
  const local = master.connect()
  await local.sendLine('CONFIG SET notify-keyspace-events KEA')
  await local.sendLine('PSUBSCRIBE n*')
  for (const line of ['MULTI', 'SET a 1', 'PUBLISH news "a\\x00b"', 'PUBLISH news two']) await client.sendLine(line)
  expect(await client.sendLine('EXEC')).toBe('[+OK :1 :1]')
  expect(await listener.next()).toBe('["message" "news" "a\\u0000b"]')
  expect(await reader.sendLine('GET a')).toBe('"1"')
  expect(await listener.next()).toBe('["message" "news" "two"]')
  for (const line of ['POLYLOG.BEGIN', 'PUBLISH news never', 'POLYLOG.ROLLBACK']) await client.sendLine(line)
  expect(await client.sendLine('PUBLISH news three')).toBe(':1')
  expect(await client.sendLine('SPUBLISH news four')).toBe(':0')
  expect(await listener.next()).toBe('["message" "news" "three"]')
  expect(await listener.next()).toBe('["smessage" "news" "four"]')
})

it('is told of messages behind what was written with them, and of no events of keys', async () => {
  const raw = master.connect()
  raw.sendBytes('SYNC\r\n')
  await until(async () => (await info(client, 'slave0'))?.includes('online') === true)
  const local = master.connect()
  await local.sendLine('CONFIG SET notify-keyspace-events KEA')
  await local.sendLine('PSUBSCRIBE *')
  for (const line of ['MULTI', 'SET a 1', 'PUBLISH news one', 'EXEC', 'PUBLISH news last']) await client.sendLine(line)
  const told = (): string => raw.socket.received.toString('latin1').replaceAll(/\r\n|[*$]\d+\r\n/g, ' ')
  await until(async () => told().includes('last'))
  const stream = told().slice(told().indexOf('SELECT')).split(/ +/)
  expect(stream.slice(0, 9).join(' ')).toBe('SELECT 0 SET a 1 PUBLISH news one PUBLISH')
  expect(stream.filter((word) => word === 'PUBLISH')).toHaveLength(2)
})

it('is told of a database where another one was before, and of several keys in a block', async () => {
  const raw = master.connect()
  const told = (): string => raw.socket.received.toString('latin1').replaceAll(/([*$]\d+\r\n|\r\n)+/g, ' ')
  const toldOf = async (wanted: string, ...lines: readonly string[]): Promise<string> => {
    const before = told().length
    for (const line of lines) await client.sendLine(line)
    await until(async () => told().includes(wanted, before))
    return told().slice(before).trim()
  }
  raw.sendBytes('SYNC\r\n')
  await until(async () => (await info(client, 'slave0'))?.includes('online') === true)
  expect(await toldOf('SET a', 'SET a 1')).toBe('SELECT 0 SET a 1')
  expect(await toldOf('SET b', 'SET b 1')).toBe('SET b 1')
  expect(await toldOf('EXEC', 'MSET a 2 b 2')).toMatch(/^MULTI (SET [ab] 2 ){2}EXEC$/)
  expect(await toldOf('SET c', 'SELECT 3', 'SET c 1')).toBe('SELECT 3 SET c 1')
  const both = ['MULTI', 'SET c 2', 'SELECT 0', 'SET a 3', 'EXEC']
  expect(await toldOf('EXEC', ...both)).toBe('SELECT 0 MULTI SET a 3 SELECT 3 SET c 2 EXEC')
  expect(await toldOf('SET d', 'SELECT 3', 'SET d 1')).toBe('SET d 1')
  // Who comes now has nothing selected, and so everybody is told.
  await follow()
  await toldOf('SET e', 'SET e 1')
  await areAlike()
  expect(await reader.sendLine('SELECT 3')).toBe('+OK')
  expect(await reader.sendLine('GET e')).toBe('"1"')
})

it('WAIT counts who has it, and no longer than it may', async () => {
  expect(await client.sendLine('WAIT 1 0')).toBe(':0')
  expect(await client.sendLine('CONFIG SET min-replicas-to-write 1')).toBe('+OK')
  expect(await client.sendLine('SET a 1')).toMatch(/^-NOREPLICAS/)
  await follow()
  await until(async () => (await client.sendLine('SET a 1')) === '+OK')
  expect(await client.sendLine('WAIT 1 0')).toBe(':1')
  expect(await client.sendLine('WAIT 2 10')).toBe(':1')
  expect(await client.sendLine('ROLE')).toMatch(/^\["master" :\d+ \[\["127\.0\.0\.1" "0" "\d+"\]\]\]$/)
})

it('who does not take what it is sent has to go', { timeout: 20_000 }, async () => {
  await client.sendLine('CONFIG SET client-output-buffer-limit "slave 100000 0 0"')
  await client.sendLine('CONFIG SET repl-timeout 1000000')
  const slow = master.connect()
  slow.sendBytes('SYNC\r\n')
  await until(async () => (await info(client, 'slave0'))?.includes('online') === true)
  slow.socket.pendingBytes = 2 * 1024 * 1024
  for (let i = 0; i < 4; i++) await client.send('SET', `long ${i}`, 'x'.repeat(60_000))
  await until(async () => slow.socket.isClosed)
  expect(await info(client, 'connected_slaves')).toBe('0')
})

it('nobody who may not read all may replicate', async () => {
  const server = await openTestServerWithUsers()
  const ada = await server.login('ada')
  await ada.sendLine('SET some:1 x')
  await ada.sendLine('ACL SETUSER bob on >secret +psync +replconf +ping +@read ~some:*')
  const bob = await server.login('bob')
  expect(await bob.sendLine('PSYNC ? -1')).toMatch(/^-NOPERM/)
  expect(await ada.sendLine('PSYNC ? -1')).toMatch(/^\+FULLRESYNC/)
  await server.close()
})

const words = ['a', 'b', 'c', 'd', '1', '2', 'ee', '']

/** One command of a random program. */
function nextCommand(chance: TestChance): string[] {
  const pick = (from: readonly string[]): string => from[chance.below(from.length)]!
  const word = (): string => pick(words)
  const number = (below: number): string => String(chance.below(below))
  const long = (): string => chance.text(chance.below(20) === 0 ? 70_000 : 10).toString('latin1')
  const key = (kind: string): string => `${kind}${number(3)}`
  const id = (): string => `${number(20)}-${number(3)}`
  const commands: (() => string[])[] = [
    () => ['SET', key('s'), long()],
    () => ['SET', key('s'), word(), 'PX', '9999999'],
    () => ['APPEND', key('s'), long()],
    () => ['SETRANGE', key('s'), number(100_000), word()],
    () => ['INCR', key('n')],
    () => ['DEL', key(pick(['s', 'l', 'h', 'x', 'z', 't', 'n']))],
    () => ['PEXPIRE', key(pick(['s', 'l', 'h', 'x', 'z', 't'])), '9999999'],
    () => ['PERSIST', key(pick(['s', 'l', 'h', 'x', 'z', 't']))],
    () => ['LPUSH', key('l'), word(), long(), word()],
    () => ['RPUSH', key('l'), word(), word(), long()],
    () => ['LPOP', key('l'), number(4)],
    () => ['RPOP', key('l'), number(4)],
    () => ['LSET', key('l'), number(6), long()],
    () => ['LREM', key('l'), '1', word()],
    () => ['LINSERT', key('l'), 'BEFORE', word(), long()],
    () => ['LTRIM', key('l'), number(3), '-2'],
    () => ['LMOVE', key('l'), key('l'), 'LEFT', 'RIGHT'],
    () => ['HSET', key('h'), word(), long(), word(), word()],
    () => ['HDEL', key('h'), word(), word()],
    () => ['HINCRBY', key('h'), '1', number(9)],
    () => ['HPEXPIRE', key('h'), '9999999', 'FIELDS', '1', word()],
    () => ['HPERSIST', key('h'), 'FIELDS', '1', word()],
    () => ['SADD', key('x'), word(), word(), number(50)],
    () => ['SREM', key('x'), word(), word()],
    () => ['SPOP', key('x'), '2'],
    () => ['SUNIONSTORE', key('x'), key('x'), key('x')],
    () => ['ZADD', key('z'), number(9), word(), `${number(9)}.5`, word()],
    () => ['ZREM', key('z'), word()],
    () => ['ZINCRBY', key('z'), number(5), word()],
    () => ['ZREMRANGEBYRANK', key('z'), '0', number(2)],
    () => ['ZPOPMIN', key('z'), number(3)],
    () => ['XADD', key('t'), '*', word(), long()],
    () => ['XADD', key('t'), id(), 'f', word()],
    () => ['XDEL', key('t'), id(), id()],
    () => ['XTRIM', key('t'), 'MAXLEN', number(9)],
    () => ['XGROUP', 'CREATE', key('t'), `g${number(2)}`, pick(['0', '$']), 'MKSTREAM'],
    () => ['XGROUP', 'DESTROY', key('t'), `g${number(2)}`],
    () => ['XGROUP', 'SETID', key('t'), `g${number(2)}`, id()],
    () => ['XGROUP', 'CREATECONSUMER', key('t'), `g${number(2)}`, `c${number(2)}`],
    () => ['XGROUP', 'DELCONSUMER', key('t'), `g${number(2)}`, `c${number(2)}`],
    () => ['XREADGROUP', 'GROUP', `g${number(2)}`, `c${number(2)}`, 'COUNT', '2', 'STREAMS', key('t'), '>'],
    () => ['XACK', key('t'), `g${number(2)}`, id(), id()],
    () => ['XSETID', key('t'), '99-9'],
    () => ['XSETID', key('t'), '99-9', 'ENTRIESADDED', `5${number(9)}`, 'MAXDELETEDID', id()],
    () => ['RENAME', key(pick(['s', 'l', 'h', 't'])), key(pick(['s', 'l', 'h', 't']))],
    () => ['COPY', key('l'), key('l'), 'REPLACE'],
    () => ['SELECT', number(3)],
    () => ['MOVE', key('h'), number(3)],
  ]
  const rare: (() => string[])[] = [
    () => ['FLUSHDB'],
    () => ['SWAPDB', number(3), number(3)],
    () => ['FLUSHALL'],
    () => ['EVAL', "redis.call('RPUSH', KEYS[1], 'a'); redis.call('HSET', KEYS[2], 'f', 'v')", '2', key('l'), key('h')],
  ]
  const from = chance.below(60) === 0 ? rare : commands
  return from[chance.below(from.length)]!()
}

it('is alike after any program', { timeout: 60_000 }, async () => {
  const chance = new TestChance()
  await follow()
  for (let round = 0; round < 12; round++) {
    const isBlock = chance.below(3) === 0
    if (isBlock) await client.sendLine('MULTI')
    for (let left = 1 + chance.below(60); left > 0; left--) {
      const command = nextCommand(chance)
      await client.send(...(isBlock && command[0] === 'SELECT' ? ['PING'] : command))
    }
    if (isBlock) await client.sendLine('EXEC')
    await areAlike()
  }
  expect(await info(reader, 'master_link_failure')).toBeUndefined()
  expect(await differencesOf(replica)).toEqual([])
})
