/** XREAD and XREADGROUP that wait. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { encodeCommand, openTestServer, type TestClient, type TestServer } from './testing.ts'

let server: TestServer
let writer: TestClient

beforeEach(async () => {
  server = await openTestServer()
  writer = server.connect()
})
afterEach(() => server.close())

async function say(...lines: readonly string[]): Promise<string[]> {
  const replies: string[] = []
  for (const line of lines) replies.push(await writer.sendLine(line))
  return replies
}

/** A client whose command waits. */
async function block(line: string): Promise<TestClient> {
  const client = server.connect()
  client.sendBytes(encodeCommand(line.split(' ')))
  expect(await client.isWaiting(), line).toBe(true)
  return client
}

/** What comes within some turns: who waits for ever fails the test, and does not hold it up. */
async function answer(client: TestClient): Promise<string> {
  for (let tries = 0; tries < 100 && (await client.isWaiting()); tries++) continue
  expect(await client.isWaiting(), 'it still waits').toBe(false)
  return client.next()
}

const one = (key: string, id: string): string => `[["${key}" [["${id}" ["f" "v"]]]]]`

describe('XREAD that waits', () => {
  it('gets what is added behind its id, all who wait the same', async () => {
    await say('XADD s 1-0 f v')
    const clients = [
      await block('XREAD BLOCK 0 STREAMS s $'),
      await block('XREAD BLOCK 0 COUNT 5 STREAMS other s 0 1-0'),
      await block('XREAD BLOCK 0 STREAMS s s 5-0 $'),
    ]
    await say('XADD s 2-0 f v')
    expect(await answer(clients[0]!)).toBe(one('s', '2-0'))
    expect(await answer(clients[1]!)).toBe(one('s', '2-0'))
    // Of a key that is given twice the first id counts.
    expect(await clients[2]!.isWaiting()).toBe(true)
    await say('XADD s 6-0 f v')
    expect(await answer(clients[2]!)).toBe(one('s', '6-0'))
  })

  it('gets all that one transaction has added, and nothing that it has taken away', async () => {
    const client = await block('XREAD BLOCK 0 STREAMS s 0')
    await say('MULTI', 'XADD s 1-0 f v', 'XDEL s 1-0', 'EXEC')
    expect(await client.isWaiting()).toBe(true)
    await say('MULTI', 'XADD s 2-0 f v', 'XADD s 3-0 f v', 'EXEC')
    expect(await answer(client)).toBe('[["s" [["2-0" ["f" "v"]] ["3-0" ["f" "v"]]]]]')
  })

  it('waits on while the key is gone, or holds something else', async () => {
    await say('XADD s 1-0 f v')
    const client = await block('XREAD BLOCK 0 STREAMS s $')
    await say('DEL s', 'SET s x', 'DEL s')
    expect(await client.isWaiting()).toBe(true)
    await say('XADD s 2-0 f v')
    expect(await answer(client)).toBe(one('s', '2-0'))
  })

  it('is woken by what is renamed or copied into its place', async () => {
    const [renamed, copied] = [await block('XREAD BLOCK 0 STREAMS a 0'), await block('XREAD BLOCK 0 STREAMS b 0')]
    await say('XADD t 1-0 f v', 'COPY t b', 'RENAME t a')
    expect(await answer(renamed)).toBe(one('a', '1-0'))
    expect(await answer(copied)).toBe(one('b', '1-0'))
  })

  it('answers null when its time is over, in a block, and for nobody in a script', async () => {
    const client = server.connect()
    expect(await client.sendLine('XREAD BLOCK 1 STREAMS s $')).toBe('(null array)')
    expect(await say('MULTI', 'XREAD BLOCK 0 STREAMS s $', 'EXEC')).toEqual(['+OK', '+QUEUED', '[(null array)]'])
    expect(await client.sendLine('XREAD BLOCK 9223372036854775808 STREAMS s $')).toMatch('timeout is not an integer')
  })

  it('gives 1,000 entries to who has not said how many it wants', async () => {
    const client = await block('XREAD BLOCK 0 STREAMS s 0')
    await say(`EVAL "for i = 1, 1500 do redis.call('xadd', 's', i .. '-0', 'f', 'v') end" 0`)
    expect((await answer(client)).match(/"f"/g)).toHaveLength(1000)
  })
})

describe('XREADGROUP that waits', () => {
  beforeEach(() => say('XGROUP CREATE s g 0 MKSTREAM'))
  const wait = (consumer: string, options = ''): Promise<TestClient> =>
    block(`XREADGROUP GROUP g ${consumer} BLOCK 0${options} STREAMS s >`)

  it('gets each entry once in a group, who has waited longest first', async () => {
    await say('XGROUP CREATE s h 0')
    const clients = [await wait('a'), await wait('b'), await block('XREADGROUP GROUP h c BLOCK 0 STREAMS s >')]
    await say('XADD s 1-0 f v')
    expect(await answer(clients[0]!)).toBe(one('s', '1-0'))
    expect(await answer(clients[2]!)).toBe(one('s', '1-0'))
    expect(await clients[1]!.isWaiting()).toBe(true)
    await say('XADD s 2-0 f v')
    expect(await answer(clients[1]!)).toBe(one('s', '2-0'))
    expect(await say('XPENDING s g', 'XPENDING s h')).toEqual([
      '[:2 "1-0" "2-0" [["a" "1"] ["b" "1"]]]',
      '[:1 "1-0" "1-0" [["c" "1"]]]',
    ])
  })

  it('shares out what comes at once by COUNT', async () => {
    const clients = [await wait('a', ' COUNT 1'), await wait('b', ' COUNT 1')]
    await say('MULTI', 'XADD s 1-0 f v', 'XADD s 2-0 f v', 'EXEC')
    expect(await answer(clients[0]!)).toBe(one('s', '1-0'))
    expect(await answer(clients[1]!)).toBe(one('s', '2-0'))
  })

  it('does not wait for what is its own already', async () => {
    const client = server.connect()
    expect(await client.sendLine('XREADGROUP GROUP g a BLOCK 0 STREAMS s 0')).toBe('[["s" []]]')
  })

  it('notes nothing as pending with NOACK', async () => {
    const client = await wait('a', ' NOACK')
    await say('XADD s 1-0 f v')
    expect(await answer(client)).toBe(one('s', '1-0'))
    expect(await say('XPENDING s g')).toEqual(['[:0 (null) (null) (null array)]'])
  })

  it.each([
    ['XGROUP DESTROY s g', '-NOGROUP the consumer group this client was blocked on no longer exists'],
    ['DEL s', '-UNBLOCKED the stream key no longer exists'],
    ['FLUSHALL', '-UNBLOCKED the stream key no longer exists'],
    ['SET s x', '-UNBLOCKED the stream key no longer exists'],
    ['RENAME other s', '-NOGROUP the consumer group this client was blocked on no longer exists'],
    ['RENAME s other', '-UNBLOCKED the stream key no longer exists'],
    ['PEXPIREAT s 1', '-UNBLOCKED the stream key no longer exists'],
  ])('hears that its group is gone: %s', async (line, reply) => {
    await say('XADD other 1-0 f v')
    const client = await wait('a')
    await say(line)
    expect(await answer(client)).toBe(reply)
  })

  it('gives nothing out for a client that has gone', async () => {
    const gone = await wait('a')
    gone.close()
    const client = await wait('b')
    await say('XADD s 1-0 f v')
    expect(await answer(client)).toBe(one('s', '1-0'))
    expect(await say('XPENDING s g')).toEqual(['[:1 "1-0" "1-0" [["b" "1"]]]'])
  })
})
