import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openTestServer, openTestServerWithUsers, type TestClient, type TestServer } from './testing.ts'

let server: TestServer
let ada: TestClient
let bob: TestClient
beforeEach(async () => {
  server = await openTestServer()
  ada = server.connect()
  bob = server.connect()
})
afterEach(() => server.close())

async function send(client: TestClient, ...lines: readonly string[]): Promise<string[]> {
  const replies: string[] = []
  for (const line of lines) replies.push(await client.sendLine(line))
  return replies
}

describe('what is published', () => {
  it('reaches channels, patterns and shards in the words of each protocol', async () => {
    await send(ada, 'SUBSCRIBE news', 'PSUBSCRIBE n*')
    await send(bob, 'HELLO 3', 'SUBSCRIBE news', 'SSUBSCRIBE news')
    const carl = server.connect()
    expect(await send(carl, 'PUBLISH news "a\\x00b"', 'SPUBLISH news c')).toEqual([':3', ':1'])
    const payload = '"a\\u0000b"'
    expect(await ada.next()).toBe(`["message" "news" ${payload}]`)
    expect(await ada.next()).toBe(`["pmessage" "n*" "news" ${payload}]`)
    expect(await bob.next()).toBe(`push["message" "news" ${payload}]`)
    expect(await bob.next()).toBe('push["smessage" "news" "c"]')
  })

  it('leaves with its transaction, and never where that is rolled back', async () => {
    await send(ada, 'SUBSCRIBE news')
    await send(bob, 'MULTI', 'SET a 1', 'PUBLISH news one')
    expect(await ada.isWaiting()).toBe(true)
    expect(await send(bob, 'EXEC')).toEqual(['[+OK :1]'])
    expect(await ada.next()).toBe('["message" "news" "one"]')
    await send(bob, 'POLYLOG.BEGIN', 'PUBLISH news two', 'PUBLISH news three')
    expect(await ada.isWaiting()).toBe(true)
    await send(bob, 'POLYLOG.ROLLBACK', 'POLYLOG.BEGIN', 'SET b 1', 'PUBLISH news four', 'POLYLOG.COMMIT')
    expect(await ada.next()).toBe('["message" "news" "four"]')
    await send(bob, 'WATCH a', 'MULTI', 'PUBLISH news five')
    await send(server.connect(), 'SET a 2')
    expect(await send(bob, 'EXEC')).toEqual(['(null array)'])
    expect(await ada.isWaiting()).toBe(true)
  })

  it('leaves with a script, also one that takes turns', async () => {
    await send(ada, 'SUBSCRIBE news')
    const script = 'for i = 1, 3e6 do end redis.call("SET", "k", "v") return redis.call("PUBLISH", "news", "x")'
    expect(await bob.send('EVAL', script, '0')).toBe(':1')
    expect(await ada.next()).toBe('["message" "news" "x"]')
    expect(await ada.isWaiting()).toBe(true)
  })

  it('comes behind the reply of who hears itself', async () => {
    await send(ada, 'HELLO 3', 'SUBSCRIBE news')
    expect(await ada.sendLine('PUBLISH news x')).toBe(':1')
    expect(await ada.next()).toBe('push["message" "news" "x"]')
    await send(ada, 'MULTI', 'PUBLISH news y', 'GET a')
    expect(await ada.sendLine('EXEC')).toBe('[:1 (null)]')
    expect(await ada.next()).toBe('push["message" "news" "y"]')
  })

  it('stays in its database', async () => {
    await send(ada, 'SUBSCRIBE news', 'PSUBSCRIBE *')
    await send(bob, 'SELECT 3')
    expect(await bob.sendLine('PUBLISH news x')).toBe(':2')
  })
})

