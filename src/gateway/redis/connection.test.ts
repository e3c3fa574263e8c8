import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { encodeCommand, openTestServer, type TestClient, type TestServer } from './testing.ts'

let server: TestServer
let a: TestClient
let b: TestClient

beforeEach(async () => {
  server = await openTestServer({ maxMessageBytes: 1024 * 1024 })
  a = server.connect()
  b = server.connect()
})
afterEach(() => server.close())

describe('a connection', () => {
  it('answers pipelined commands in order', async () => {
    a.sendBytes(
      Buffer.concat([encodeCommand(['SET', 'a', '1']), encodeCommand(['INCR', 'a']), encodeCommand(['NOPE'])]),
    )
    a.sendBytes('PING\r\n')
    expect(await a.next()).toBe('+OK')
    expect(await a.next()).toBe(':2')
    expect(await a.next()).toBe("-ERR unknown command 'NOPE', with args beginning with: ")
    expect(await a.next()).toBe('+PONG')
  })

  it.each([['POLYLOG.DURABILITY', 'memory'], ['RESET']])(
    'lets no reply leave earlier because %s came behind it',
    async (...command) => {
      const { database } = server
      const watched = database.durableThrough.bind(database)
      const asked: string[] = []
      database.durableThrough = (level) => {
        asked.push(level)
        return watched(level)
      }
      a.sendBytes(Buffer.concat([encodeCommand(['SET', 'a', '1']), encodeCommand(command)]))
      expect(a.socket.received.toString()).toBe('')
      expect(asked.find((level) => level !== 'memory')).toBe('synced')
      expect(await a.next()).toBe('+OK')
    },
  )

  it('goes on with its own half of a request, also where others have sent theirs', async () => {
    for (const [client, half] of [
      [a, '*2\r\n$4\r\nECHO\r\n'],
      [b, '*2\r\n$4\r\nECHO\r\n$1'],
    ] as const)
      client.sendBytes(half)
    a.sendBytes('$4\r\nof a\r\n')
    b.sendBytes('\r\nb\r\n')
    expect([await a.next(), await b.next()]).toEqual(['"of a"', '"b"'])
  })

  it('is closed after a protocol error, and after QUIT', async () => {
    a.sendBytes('*1\r\n:1\r\n*1\r\n$4\r\nPING\r\n')
    expect(await a.next()).toBe("-ERR Protocol error: expected '$', got ':'")
    expect(await a.next()).toBe('(closed)')
    b.sendBytes('QUIT\r\nPING\r\n')
    expect(await b.next()).toBe('+OK')
    expect(await b.next()).toBe('(closed)')
  })

  it('that speaks HTTP is closed without an answer', async () => {
    a.sendBytes('POST / HTTP/1.1\r\nHost: localhost\r\n\r\nSET a 1\r\n')
    expect(await a.next()).toBe('(closed)')
    b.sendBytes('Host: localhost\r\n')
    expect(await b.next()).toBe('(closed)')
  })

  it('carries out what was sent before the client ended its half', async () => {
    a.sendBytes('SET a 1\r\nGET a\r\n')
    a.socket.listener.onEnd()
    expect(await a.next()).toBe('+OK')
    expect(await a.next()).toBe('"1"')
    expect(await a.next()).toBe('(closed)')
  })

  it('answers many elements over several slices of time', async () => {
    const members = Array.from({ length: 5_000 }, (_, i) => `member:${i}`)
    expect(await a.send('SADD', 's', ...members)).toBe(':5000')
    expect((await a.send('SMEMBERS', 's')).split(' ')).toHaveLength(5_000)
    expect(await a.send('SDIFFSTORE', 't', 's', 'nothing')).toBe(':5000')
    expect((await a.send('SPOP', 't', '5000')).split(' ')).toHaveLength(5_000)
    expect(await a.send('EXISTS', 't')).toBe(':0')
  })

  it('pauses in the middle of EXEC without mixing up its replies', async () => {
    const members = Array.from({ length: 3_000 }, (_, i) => `member:${i}`)
    await a.send('SADD', 's', ...members)
    await a.send('MSET', ...members.flatMap((member) => [member, '1']))
    for (const line of ['MULTI', 'SMEMBERS s', 'INCR s', 'KEYS member:*', 'SELECT 1', 'SUNION s nothing', 'ECHO end']) {
      await a.sendLine(line)
    }
    const reply = await a.sendLine('EXEC')
    const [, found = '', wrong = '', keys = '', rest = ''] = /^\[\[(.*?)\] (-.*?) \[(.*?)\] (.*)\]$/.exec(reply)!
    expect(found.split(' ').sort()).toEqual(members.map((member) => JSON.stringify(member)).sort())
    expect(wrong).toBe('-WRONGTYPE Operation against a key holding the wrong kind of value')
    expect(keys.split(' ')).toHaveLength(3_000)
    expect(rest).toBe('+OK [] "end"')
  })

  it('keeps earlier replies where a command of EXEC fails behind them', async () => {
    await a.sendLine('SADD s m')
    a.sendBytes('PING\r\nMULTI\r\nSET k 1\r\nINCR s\r\nGET k\r\nEXEC\r\nPING\r\n')
    const replies: string[] = []
    for (let i = 0; i < 7; i++) replies.push(await a.next())
    expect(replies.slice(0, 5)).toEqual(['+PONG', '+OK', '+QUEUED', '+QUEUED', '+QUEUED'])
    expect(replies[5]).toBe('[+OK -WRONGTYPE Operation against a key holding the wrong kind of value "1"]')
    expect(replies[6]).toBe('+PONG')
  })

  it('is not served while it does not read its replies', async () => {
    a.socket.pendingBytes = 10_000_000
    a.sendBytes('PING\r\nSET late 1\r\n')
    expect(await a.next()).toBe('+PONG')
    expect(await a.isWaiting()).toBe(true)
    expect(await b.sendLine('EXISTS late')).toBe(':0')
    a.socket.pendingBytes = 0
    a.socket.listener.onDrain()
    expect(await a.next()).toBe('+OK')
  })

  it('is not read while a command waits and much has come behind it', async () => {
    await b.sendLine('POLYLOG.BEGIN')
    await b.sendLine('SET k 1')
    a.sendBytes('SET k 2\r\n')
    expect(await a.isWaiting()).toBe(true)
    const large = encodeCommand(['ECHO', 'x'.repeat(200_000)])
    a.sendBytes(large)
    expect(a.socket.isPaused).toBe(false)
    a.sendBytes(large)
    expect(a.socket.isPaused).toBe(true)
    await b.sendLine('POLYLOG.ROLLBACK')
    expect(await a.next()).toBe('+OK')
    expect(await a.next()).toHaveLength(200_002)
    expect(await a.next()).toHaveLength(200_002)
    expect(a.socket.isPaused).toBe(false)
  })

  it('refuses a reply that is too large', async () => {
    await a.send('SET', 'a', 'x'.repeat(500_000))
    const keys = Array.from({ length: 20 }, () => 'a')
    expect(await a.send('MGET', ...keys)).toBe('-ERR the reply is larger than 4194304 bytes')
    expect(await a.send('PING')).toBe('+PONG')
  })

  it('may be killed by another', async () => {
    await b.send('CLIENT', 'SETNAME', 'victim')
    const list = await a.send('CLIENT', 'LIST')
    const id = /id=(\d+)[^\\]*name=victim/.exec(list)![1]!
    expect(await a.send('CLIENT', 'KILL', 'ID', id)).toBe(':1')
    expect(await b.next()).toBe('(closed)')
  })
})

