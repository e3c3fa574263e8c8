/** Commands that wait for data: who is served, with what, in which order. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { encodeCommand, openTestServer, type TestClient, type TestServer } from './testing.ts'

let server: TestServer
let pusher: TestClient
let waiting: TestClient[]

beforeEach(async () => {
  server = await openTestServer()
  pusher = server.connect()
  waiting = []
})
afterEach(() => server.close())

/** A client whose command waits. */
function block(line: string): TestClient {
  const client = server.connect()
  waiting.push(client)
  client.sendBytes(encodeCommand(line.split(' ')))
  return client
}

describe('a client that waits for an item', () => {
  it.each([
    ['BLPOP k 0', 'RPUSH k a b', '["k" "a"]'],
    ['BRPOP k 0', 'RPUSH k a b', '["k" "b"]'],
    ['BLPOP x y k z 0', 'RPUSH k a b', '["k" "a"]'],
    ['BLMPOP 0 2 x k RIGHT COUNT 5', 'RPUSH k a b', '["k" ["b" "a"]]'],
    ['BLMOVE k t RIGHT LEFT 0', 'RPUSH k a b', '"b"'],
    ['BRPOPLPUSH k t 0', 'RPUSH k a b', '"b"'],
    ['BZPOPMIN k 0', 'ZADD k 1 a 2 b', '["k" "a" "1"]'],
    ['BZPOPMAX x k 0', 'ZADD k 1 a 2 b', '["k" "b" "2"]'],
    ['BZMPOP 0 1 k MAX COUNT 9', 'ZADD k 1 a 2 b', '["k" [["b" "2"] ["a" "1"]]]'],
  ])('%s', async (line, push, reply) => {
    const client = block(line)
    expect(await client.isWaiting()).toBe(true)
    expect(await pusher.sendLine(push)).toBe(':2')
    expect(await client.next()).toBe(reply)
  })

  it('is served before the next command of the one that pushes', async () => {
    const client = block('BLPOP k 0')
    pusher.sendBytes('RPUSH k a\r\nEXISTS k\r\n')
    expect(await pusher.next()).toBe(':1')
    expect(await pusher.next()).toBe(':0')
    expect(await client.next()).toBe('["k" "a"]')
  })

  it('who has waited longest is first', async () => {
    const clients = ['BLPOP k 0', 'BRPOP j k 0', 'BLPOP k 0'].map(block)
    await pusher.sendLine('RPUSH k a b')
    expect(await clients[0]!.next()).toBe('["k" "a"]')
    expect(await clients[1]!.next()).toBe('["k" "b"]')
    expect(await clients[2]!.isWaiting()).toBe(true)
    await pusher.sendLine('RPUSH k c')
    expect(await clients[2]!.next()).toBe('["k" "c"]')
  })

  it('gets its time over, an error, or nothing at all', async () => {
    const late = block('BLPOP k 0.01')
    expect(await late.next()).toBe('(null array)')
    const ids: string[] = []
    for (const line of ['BLPOP k 0', 'BLPOP k 0']) {
      const client = server.connect()
      ids.push((await client.send('CLIENT', 'ID')).slice(1))
      client.sendBytes(encodeCommand(line.split(' ')))
      waiting.push(client)
    }
    expect(await pusher.send('CLIENT', 'UNBLOCK', ids[0]!)).toBe(':1')
    expect(await pusher.send('CLIENT', 'UNBLOCK', ids[1]!, 'error')).toBe(':1')
    expect(await pusher.send('CLIENT', 'UNBLOCK', ids[1]!, 'error')).toBe(':0')
    expect(await waiting[1]!.next()).toBe('(null array)')
    expect(await waiting[2]!.next()).toBe('-UNBLOCKED client unblocked via CLIENT UNBLOCK')
  })

  it('that has gone takes nothing', async () => {
    const client = block('BLPOP k 0')
    const next = block('BLPOP k 0')
    client.close()
    await pusher.sendLine('RPUSH k a')
    expect(await next.next()).toBe('["k" "a"]')
  })

  it('wakes the next one by what it moves', async () => {
    const last = block('BLPOP c 0')
    const middle = block('BLMOVE b c LEFT RIGHT 0')
    const first = block('BLMOVE a b LEFT RIGHT 0')
    pusher.sendBytes('RPUSH a x\r\nEXISTS a b c\r\n')
    expect(await pusher.next()).toBe(':1')
    expect(await pusher.next()).toBe(':0')
    expect(await first.next()).toBe('"x"')
    expect(await middle.next()).toBe('"x"')
    expect(await last.next()).toBe('["c" "x"]')
  })

  it('is not woken by a value of another type', async () => {
    const client = block('BLPOP k 0')
    await pusher.sendLine('SET k a')
    await pusher.sendLine('DEL k')
    await pusher.sendLine('ZADD k 1 a')
    expect(await client.isWaiting()).toBe(true)
    await pusher.sendLine('DEL k')
    await pusher.sendLine('RPUSH k a')
    expect(await client.next()).toBe('["k" "a"]')
  })

  it('does not wait within MULTI', async () => {
    for (const line of ['MULTI', 'BLPOP k 0', 'BLMOVE k l LEFT LEFT 0', 'RPUSH k a', 'BLPOP k 0']) {
      await pusher.sendLine(line)
    }
    expect(await pusher.sendLine('EXEC')).toBe('[(null array) (null) :1 ["k" "a"]]')
  })

  it('costs others nothing: a commit that writes something else asks nobody, a push asks one of thousands', async () => {
    const { keyWaits } = server.database
    await pusher.sendLine('SET k v')
    const clients = Array.from({ length: 2000 }, () => block('BLPOP l 0'))
    await pusher.sendLine('MSET k w m w')
    await pusher.sendLine('SADD s a b')
    await pusher.sendLine('DEL s k')
    expect(keyWaits.looks).toBe(0)
    await pusher.sendLine('RPUSH l a')
    expect(keyWaits.looks).toBe(1)
    expect(await clients[0]!.next()).toBe('["l" "a"]')
    expect(await clients[1]!.isWaiting()).toBe(true)
  })

  it('is not asked any more once it has gone', async () => {
    const { keyWaits } = server.database
    const [gone, other] = [block('BLPOP l 0'), block('BLPOP l 0')]
    expect(keyWaits.areThere).toBe(true)
    gone.close()
    await pusher.sendLine('RPUSH l a')
    expect(await other.next()).toBe('["l" "a"]')
    expect([keyWaits.looks, keyWaits.areThere]).toEqual([1, false])
  })
})
