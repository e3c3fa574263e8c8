/** What golden replies do not show: scripts beside others, that wait, that do not end, that use what there is. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { privilege } from '../../../database/access/privileges.ts'
import { readScript } from './script.ts'
import { Scripts } from './scripts.ts'
import { openTestServer, openTestServerWithUsers, type TestClient, type TestServer } from '../testing.ts'

let server: TestServer
let client: TestClient

beforeEach(async () => {
  server = await openTestServer()
  client = server.connect()
})

afterEach(() => server.close())

const forEver = 'while true do end'

/** Until a script has stopped to let others run. */
async function untilRunning(): Promise<void> {
  const other = server.connect()
  for (;;) {
    const reply = await other.send('SCRIPT', 'KILL')
    if (!reply.startsWith('-NOTBUSY')) return
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
}

describe('a script that does not end', () => {
  it('lets others run, and is ended by SCRIPT KILL', async () => {
    const running = client.send('EVAL', forEver, '0')
    const other = server.connect()
    expect(await other.send('SET', 'a', '1')).toBe('+OK')
    await untilRunning()
    expect(await running).toContain('Script killed by user with SCRIPT KILL.')
    expect(await client.send('EVAL', 'return 1', '0')).toBe(':1')
  })

  it.each([
    ['pcall', `pcall(function() ${forEver} end)`],
    ['xpcall in pcall', `pcall(xpcall, function() ${forEver} end, print)`],
    ['a coroutine', `coroutine.wrap(function() ${forEver} end)()`],
    [
      'a coroutine in pcall',
      `pcall(coroutine.resume, coroutine.create(function() pcall(function() ${forEver} end) end))`,
    ],
  ])('within %s, lets others run, too', async (_name, text) => {
    const running = client.send('EVAL', text.replace('print', 'tostring'), '0')
    await untilRunning()
    expect(await running).toContain('Script killed by user with SCRIPT KILL.')
  })

  it('is not ended by it once it has written', async () => {
    const running = client.send('EVAL', `redis.call('set', 'a', 1) ${forEver}`, '0')
    const other = server.connect()
    let reply = ''
    do reply = await other.send('SCRIPT', 'KILL')
    while (reply.startsWith('-NOTBUSY'))
    expect(reply).toContain('-UNKILLABLE')
    const id = (await other.send('CLIENT', 'LIST'))
      .split('id=')
      .find((line) => line.includes('cmd=eval'))!
      .split(' ')[0]!
    expect(await other.send('CLIENT', 'KILL', 'ID', id)).toBe(':1')
    await running.catch(() => undefined)
    expect(await other.send('GET', 'a')).toBe('(null)')
  })

  it.each([
    ['a metamethod', `return setmetatable({}, {__index = function() ${forEver} end}).x`],
    ['a handler of errors', `return xpcall(error, function() ${forEver} end)`],
    ['a comparison', `table.sort({1, 2, 3}, function() ${forEver} end)`],
    ['a comparison in pcall', `pcall(table.sort, {1, 2, 3}, function() pcall(function() ${forEver} end) end)`],
  ])('within %s, where it cannot pause, is ended', async (_name, text) => {
    expect(await client.send('EVAL', text, '0')).toContain('where it cannot pause')
    expect(await client.send('EVAL', 'return 1', '0')).toBe(':1')
  })

  it.each([
    ['many choices', "return string.find(string.rep('a', 40), string.rep('a-', 20) .. 'b')"],
    ['a long subject', "return string.find(string.rep('a', 100000), '.-.-b')"],
  ])('for a pattern of %s, is ended', async (_name, text) => {
    expect(await client.send('EVAL', text, '0')).toContain('pattern takes too many steps')
  })
})

describe('a script that wants much', () => {
  it.each([
    ['doubling', "local s = 'x' while true do s = s .. s end"],
    ['repeating', "return string.rep('x', 2000000000)"],
    ['replacing', "return string.gsub(string.rep('x', 100000), 'x', string.rep('y', 100000))"],
  ])('of memory, by %s, hears that there is none', async (_name, text) => {
    expect(await client.send('EVAL', text, '0')).toContain('not enough memory')
    expect(await client.send('EVAL', 'return 1', '0')).toBe(':1')
  })

  it('before it runs, for what it is given, hears the same', async () => {
    const argument = 'x'.repeat(50_000_000)
    expect(await client.send('EVAL', 'return #ARGV[1]', '0', argument)).toBe('-ERR not enough memory')
    expect(await client.send('EVAL', 'return #ARGV[1]', '0', 'x')).toBe(':1')
  })

  it('gives back what its interpreter had grown to', async () => {
    const heldBytes = async (): Promise<number> => Number(/tot-mem=(\d+)/.exec(await client.send('CLIENT', 'INFO'))![1])
    const before = await heldBytes()
    expect(await client.send('EVAL', "return #string.rep('x', 40000000)", '0')).toBe(':40000000')
    expect((await heldBytes()) - before).toBeLessThan(1024 * 1024)
  })

  it('leaves an interpreter that nobody uses again', () => {
    const scripts = new Scripts(server.sessions)
    const owner = {}
    const first = scripts.takeInterpreter(owner)
    scripts.giveBack(first)
    expect(scripts.takeInterpreter({})).not.toBe(first)
    expect(scripts.takeInterpreter(owner)).toBe(first)
    const bytes = new Uint8Array(30_000_000)
    first.machine.pushBytes(first.machine.state, { bytes, start: 0, end: bytes.length })
    scripts.giveBack(first)
    expect(scripts.takeInterpreter(owner)).not.toBe(first)
  })

  it('of the stack, hears that it is used up', async () => {
    expect(await client.send('EVAL', 'local function f() return 1 + f() end return f()', '0')).toContain(
      'stack overflow',
    )
    const nested = 'local t = {} t[1] = t return t'
    expect(await client.send('EVAL', nested, '0')).toContain('reached lua stack limit')
  })

  it('writes a long table in steps, and others go on', async () => {
    const text = 'local t = {} for i = 1, 200000 do t[i] = i end return t'
    const reply = client.send('EVAL', text, '0')
    let between = 0
    const other = server.connect()
    const progress = { isDone: false }
    void reply.then(() => (progress.isDone = true))
    while (!progress.isDone) {
      await other.send('PING')
      await new Promise((resolve) => setImmediate(resolve))
      between++
    }
    expect(between).toBeGreaterThan(3)
    expect((await reply).endsWith(':200000]')).toBe(true)
  })
})

it('a script is kept in memory of its own', () => {
  const received = Buffer.from('return 1')
  const { body } = readScript({ bytes: received, start: 0, end: received.length })
  received.fill(0)
  expect(Buffer.from(body.bytes).toString()).toBe('return 1')
})

describe('a script that has stopped', () => {
  const busy = 'local s = 0 for i = 1, 3000000 do s = s + i end'

  it.each([
    ['pcall', `return {pcall(function(a) ${busy} return a, s end, 7)}`, '[:1 :7 :4500001500000]'],
    ['an error in pcall', `return {pcall(function() ${busy} error({err = 'E x'}) end)}`, '[(null) "E x"]'],
    ['nested pcalls', `return {pcall(pcall, function() ${busy} error('x', 0) end)}`, '[:1 (null) "x"]'],
    ['xpcall in pcall', `return {pcall(xpcall, function() ${busy} return 5 end, error)}`, '[:1 :1 :5]'],
    [
      'coroutine.resume in pcall',
      `return {pcall(coroutine.resume, coroutine.create(function() ${busy} return 6 end))}`,
      '[:1 :1 :6]',
    ],
    [
      'xpcall',
      `return {xpcall(function() ${busy} error('x', 0) end, function(e) return 'h' .. e end)}`,
      '[(null) "hx"]',
    ],
    [
      'a coroutine that yields',
      `local co = coroutine.wrap(function(a) ${busy} local b = coroutine.yield(a + 1) ${busy} return b * 2 end)
       return {co(1), co(5)}`,
      '[:2 :10]',
    ],
    [
      'a coroutine that fails',
      `local co = coroutine.create(function() ${busy} error('x', 0) end)
       local r = {coroutine.resume(co)} r[3] = coroutine.status(co) return r`,
      '[(null) "x" "dead"]',
    ],
    [
      'pcall in a coroutine',
      `local co = coroutine.create(function() local r = pcall(function() ${busy} end) coroutine.yield(r) ${busy} return 'end' end)
       local _, first = coroutine.resume(co) local _, last = coroutine.resume(co) return {first, last}`,
      '[:1 "end"]',
    ],
  ])('within %s goes on there', async (_name, text, expected) => {
    expect(await client.send('EVAL', text, '0')).toBe(expected)
  })
})

describe('coroutines and protected calls', () => {
  it.each([
    ['pcall of an error', "return {pcall(error, 'x')}", '[(null) "x"]'],
    ['pcall of what is no function', 'return {pcall(1)}', '[(null) "attempt to call a number value"]'],
    [
      'xpcall of what is no function',
      "return {xpcall(nil, function(e) return 'h ' .. e end)}",
      '[(null) "h attempt to call a nil value"]',
    ],
    ['an error with its place', "return {pcall(function() error('x') end)}", '[(null) "user_script:1: x"]'],
    [
      'an error of a coroutine',
      "coroutine.wrap(function() error('x') end)()",
      '-ERR user_script:1: user_script:1: x script: a2eee6b2c1f51a66aaa7e7ffd52f6774287f6e8e, on @user_script:1.',
    ],
    [
      'yield outside of one',
      'return {pcall(coroutine.yield, 1)}',
      '[(null) "attempt to yield across metamethod/C-call boundary"]',
    ],
    [
      'yield across pcall',
      'local co = coroutine.create(function() return pcall(function() coroutine.yield(1) end) end) return {coroutine.resume(co)}',
      '[:1 (null) "attempt to yield across metamethod/C-call boundary"]',
    ],
    [
      'resume of a dead one',
      'local co = coroutine.create(function() end) coroutine.resume(co) return {coroutine.resume(co)}',
      '[(null) "cannot resume dead coroutine"]',
    ],
    [
      'resume of itself',
      'local co co = coroutine.create(function() return coroutine.resume(co) end) return {coroutine.resume(co)}',
      '[:1 (null) "cannot resume running coroutine"]',
    ],
    [
      'resume of who waits for it',
      `local outer outer = coroutine.create(function()
         local inner = coroutine.create(function() return coroutine.status(outer), coroutine.resume(outer) end)
         return coroutine.resume(inner) end)
       return {coroutine.resume(outer)}`,
      '[:1 :1 "normal" (null) "cannot resume normal coroutine"]',
    ],
  ])('%s', async (_name, text, expected) => {
    expect(await client.send('EVAL', text, '0')).toBe(expected)
  })

  it('within each other without end are refused', async () => {
    const text = 'local function f(n) return coroutine.wrap(f)(n + 1) end return f(1)'
    expect(await client.send('EVAL', text, '0')).toContain('C stack overflow')
    expect(await client.send('EVAL', 'local function f() return pcall(f) end return {f()}', '0')).toContain(':1')
    expect(await client.send('EVAL', 'return 1', '0')).toBe(':1')
  })
})

describe('what a script has done', () => {
  it('is whole for others, pause or not', async () => {
    const text = `
      for i = 1, 3000 do redis.call('incr', 'n') end
      local s = 0 for i = 1, 3000000 do s = s + i end
      for i = 1, 3000 do redis.call('incr', 'n') end
      return redis.call('get', 'n')`
    const running = client.send('EVAL', text, '0')
    const other = server.connect()
    const seen = new Set<string>()
    const progress = { isDone: false }
    void running.then(() => (progress.isDone = true))
    while (!progress.isDone) {
      seen.add(await other.send('GET', 'n'))
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(await running).toBe('"6000"')
    seen.add(await other.send('GET', 'n'))
    expect([...seen]).toEqual(['(null)', '"6000"'])
  })

  it('is done again from the beginning where it has waited for a lock', async () => {
    const holder = server.connect()
    await holder.send('POLYLOG.BEGIN')
    await holder.send('SET', 'locked', 'by the other')
    const text = "redis.call('rpush', 'l', 'x') redis.call('append', 'locked', '!') return redis.call('get', 'locked')"
    const waiting = client.send('EVAL', text, '0')
    await holder.send('POLYLOG.COMMIT')
    expect(await waiting).toBe('"by the other!"')
    expect(await client.send('LRANGE', 'l', '0', '-1')).toBe('["x"]')
  })

  it('and where a long command has waited', async () => {
    const holder = server.connect()
    await client.send('SADD', 's', ...Array.from({ length: 3000 }, (_, i) => `${i}`))
    await holder.send('POLYLOG.BEGIN')
    await holder.send('SADD', 'locked', 'x')
    const text = "redis.call('incr', 'n') return redis.call('sunionstore', 'locked', 's')"
    const waiting = client.send('EVAL', text, '0')
    await holder.send('POLYLOG.COMMIT')
    expect(await waiting).toBe(':3000')
    expect(await client.send('GET', 'n')).toBe('"1"')
    expect(await client.send('SCARD', 'locked')).toBe(':3000')
  })

  it('and within pcall', async () => {
    const holder = server.connect()
    await holder.send('POLYLOG.BEGIN')
    await holder.send('SET', 'locked', 'a')
    const text = "redis.call('incr', 'n') return {pcall(redis.call, 'append', 'locked', 'b')}"
    const waiting = client.send('EVAL', text, '0')
    await holder.send('POLYLOG.COMMIT')
    expect(await waiting).toBe('[:1 :2]')
    expect(await client.send('GET', 'n')).toBe('"1"')
  })

  it('leaves no trace in the interpreter', async () => {
    await client.send('EVAL', "pcall(function() rawset(_G, 'x', 1) end) KEYS.x = 1", '1', 'a')
    expect(await client.send('EVAL', 'return {KEYS.x, type(KEYS[1])}', '0')).toBe('[]')
    expect(await client.send('EVAL', 'return x', '0')).toContain('nonexistent global variable')
  })
})

describe('an interpreter that has failed within WebAssembly', () => {
  it('is not used again', () => {
    const owner = {}
    const scripts = new Scripts(server.sessions)
    const broken = scripts.takeInterpreter(owner)
    const nowhere = 0x7fff_ff00
    expect(() => broken.machine.resume(nowhere)).toThrow('memory access out of bounds')
    broken.end()
    scripts.giveBack(broken)
    const next = scripts.takeInterpreter(owner)
    expect(next).not.toBe(broken)
    scripts.giveBack(next)
    expect(scripts.takeInterpreter(owner)).toBe(next)
  })
})

describe('who runs a script', () => {
  it('may do in it what they may do outside', async () => {
    const users = await openTestServerWithUsers()
    await users.sessions.principals.create('bob', { login: true, password: 'secret' })
    await users.give('bob', privilege.read | privilege.insert | privilege.update, { keys: 'mine:*' })
    const ada = await users.login('ada')
    await ada.send('SET', 'theirs', 'secret')
    const bob = await users.login('bob')
    const get = "return redis.call('get', ARGV[1])"
    expect(await bob.send('EVAL', get, '0', 'mine:a')).toBe('(null)')
    expect(await bob.send('EVAL', get, '0', 'theirs')).toContain("can't access at least one of the keys")
    expect(await bob.send('EVAL', get, '1', 'theirs', 'mine:a')).toBe('(null)')
    expect(await bob.send('EVAL', "return redis.pcall('flushall')", '0')).toContain("can't run this command")
    expect(await bob.send('EVAL', "return redis.acl_check_cmd('get', 'theirs')", '0')).toBe('(null)')
    expect(await bob.send('SCRIPT', 'FLUSH')).toContain('NOPERM')
    await users.close()
  })
})