describe('SCAN', () => {
  async function scanAll(client: TestClient, ...args: string[]): Promise<string[]> {
    const found: string[] = []
    let cursor = '0'
    do {
      const reply = await client.send(args[0]!, ...(args[0] === 'SCAN' ? [] : [args[1]!]), cursor, 'COUNT', '7')
      const [, next = '', items = ''] = /^\["(\d+)" \[(.*)\]\]$/.exec(reply)!
      cursor = next
      found.push(...items.split(' ').filter((item) => item !== ''))
    } while (cursor !== '0')
    return found
  }

  it('returns every key once while nothing changes', async () => {
    for (let i = 0; i < 50; i++) await a.send('SET', `key:${i}`, 'x')
    const found = await scanAll(a, 'SCAN')
    expect(found).toHaveLength(50)
    expect(new Set(found).size).toBe(50)
  })

  it('goes on over another connection, and over elements of a large collection', async () => {
    await a.send('ZADD', 'z', ...Array.from({ length: 300 }, (_, i) => [`${i}`, `m${i}`]).flat())
    expect(await scanAll(b, 'ZSCAN', 'z')).toHaveLength(600)
  })

  it('starts over from a cursor that nobody knows, so that nothing is missed', async () => {
    for (let i = 0; i < 5; i++) await a.send('SET', `key:${i}`, 'x')
    expect(await a.send('SCAN', '12345')).toBe('["0" ["key:0" "key:1" "key:2" "key:3" "key:4"]]')
  })
})

