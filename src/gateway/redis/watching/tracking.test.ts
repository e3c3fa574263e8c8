import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { reclaimExpired } from '../../../model/keyvalue/expiry.ts'
import { putField } from '../../../model/keyvalue/writes.ts'
import { openTestServer, type TestClient, type TestServer } from '../testing.ts'

let server: TestServer
let ada: TestClient
let bob: TestClient
beforeEach(async () => {
  server = await openTestServer()
  ada = server.connect()
  bob = server.connect()
  await ada.sendLine('HELLO 3')
})
afterEach(() => server.close())

async function send(client: TestClient, ...lines: readonly string[]): Promise<string[]> {
  const replies: string[] = []
  for (const line of lines) replies.push(await client.sendLine(line))
  return replies
}

const changed = (...keys: string[]): string => `push["invalidate" [${keys.map((key) => `"${key}"`).join(' ')}]]`

describe('who tracks', () => {
  it('is told once of each key that it has read, whoever changes it', async () => {
    await send(bob, 'HSET h f 1', 'SET s 1')
    await send(ada, 'CLIENT TRACKING ON', 'HGET h f', 'MGET s nothing')
    await send(bob, 'SET s 2', 'SET s 3', 'SET other 1')
    expect(await ada.next()).toBe(changed('s'))
    const session = server.sessions.openSession({ user: 'polylog', door: 'postgres' })
    await session.run((tx) => {
      const space = tx.catalog.findCollection('redis', 'db0')!
      return void putField(tx, space, Buffer.from('h'), Buffer.from('f'), Buffer.from('2'))
    })
    expect(await ada.next()).toBe(changed('h'))
    await send(bob, 'SET nothing 1')
    expect(await ada.next()).toBe(changed('nothing'))
    expect(await ada.isWaiting()).toBe(true)
    session.close()
  })

  it('hears of what it has changed itself behind the answer, and of nothing that was taken back', async () => {
    await send(ada, 'CLIENT TRACKING ON', 'GET a')
    expect(await send(ada, 'SET a 1')).toEqual(['+OK'])
    expect(await ada.next()).toBe(changed('a'))
    await send(ada, 'GET a')
    await send(bob, 'POLYLOG.BEGIN', 'SET a 2', 'POLYLOG.ROLLBACK')
    expect(await ada.isWaiting()).toBe(true)
    await send(ada, 'CLIENT TRACKING ON NOLOOP', 'GET a')
    expect(await send(ada, 'SET a 3')).toEqual(['+OK'])
    expect(await ada.isWaiting()).toBe(true)
  })

  it('is told of what expires, and of all keys at once where all are gone', async () => {
    await send(bob, 'SET a 1 PX 1')
    await send(ada, 'CLIENT TRACKING ON', 'GET a')
    for (const end = Date.now() + 5; Date.now() < end;);
    const session = server.sessions.openSession({ user: 'polylog', door: 'housekeeping' })
    await session.run((tx) => void reclaimExpired(tx, tx.catalog.findCollection('redis', 'db0')!, 10))
    expect(await ada.next()).toBe(changed('a'))
    await send(bob, 'FLUSHALL')
    expect(await ada.next()).toBe('push["invalidate" (null)]')
    session.close()
  })

  it('may broadcast: keys with its prefixes, each time', async () => {
    await send(ada, 'CLIENT TRACKING ON BCAST PREFIX a: PREFIX b:')
    await send(bob, 'MSET a:1 1 a:2 2 c:1 1')
    expect(await ada.next()).toBe(changed('a:1', 'a:2'))
    await send(bob, 'DEL a:1')
    expect(await ada.next()).toBe(changed('a:1'))
    expect(await ada.isWaiting()).toBe(true)
  })

  it('may have another client told, which may be gone', async () => {
    await send(bob, 'SUBSCRIBE __redis__:invalidate')
    await send(ada, 'CLIENT TRACKING ON REDIRECT 2', 'GET a', 'GET b')
    const carl = server.connect()
    await send(carl, 'SET a 1')
    expect(await bob.next()).toBe('["message" "__redis__:invalidate" ["a"]]')
    bob.close()
    await send(carl, 'SET b 1')
    expect(await ada.next()).toBe('push["tracking-redir-broken" :2]')
    expect(await send(ada, 'CLIENT TRACKINGINFO')).toEqual([
      '{"flags" <"on" "broken_redirect"> "redirect" :2 "prefixes" []}',
    ])
  })

  it('may choose by command', async () => {
    await send(ada, 'CLIENT TRACKING ON OPTIN', 'GET a', 'CLIENT CACHING YES', 'GET b', 'GET c')
    await send(bob, 'MSET a 1 b 2 c 3')
    expect(await ada.next()).toBe(changed('b'))
    await send(ada, 'CLIENT TRACKING OFF', 'CLIENT TRACKING ON OPTOUT', 'GET a', 'CLIENT CACHING NO', 'GET b')
    await send(bob, 'MSET a 1 b 2 c 3')
    expect(await ada.next()).toBe(changed('a'))
    expect(await ada.isWaiting()).toBe(true)
  })

  it('keeps the table within its bound', async () => {
    await send(bob, 'CONFIG SET tracking-table-max-keys 2')
    await send(ada, 'CLIENT TRACKING ON', 'GET a', 'GET b')
    ada.sendBytes('GET c\r\n')
    expect([await ada.next(), await ada.next()].sort()).toEqual(['(null)', changed('a')].sort())
    expect(await send(bob, 'INFO stats')).toEqual([expect.stringContaining('tracking_total_keys:2')])
    await send(ada, 'CLIENT TRACKING OFF')
    expect(await send(bob, 'INFO stats')).toEqual([expect.stringContaining('tracking_total_keys:0')])
  })
})