describe('who listens', () => {
  it('is forgotten with its connection, by RESET and when it leaves', async () => {
    await send(ada, 'SUBSCRIBE a b', 'PSUBSCRIBE *')
    await ada.next()
    expect(await send(bob, 'PUBSUB CHANNELS', 'PUBSUB NUMPAT')).toEqual(['["a" "b"]', ':1'])
    expect(await send(ada, 'RESET')).toEqual(['+RESET'])
    expect(await send(bob, 'PUBSUB CHANNELS', 'PUBSUB NUMPAT')).toEqual(['[]', ':0'])
    await send(ada, 'SUBSCRIBE a', 'SSUBSCRIBE s')
    ada.close()
    expect(await send(bob, 'PUBSUB CHANNELS', 'PUBSUB SHARDCHANNELS')).toEqual(['[]', '[]'])
  })

  it('may name very many channels, in as many turns as that takes', async () => {
    const names = Array.from({ length: 5000 }, (_, i) => `c${i}`)
    expect(await ada.send('SUBSCRIBE', ...names)).toBe('["subscribe" "c0" :1]')
    for (let i = 1; i < names.length; i++) await ada.next()
    expect(await bob.sendLine('PUBLISH c4999 x')).toBe(':1')
    expect(await ada.next()).toBe('["message" "c4999" "x"]')
    await send(bob, 'MULTI')
    expect(await bob.send('SUBSCRIBE', ...names)).toBe('+QUEUED')
    expect(await bob.sendLine('EXEC')).toContain('more than 1000 names')
  })

  it('is cut where it does not take what it is sent', async () => {
    await send(bob, 'CONFIG SET client-output-buffer-limit "pubsub 100000 0 0"')
    await send(ada, 'SUBSCRIBE news')
    ada.socket.pendingBytes = 99_000
    await send(bob, 'PUBLISH news x')
    expect(await ada.next()).toBe('["message" "news" "x"]')
    ada.socket.pendingBytes = 101_000
    await send(bob, 'PUBLISH news x')
    await bob.isWaiting()
    expect(ada.socket.isClosed).toBe(true)
    expect(await send(bob, 'PUBLISH news x')).toEqual([':0'])
  })
})

describe('channels of users', () => {
  it('are narrowed by patterns, and who loses one has to go', async () => {
    const users = await openTestServerWithUsers()
    const admin = await users.login('ada')
    await send(admin, 'ACL SETUSER carl on >secret +@all resetchannels &news.* &exact')
    const carl = await users.login('carl')
    const denied = '-NOPERM this user has no permissions to access one of the channels used as arguments'
    expect(await send(carl, 'SUBSCRIBE other', 'PSUBSCRIBE news.?', 'PUBLISH x y', 'SSUBSCRIBE x')).toEqual(
      Array(4).fill(denied),
    )
    expect(await send(carl, 'SUBSCRIBE exact', 'PSUBSCRIBE news.*')).toEqual([
      '["subscribe" "exact" :1]',
      '["psubscribe" "news.*" :2]',
    ])
    expect(await send(admin, 'ACL LOG 1')).toEqual([expect.stringContaining('"reason" "channel"')])
    expect(await send(admin, 'ACL DRYRUN carl PUBLISH x y', 'ACL DRYRUN carl PUBLISH news.a y')).toEqual([
      `"This user has no permissions to access the 'x' channel"`,
      '+OK',
    ])
    expect(await send(admin, 'ACL GETUSER carl')).toEqual([expect.stringContaining('"channels" "&news.* &exact"')])
    await send(admin, 'ACL SETUSER carl &more')
    expect(await send(carl, 'PING')).toEqual(['["pong" ""]'])
    await send(admin, 'ACL SETUSER carl resetchannels &news.*')
    expect(await carl.next()).toBe('(closed)')
    await users.close()
  })

  it('are none for a new user, unless it is said otherwise', async () => {
    const users = await openTestServerWithUsers()
    const admin = await users.login('ada')
    await send(admin, 'ACL SETUSER one on >secret +@all', 'CONFIG SET acl-pubsub-default allchannels')
    await send(admin, 'ACL SETUSER two on >secret +@all')
    const [one, two] = [await users.login('one'), await users.login('two')]
    expect(await send(one, 'SUBSCRIBE a')).toEqual([expect.stringContaining('NOPERM')])
    expect(await send(two, 'SUBSCRIBE a')).toEqual(['["subscribe" "a" :1]'])
    await users.close()
  })
})