describe('WATCH', () => {
  async function execAfter(change: string[]): Promise<string> {
    for (const command of ['SET string 1', 'HSET hash f 1', 'ZADD sorted 1 m']) await a.sendLine(command)
    await a.sendLine('WATCH string hash sorted missing')
    await b.send(...change)
    await a.sendLine('MULTI')
    await a.sendLine('SET done 1')
    return a.sendLine('EXEC')
  }

  it.each(['SET string 2', 'HSET hash f 2', 'ZADD sorted 2 m', 'SET missing 1', 'DEL hash', 'EXPIRE string 100'])(
    'sees %s',
    async (change) => {
      expect(await execAfter(change.split(' '))).toBe('(null array)')
      expect(await a.sendLine('EXISTS done')).toBe(':0')
    },
  )

  it.each(['SET other 1', 'GET string', 'HGET hash f'])('does not mind %s', async (change) => {
    expect(await execAfter(change.split(' '))).toBe('[+OK]')
  })

  it('sees the first key of a numbered database that did not exist', async () => {
    await a.sendLine('SELECT 3')
    await a.sendLine('WATCH k')
    await b.sendLine('SELECT 3')
    await b.sendLine('SET k 1')
    await a.sendLine('MULTI')
    expect(await a.sendLine('EXEC')).toBe('(null array)')
  })
})

describe('transactions over connections', () => {
  it('are seen by nobody before the commit, and by all after', async () => {
    await a.sendLine('POLYLOG.BEGIN')
    expect(await a.sendLine('SET k v')).toBe('+OK')
    expect(await b.sendLine('GET k')).toBe('(null)')
    expect(await a.sendLine('POLYLOG.COMMIT')).toBe('+OK')
    expect(await b.sendLine('GET k')).toBe('"v"')
  })

  async function token(): Promise<string> {
    await a.sendLine('POLYLOG.BEGIN')
    return JSON.parse(await a.sendLine('POLYLOG.TOKEN')) as string
  }

  it.each([
    ['POLYLOG.COMMIT', 'committed', '"v"'],
    ['POLYLOG.ROLLBACK', 'aborted', '(null)'],
  ])('tell joined connections of %s until they leave', async (end, outcome, value) => {
    expect(await b.send('POLYLOG.JOIN', await token())).toBe('+OK')
    expect(await b.sendLine('SET k v')).toBe('+OK')
    expect(await a.sendLine(end)).toBe('+OK')
    expect(await b.sendLine('SET k again')).toBe(`-POLYLOGENDED ${outcome}`)
    expect(await b.sendLine('GET k')).toBe(`-POLYLOGENDED ${outcome}`)
    expect(await b.sendLine('POLYLOG.LEAVE')).toBe(`+${outcome}`)
    expect(await b.sendLine('GET k')).toBe(value)
  })

  it('let a party wait for the decision', async () => {
    await b.send('POLYLOG.JOIN', await token())
    b.sendBytes('POLYLOG.LEAVE\r\nPING\r\n')
    expect(await b.isWaiting()).toBe(true)
    await a.sendLine('POLYLOG.COMMIT')
    expect(await b.next()).toBe('+committed')
    expect(await b.next()).toBe('+PONG')
  })

  it('carry single commands with POLYLOG.IN, which never run on their own', async () => {
    const t = await token()
    expect(await b.send('POLYLOG.IN', t, 'INCR', 'n')).toBe(':1')
    expect(await b.sendLine('GET n')).toBe('(null)')
    expect(await b.send('POLYLOG.IN', t, 'GET', 'n')).toBe('"1"')
    expect(await b.send('POLYLOG.IN', t, 'GET')).toBe("-ERR wrong number of arguments for 'get' command")
    expect(await b.send('POLYLOG.IN', t, 'SELECT', '1')).toBe('-ERR SELECT is not allowed in POLYLOG.IN')
    await a.sendLine('POLYLOG.COMMIT')
    expect(await b.send('POLYLOG.IN', t, 'INCR', 'n')).toBe('-POLYLOGENDED committed')
    expect(await b.send('POLYLOG.IN', t, 'INCR', 'n')).toBe('-POLYLOGENDED committed')
    const c = server.connect()
    expect(await c.send('POLYLOG.IN', t, 'INCR', 'n')).toBe('-ERR no open transaction has this token')
    expect(await b.sendLine('GET n')).toBe('"1"')
  })

  it('are aborted where a party drops', async () => {
    const t = await token()
    await b.send('POLYLOG.IN', t, 'SET', 'k', 'v')
    b.close()
    expect(await a.sendLine('SET l 1')).toBe('-POLYLOGENDED aborted')
    expect(await a.sendLine('POLYLOG.COMMIT')).toBe('-POLYLOGENDED aborted')
    expect(await a.sendLine('EXISTS k l')).toBe(':0')
  })

  it('make others wait for the keys that they wrote', async () => {
    await a.sendLine('POLYLOG.BEGIN')
    await a.sendLine('INCR n')
    b.sendBytes('INCR n\r\nGET n\r\n')
    expect(await b.isWaiting()).toBe(true)
    await a.sendLine('POLYLOG.COMMIT')
    expect(await b.next()).toBe(':2')
    expect(await b.next()).toBe('"2"')
  })

  it('let others change other fields of the same hash', async () => {
    await a.sendLine('HSET h f 1 g 1')
    await a.sendLine('POLYLOG.BEGIN')
    await a.sendLine('HINCRBY h f 1')
    expect(await b.sendLine('HINCRBY h g 1')).toBe(':2')
    b.sendBytes('DEL h\r\n')
    expect(await b.isWaiting()).toBe(true)
    await a.sendLine('POLYLOG.COMMIT')
    expect(await b.next()).toBe(':1')
    expect(await a.sendLine('HGETALL h')).toBe('[]')
  })

  it('run EXEC as part of them', async () => {
    await a.sendLine('POLYLOG.BEGIN')
    for (const line of ['MULTI', 'SET k 1', 'SADD k m', 'INCR k']) await a.sendLine(line)
    expect(await a.sendLine('EXEC')).toMatch(/^\[\+OK -WRONGTYPE .* :2\]$/)
    expect(await b.sendLine('GET k')).toBe('(null)')
    await a.sendLine('POLYLOG.ROLLBACK')
    expect(await a.sendLine('GET k')).toBe('(null)')
  })

  it('may not begin twice, nor between MULTI and EXEC', async () => {
    await a.sendLine('MULTI')
    expect(await a.sendLine('POLYLOG.BEGIN')).toBe('-ERR Command not allowed inside a transaction')
    expect(await a.sendLine('EXEC')).toBe('-EXECABORT Transaction discarded because of previous errors.')
    await a.sendLine('POLYLOG.BEGIN SERIALIZABLE READONLY')
    expect(await a.sendLine('POLYLOG.BEGIN')).toBe('-ERR there is already a transaction in progress')
    expect(await a.sendLine('SET k v')).toBe('-READONLY cannot write in a read-only transaction')
    expect(await a.sendLine('POLYLOG.BEGIN SOON')).toBe('-ERR syntax error')
  })
})