describe('CLIENT PAUSE', () => {
  it('holds what writes, or all, until it is over', async () => {
    await send(bob, 'CLIENT PAUSE 100000 WRITE')
    expect(await send(ada, 'GET a', 'CLIENT ID')).toEqual(['(null)', ':1'])
    ada.sendBytes('SET a 1\r\nGET a\r\n')
    expect(await ada.isWaiting()).toBe(true)
    expect(await send(bob, 'CLIENT LIST')).toEqual([expect.stringContaining('flags=b')])
    await send(bob, 'CLIENT UNPAUSE')
    expect([await ada.next(), await ada.next()]).toEqual(['+OK', '"1"'])
    expect(await send(bob, 'CLIENT PAUSE 20')).toEqual(['+OK'])
    expect(await send(ada, 'GET a')).toEqual(['"1"'])
  })

  it('lets a client go that waits', async () => {
    await send(bob, 'CLIENT PAUSE 100000 WRITE')
    ada.sendBytes('SET a 1\r\n')
    await ada.isWaiting()
    ada.close()
    await send(bob, 'CLIENT UNPAUSE')
    expect(await send(bob, 'GET a')).toEqual(['(null)'])
  })
})

describe('CLIENT REPLY', () => {
  it('leaves out answers, and no message', async () => {
    await send(ada, 'SUBSCRIBE news')
    ada.sendBytes('CLIENT REPLY OFF\r\nPING\r\nNOTHING\r\nSUBSCRIBE more\r\n')
    expect(await ada.next()).toBe('push["subscribe" "more" :2]')
    await send(bob, 'PUBLISH news x')
    expect(await ada.next()).toBe('push["message" "news" "x"]')
    expect(await send(ada, 'CLIENT REPLY ON')).toEqual(['+OK'])
    ada.sendBytes('CLIENT REPLY SKIP\r\nPING a\r\nPING b\r\n')
    expect(await ada.next()).toBe('"b"')
  })
})

describe('MONITOR', () => {
  it('shows what others send, without passwords', async () => {
    expect(await send(bob, 'MONITOR')).toEqual(['+OK'])
    await send(ada, 'SET a "b\\n"', 'MULTI', 'GET a', 'EXEC', 'AUTH someone secret')
    await ada.send('EVAL', "return redis.call('get', 'a')", '0')
    const lines: string[] = []
    for (let i = 0; i < 7; i++) lines.push((await bob.next()).replace(/^\+\d+\.\d{6} /, ''))
    expect(lines).toEqual([
      '[0 127.0.0.1:1] "SET" "a" "b\\n"',
      '[0 127.0.0.1:1] "MULTI"',
      '[0 127.0.0.1:1] "GET" "a"',
      '[0 127.0.0.1:1] "EXEC"',
      '[0 127.0.0.1:1] "AUTH" "(redacted)" "(redacted)"',
      `[0 127.0.0.1:1] "EVAL" "return redis.call('get', 'a')" "0"`,
      '[0 lua] "get" "a"',
    ])
    await send(bob, 'RESET')
    await send(ada, 'SET a 1')
    expect(await bob.isWaiting()).toBe(true)
  })
})
