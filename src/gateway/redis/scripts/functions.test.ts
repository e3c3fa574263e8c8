/** What golden replies do not show of functions: that they last, pause, are ended, and run with whose rights. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { privilege } from '../../../database/access/privileges.ts'
import { Sessions } from '../../../session/sessions.ts'
import { defaultGatewayLimits } from '../../gateway.ts'
import { Door } from '../../door.ts'
import { redisProtocol } from '../gateway.ts'
import { encodeCommand, openTestServer, openTestServerWithUsers, TestClient, type TestServer } from '../testing.ts'
import { Crc64 } from '../../../model/keyvalue/rdb/crc64.ts'

let server: TestServer
let client: TestClient

beforeEach(async () => {
  server = await openTestServer()
  client = server.connect()
})
afterEach(() => server.close())

function library(name: string, ...functions: readonly string[]): string {
  const lines = functions.map((body, i) => `redis.register_function('${name}${i}', function(keys, args) ${body} end)`)
  return [`#!lua name=${name}`, ...lines].join('\n')
}

async function send(...words: readonly string[]): Promise<string> {
  return client.send(...words)
}

async function untilRunning(): Promise<TestClient> {
  const other = server.connect()
  while ((await other.send('FUNCTION', 'STATS')).includes('"running_script" (null)')) {
    await new Promise((resolve) => setTimeout(resolve, 1))
  }
  return other
}

describe('a library', () => {
  it('is there for another server of the same data', async () => {
    await send('FUNCTION', 'LOAD', library('lib', 'return 7'))
    const { database } = server
    const others = new Sessions(database.host, () => new Map([['polylog', database]]))
    const gateway = new Door(redisProtocol, others, defaultGatewayLimits)
    expect(await new TestClient(gateway, database.host).send('FCALL', 'lib0', '0')).toBe(':7')
    await gateway.close(0)
    others.close()
  })

  it('is what an open transaction has made of it, and nobody else sees that before it commits', async () => {
    await send('FUNCTION', 'LOAD', library('lib', 'return 1'))
    await send('POLYLOG.BEGIN')
    await send('FUNCTION', 'LOAD', 'REPLACE', library('lib', 'return 2'))
    expect(await send('FCALL', 'lib0', '0')).toBe(':2')
    expect(await server.connect().send('FCALL', 'lib0', '0')).toBe(':1')
    await send('POLYLOG.ROLLBACK')
    expect(await send('FCALL', 'lib0', '0')).toBe(':1')
  })

  it('is not made where one of two transactions takes the name of its function', async () => {
    const other = server.connect()
    await send('POLYLOG.BEGIN')
    await send('FUNCTION', 'LOAD', library('lib', 'return 1'))
    const waiting = other.send('FUNCTION', 'LOAD', '#!lua name=two\nredis.register_function("LIB0", function() end)')
    await send('POLYLOG.COMMIT')
    expect(await waiting).toContain('already exists')
    expect(await send('FUNCTION', 'STATS')).toContain('"libraries_count" :1 "functions_count" :1')
  })

  it('whose load fails changes nothing, in a statement of its own and within EXEC', async () => {
    await send('FUNCTION', 'LOAD', library('lib', 'return 1'))
    await send('FUNCTION', 'LOAD', library('other', 'return 1'))
    const bad = '#!lua name=lib\nredis.register_function("other0", function() end)'
    expect(await send('FUNCTION', 'LOAD', 'REPLACE', bad)).toContain('Function other0 already exists')
    await send('MULTI')
    await send('FUNCTION', 'LOAD', 'REPLACE', bad)
    await send('SET', 'a', '1')
    expect(await send('EXEC')).toContain('already exists')
    expect([await send('FCALL', 'lib0', '0'), await send('FCALL', 'other0', '0')]).toEqual([':1', ':1'])
  })

  it('that is large, or makes all of them so, is refused', async () => {
    const large = (name: string, bytes: number): string => `${library(name, 'return 1')}\n--${'x'.repeat(bytes)}`
    expect(await send('FUNCTION', 'LOAD', large('a', 1024 * 1024))).toContain('is larger than 1048576')
    const replies = new Set<string>()
    for (let i = 0; i < 17; i++) replies.add(await send('FUNCTION', 'LOAD', large(`lib${i}`, 1_000_000)))
    expect([...replies].at(-1)).toContain('larger than 16777216 bytes')
    expect(await send('FUNCTION', 'FLUSH')).toBe('+OK')
  })

  it('whose load does not end is given up, and others run meanwhile', async () => {
    const loading = send('FUNCTION', 'LOAD', '#!lua name=lib\nwhile true do end')
    const other = server.connect()
    expect(await other.send('SET', 'a', '1')).toBe('+OK')
    expect(await loading).toBe('-ERR Error registering functions: ERR FUNCTION LOAD timeout')
    expect(await send('EVAL', 'return math.floor(1.5)', '0')).toBe(':1')
  })

  it('is forgotten by interpreters that had the one before', async () => {
    for (let i = 0; i < 3; i++) {
      await send('FUNCTION', 'LOAD', 'REPLACE', library('lib', `return ${i}`))
      expect(await send('FCALL', 'lib0', '0')).toBe(`:${i}`)
    }
  })
})

describe('a function', () => {
  const forEver = 'while true do end'

  it('that does not end stops nobody else, and is ended by FUNCTION KILL alone', async () => {
    await send('FUNCTION', 'LOAD', library('lib', forEver))
    const running = send('FCALL', 'lib0', '1', 'key', 'x')
    const other = await untilRunning()
    expect(await other.send('PING')).toBe('+PONG')
    expect(await other.send('FUNCTION', 'STATS')).toMatch(
      /^\["running_script" \["name" "lib0" "command" \["FCALL" "lib0" "1" "key" "x"\] "duration_ms" :\d+\]/,
    )
    expect(await other.send('SCRIPT', 'KILL')).toContain('-BUSY')
    expect(await other.send('FUNCTION', 'KILL')).toBe('+OK')
    expect(await running).toContain('Script killed by user')
  })

  it('makes others hear BUSY where the server was told so', async () => {
    await send('CONFIG', 'SET', 'busy-reply-threshold', '1')
    await send('FUNCTION', 'LOAD', library('lib', forEver))
    const running = send('FCALL', 'lib0', '0')
    const other = server.connect()
    let reply = ''
    while (!reply.startsWith('-BUSY')) {
      reply = await other.send('PING')
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    expect(reply).toBe('-BUSY Redis is busy running a script. You can only call FUNCTION KILL or SHUTDOWN NOSAVE.')
    expect(await other.send('MULTI')).toBe('+OK')
    expect(await other.send('SET', 'a', '1')).toContain('-BUSY')
    expect(await other.send('EXEC')).toContain('-EXECABORT')
    expect(await other.send('FUNCTION', 'KILL')).toBe('+OK')
    expect(await running).toContain('Script killed by user')
    expect(await other.send('PING')).toBe('+PONG')
  })

  it('is not disturbed by what a script has left in the interpreter', async () => {
    await send('FUNCTION', 'LOAD', library('lib', 'return KEYS'))
    await send('EVAL', 'return KEYS[1]', '1', 'a')
    expect(await send('FCALL', 'lib0', '0')).toContain("nonexistent global variable 'KEYS'")
  })

  it('may be one of Redis itself', async () => {
    await send('FUNCTION', 'LOAD', "#!lua name=lib\nlocal r = redis\nr.register_function('f', r.log)")
    expect(await send('FCALL', 'f', '0')).toContain('First argument must be a number')
  })

  it('cannot change what libraries see, whatever it has kept', async () => {
    const code =
      "#!lua name=lib\nlocal r = redis\nr.register_function('f', function() rawset(r, 'x', 1) end)\n" +
      "r.register_function('g', function() getmetatable(_G).__index = {} end)"
    await send('FUNCTION', 'LOAD', code)
    expect(await send('FCALL', 'f', '0')).toContain('Attempt to modify a readonly table')
    expect(await send('FCALL', 'g', '0')).toContain('Attempt to modify a readonly table')
  })

  it('runs with the rights of who calls it; who looks after the database makes it', async () => {
    const users = await openTestServerWithUsers()
    await users.sessions.principals.create('bob', { login: true, password: 'secret' })
    await users.give('bob', privilege.read | privilege.insert | privilege.update, { keys: 'mine:*' })
    const ada = await users.login('ada')
    await ada.send('SET', 'theirs', 'secret')
    await ada.send('FUNCTION', 'LOAD', library('lib', "return redis.call('get', args[1])"))
    const bob = await users.login('bob')
    expect(await bob.send('FCALL', 'lib0', '0', 'mine:a')).toBe('(null)')
    expect(await bob.send('FCALL', 'lib0', '0', 'theirs')).toContain("can't access at least one of the keys")
    expect(await bob.send('FUNCTION', 'LIST')).toContain('"lib0"')
    for (const words of [['LOAD', library('x', 'return 1')], ['DELETE', 'lib'], ['FLUSH'], ['RESTORE', 'x']]) {
      expect(await bob.send('FUNCTION', ...words)).toContain('NOPERM')
    }
    await users.close()
  })
})

describe('KEYS and ARGV', () => {
  it.each([
    ['EVAL', 'return {#KEYS, #ARGV, KEYS[1], ARGV[#ARGV]}'],
    ['FCALL', 'many0'],
  ])('of %s are made in turns where there are many', async (command, first) => {
    await send('FUNCTION', 'LOAD', library('many', 'return {#keys, #args, keys[1], args[#args]}'))
    const args = Array.from({ length: 200_000 }, (_, i) => `${i}`)
    client.sendBytes(encodeCommand([command, first, '100000', ...args]))
    expect(await client.next()).toBe('[:100000 :100000 "0" "199999"]')
  })
})

describe('a dump', () => {
  it('of Redis is read, though it is compressed', async () => {
    const payload = Buffer.from(
      'f5c3406a40e31f23216c7561206e616d653d7061636b65640a72656469732e72656769737465720a5f66756e6374696f6e2827801f0330272c20' +
        'e00013186b6579732c2061726773292072657475726e203020656e6429e017450031e016450031e01c450032e01645003220450164290a00' +
        'ffecfac9598a108b',
      'hex',
    )
    expect(await client.send('FUNCTION', 'RESTORE', payload)).toBe('+OK')
    expect(await send('FCALL', 'packed2', '0')).toBe(':2')
    expect(await client.send('FUNCTION', 'RESTORE', payload)).toBe('-ERR Library packed already exists')
    expect(await client.send('FUNCTION', 'RESTORE', payload, 'REPLACE')).toBe('+OK')
    expect(await client.send('FUNCTION', 'RESTORE', payload, 'FLUSH')).toBe('+OK')
    payload[20]! ^= 1
    expect(await client.send('FUNCTION', 'RESTORE', payload)).toContain('version or checksum are wrong')
  })

  it('is what can be restored', async () => {
    await send('FUNCTION', 'LOAD', library('lib', "return '\xff'"))
    client.sendBytes(encodeCommand(['FUNCTION', 'DUMP']))
    const dump = Buffer.from(JSON.parse(await client.next()) as string, 'latin1')
    await send('FUNCTION', 'FLUSH')
    expect(await client.send('FUNCTION', 'RESTORE', dump)).toBe('+OK')
    expect(await send('FCALL', 'lib0', '0')).toBe('"\xff"')
  })

  it('that lies of its lengths is refused', async () => {
    const signed = (...bytes: readonly number[]): Buffer => {
      const versioned = Buffer.from([...bytes, 10, 0])
      const sum = new Crc64()
      sum.add({ bytes: versioned, start: 0, end: versioned.length })
      return Buffer.concat([versioned, sum.toBytes()])
    }
    const failed = '-ERR failed loading the given functions payload'
    const liars = [
      [245],
      [245, 5, 0],
      [245, 0x80, 255, 255, 255, 255],
      [245, 0x81, 255, 255, 255, 255, 255, 255, 255, 255],
      [245, 0xc3, 1, 0x80, 255, 255, 255, 255, 0],
      [245, 0xc3, 2, 4, 0x40, 9],
      [245, 0xc4],
    ]
    for (const bytes of liars) expect(await client.send('FUNCTION', 'RESTORE', signed(...bytes))).toBe(failed)
    expect(await client.send('FUNCTION', 'RESTORE', signed(0, 1))).toBe('-ERR given type is not a function')
    expect(await client.send('FUNCTION', 'RESTORE', signed())).toBe('+OK')
  })
})