describe('settings of a connection', () => {
  it('choose a database and a durability', async () => {
    expect(await a.sendLine('POLYLOG.USE nosuch')).toBe('-ERR database "nosuch" does not exist')
    expect(await a.sendLine('POLYLOG.USE polylog')).toBe('+OK')
    expect(await a.sendLine('POLYLOG.DURABILITY memory')).toBe('+OK')
    expect(await a.sendLine('POLYLOG.USE polylog')).toBe('+OK')
    expect(await a.sendLine('POLYLOG.DURABILITY')).toBe('"memory"')
    expect(await a.sendLine('POLYLOG.DURABILITY sometimes')).toMatch(/^-ERR durability is/)
  })

  it('name the user, whoever it is', async () => {
    expect(await a.sendLine('AUTH ada secret')).toBe('+OK')
    expect(await a.sendLine('CLIENT INFO')).toContain('user=ada')
    expect(await a.sendLine('RESET')).toBe('+RESET')
    expect(await a.sendLine('CLIENT INFO')).toContain('user=default')
  })

  it('never runs POLYLOG.IN on its own, though it has left a transaction to make room', async () => {
    const owners = Array.from({ length: 17 }, () => server.sessions.openSession({ user: 'owner', door: 'test' }))
    for (const owner of owners) owner.begin()
    const tokens = owners.map((owner) => owner.token())
    for (const token of tokens.slice(0, 16)) expect(await a.send('POLYLOG.IN', token, 'GET', 'x')).toBe('(null)')
    await owners[0]!.savepoint('s')
    owners[0]!.fail()
    expect(await a.send('POLYLOG.IN', tokens[16]!, 'GET', 'x')).toContain('16 transactions already')
    await owners[0]!.rollback()
    expect(await a.send('POLYLOG.IN', tokens[0]!, 'SET', 'x', '1')).toBe('-POLYLOGENDED aborted')
    expect(await b.send('GET', 'x')).toBe('(null)')
  })
})
