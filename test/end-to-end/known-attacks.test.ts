/**
 * What has been done to databases like this one, done to ours. Each test bears the number of the public advisory, or of the
 * class (CWE) where there are many.
 */
import { existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { deflateSync } from 'node:zlib'
import type { Redis } from 'ioredis'
import { MongoClient } from 'mongodb'
import type pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { Clients } from './clients.ts'
import {
  frontendMessage,
  int32,
  int32LE,
  mongoFrame,
  mongoHello,
  mongoMessage,
  redisCommand,
  startupPacket,
} from './protocol-bytes.ts'
import { RawConnection } from './raw-connection.ts'
import { ServerProcess } from './server-process.ts'

let server: ServerProcess
let clients: Clients
let redis: Redis
let postgres: pg.Client

beforeAll(async () => {
  server = await ServerProcess.start('--memory')
  clients = new Clients(server.port)
  redis = clients.redis()
  postgres = await clients.postgres()
  await postgres.query('CREATE TABLE kept (a int PRIMARY KEY, b int[])')
  await postgres.query('INSERT INTO kept VALUES (1)')
})

afterEach(async () => {
  expect(await redis.ping()).toBe('PONG')
  expect((await postgres.query('SELECT count(*)::int AS n FROM kept')).rows).toEqual([{ n: 1 }])
  expect(await redis.exists('pwned')).toBe(0)
})

afterAll(async () => {
  await clients.close()
  expect(await server.stop()).toMatchObject({ status: 0 })
})

async function sendAndEnd(...parts: (Uint8Array | string)[]): Promise<string> {
  const connection = await RawConnection.open(server.port)
  for (const part of parts) connection.send(part)
  return (await connection.end()).toString('latin1')
}

describe('MongoDB', () => {
  /** A message of operation 2012 whose head says that so much comes out of it. */
  function compressed(claimedBytes: number, message: Uint8Array): Buffer {
    const body = Buffer.concat([int32LE(0), Buffer.from([0]), message])
    const head = [int32LE(2013), int32LE(claimedBytes), Buffer.from([2])]
    const frame = Buffer.concat([...head, deflateSync(body)])
    return Buffer.concat([int32LE(16 + frame.length), int32LE(7), int32LE(0), int32LE(2012), frame])
  }

  test('CVE-2025-14847: a compressed message that claims more than it holds gets no bytes back', async () => {
    const body = mongoMessage({ hello: 1, $db: 'admin' }).subarray(21)
    for (const claimed of [body.length + 5, 1024 * 1024, 0x7f_ff_ff_ff, -1]) {
      const whole = await sendAndEnd(mongoHello)
      expect(await sendAndEnd(compressed(claimed, body))).toBe('')
      expect((await sendAndEnd(mongoHello, compressed(claimed, body))).length).toBe(whole.length)
    }
  })

  test('no compression is offered', async () => {
    const mongo = new MongoClient(`mongodb://127.0.0.1:${server.port}/?compressors=zlib`)
    const hello = await mongo.db('admin').command({ hello: 1, compression: ['zlib', 'snappy', 'zstd'] })
    await mongo.close()
    expect(hello).not.toHaveProperty('compression')
  })

  test('CVE-2026-9740: binary data that nests binary data is a value and is not walked', async () => {
    let nested = Buffer.from([0])
    for (let level = 0; level < 2000; level++) {
      nested = Buffer.concat([Buffer.from([5, 0]), int32LE(nested.length), Buffer.from([7]), nested, Buffer.from([0])])
    }
    const document = Buffer.concat([int32LE(nested.length + 5), nested, Buffer.from([0])])
    await sendAndEnd(mongoHello, mongoFrame(Buffer.concat([Buffer.from([0]), document])))
  })

  test('CWE-1333: a regular expression that takes others exponential time', async () => {
    const mongo = clients.mongo()
    const things = mongo.db('attacks').collection('things')
    await things.insertOne({ a: `${'a'.repeat(20_000)}b` })
    for (const pattern of ['^(a+)+$', '^(a|a)*$', '^(a?){50}a{50}$', '(a*)*c']) {
      await things.countDocuments({ a: { $regex: pattern } })
    }
    await expect(things.countDocuments({ a: { $regex: '((a{1000}){1000}){1000}' } })).rejects.toThrow()
  })
})

describe('PostgreSQL', () => {
  async function connected(): Promise<RawConnection> {
    const connection = await RawConnection.open(server.port)
    connection.send(startupPacket())
    await connection.until((received) => received.subarray(-6, -1).equals(Buffer.from('Z\0\0\0\x05', 'latin1')))
    return connection
  }

  const hidden = frontendMessage('Q', 'DROP TABLE kept\0')

  test('CVE-2015-0244: what lies within a message that is refused is not read as messages', async () => {
    const withLength = (length: number): Buffer =>
      frontendMessage('B', Buffer.concat([Buffer.from('\0\0\0\0\0\x01'), int32(length), hidden, Buffer.from('\0\0')]))
    for (const bytes of [
      withLength(4),
      withLength(-2),
      withLength(0x7f_ff_ff_ff),
      frontendMessage('P', Buffer.concat([Buffer.from('no end'), hidden])),
      frontendMessage('d', hidden),
      frontendMessage('p', hidden),
      frontendMessage('F', hidden),
    ]) {
      const connection = await connected()
      const before = connection.received.length
      connection.send(Buffer.concat([bytes, frontendMessage('S')]))
      const reply = (await connection.end()).subarray(before).toString('latin1')
      expect(reply).not.toContain('DROP TABLE')
    }
  })

  test('CWE-190: lengths that are negative, overflow or do not fit their message', async () => {
    for (const length of [3, 0, -1, -0x80_00_00_00, 0x7f_ff_ff_ff, 0x7f_ff_ff_fb]) {
      for (const type of ['Q', 'P', 'B', 'D', 'E', 'C', 'S', 'd']) {
        const connection = await connected()
        connection.send(Buffer.concat([frontendMessage(type, hidden, length)]))
        expect((await connection.end()).toString('latin1')).not.toContain('DROP TABLE')
      }
    }
    for (const length of [-1, 7, 10_001, 0x7f_ff_ff_ff]) {
      await sendAndEnd(Buffer.concat([int32(length), int32(196_608), Buffer.from('user\0me\0\0')]))
    }
  })

  test('CVE-2021-32027, CVE-2023-5869: subscripts of arrays that overflow', async () => {
    for (const [text, answer] of [
      ["SELECT '[2147483647:2147483647]={1}'::int[]", /22P02|22003|54000|0A000|2202E/],
      ["SELECT '[-2147483648:2147483647]={1}'::int[]", /22P02|22003|54000|0A000|2202E/],
      ['UPDATE kept SET b[2147483647] = 1', /54000|22003|0A000|2202E/],
      ['SELECT array_fill(1, array[2147483647, 2147483647])', /54000|22003|0A000|42883/],
    ] as const) {
      const outcome = await postgres.query(text).then(
        ({ rows }) => JSON.stringify(rows),
        (error: unknown) => (error as pg.DatabaseError).code!,
      )
      expect(outcome).toMatch(answer)
    }
    expect((await postgres.query('SELECT (array[1])[2147483647] AS a')).rows).toEqual([{ a: null }])
  })

  test('CVE-2023-5868: aggregates over values of no type show these values and no others', async () => {
    const { rows } = await postgres.query(
      `SELECT json_object_agg('a', 'b') o, count(DISTINCT 'x')::int n, string_agg('x', '') t,
        jsonb_agg(DISTINCT 'y'::text ORDER BY 'y'::text) j, max('z') m FROM generate_series(1, 2)`,
    )
    expect(rows[0]).toMatchObject({ n: 1, t: 'xx', j: ['y'], m: 'z' })
  })

  test('CVE-2019-9193, CWE-22: what reads and writes files or runs programs is not there', async () => {
    const path = join(tmpdir(), `polylog-pwned-${process.pid}`)
    for (const text of [
      `COPY kept TO '${path}'`,
      `COPY kept FROM '/etc/passwd'`,
      `COPY kept TO PROGRAM 'touch ${path}'`,
      `COPY kept FROM PROGRAM 'touch ${path}'`,
      `LOAD '${path}'`,
      `SELECT pg_read_file('/etc/passwd')`,
      `SELECT pg_ls_dir('..')`,
      `SELECT lo_import('/etc/passwd')`,
      `CREATE EXTENSION "../../x"`,
      `CREATE FUNCTION f() RETURNS int AS '${path}', 'f' LANGUAGE c`,
      `CREATE TABLESPACE s LOCATION '/tmp'`,
      `DO LANGUAGE plpythonu $$ x $$`,
    ]) {
      const code = await postgres.query(text).then(
        () => 'taken',
        (error: unknown) => (error as pg.DatabaseError).code,
      )
      expect([text, code]).toEqual([text, expect.stringMatching(/^(0A000|42883|42704|42501)$/)])
    }
    // MIGRATE looks first whether the key is there.
    await redis.set('k', 'v')
    for (const [name, ...words] of [
      ['CONFIG', 'SET', 'dir', '/tmp'],
      ['CONFIG', 'SET', 'dbfilename', 'pwned'],
      ['SAVE'],
      ['BGSAVE'],
      ['MODULE', 'LOAD', path],
      ['DEBUG', 'RELOAD'],
      ['RESTORE', 'pwned', '0', 'x'],
      ['MIGRATE', '127.0.0.1', '1', 'k', '0', '1'],
      ['ACL', 'SAVE'],
    ] as const) {
      await expect(redis.call(name, ...words)).rejects.toThrow(/^ERR/)
    }
    expect(existsSync(path)).toBe(false)
  })

  test('CVE-2016-0773: a class of all characters in a regular expression', async () => {
    const wide = "'x' ~ '[\\u0001-\\U0010ffff]'"
    await postgres
      .query(`SELECT ${wide}`)
      .catch((error: unknown) => expect((error as pg.DatabaseError).code).toBe('2201B'))
    expect((await postgres.query("SELECT 'x' ~* '[\x01-\u{10ffff}]' AS is")).rows).toEqual([{ is: true }])
  })

  test('CWE-1333: patterns that take others exponential time', async () => {
    const text = "repeat('a', 20000) || 'b'"
    for (const condition of [
      `${text} ~ '^(a+)+$'`,
      `${text} ~ '^(a|a)*$'`,
      `${text} SIMILAR TO '((a|aa)*)*c'`,
      `${text} LIKE '%a%a%a%a%a%a%c'`,
      `regexp_replace(${text}, '(a*)*c', 'x') = 'x'`,
    ]) {
      expect((await postgres.query(`SELECT ${condition} AS is`)).rows).toEqual([{ is: false }])
    }
  })
})

describe('Redis', () => {
  const errorOf = (command: Promise<unknown>): Promise<string> =>
    command.then(
      (value) => `no error: ${JSON.stringify(value)}`,
      (error: unknown) => (error as Error).message,
    )

  test('CVE-2022-36021, CVE-2024-31228: patterns of KEYS and SCAN', async () => {
    await redis.set('a'.repeat(30_000), '1')
    expect(await redis.keys('a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b')).toEqual([])
    expect((await redis.scan('0', 'MATCH', '*a*a*a*a*a*a*b'))[1]).toEqual([])
    expect(await errorOf(redis.keys('*?'.repeat(100_000)))).toMatch(/^ERR pattern is longer/)
    expect(await errorOf(redis.keys(`*[${'b'.repeat(4000)}]`))).toMatch(/^ERR a pattern of 4003 bytes takes too long/)
    await redis.del('a'.repeat(30_000))
  })

  test('CVE-2022-35977: SETRANGE beyond all bounds', async () => {
    for (const offset of ['9223372036854775807', '4294967295', '2147483647', '-1']) {
      expect(await errorOf(redis.call('SETRANGE', 'pwned', offset, 'x'))).toMatch(/^ERR/)
    }
  })

  test('CVE-2023-22458, CVE-2023-25155: random elements by the least number there is', async () => {
    await redis.hset('hash', 'f', 'v')
    await redis.sadd('set', 'm')
    await redis.zadd('zset', 1, 'm')
    for (const count of ['-9223372036854775808', '-9223372036854775807', '-4611686018427387903', '-100000000']) {
      expect(await errorOf(redis.call('HRANDFIELD', 'hash', count, 'WITHVALUES'))).toMatch(/^ERR/)
      expect(await errorOf(redis.call('ZRANDMEMBER', 'zset', count, 'WITHSCORES'))).toMatch(/^ERR/)
      expect(await errorOf(redis.call('SRANDMEMBER', 'set', count))).toMatch(/^ERR/)
    }
  })

  test('CVE-2023-28425: MSETNX of one key twice', async () => {
    expect(await redis.msetnx('twice', '1', 'twice', '2')).toBe(1)
    expect(await redis.get('twice')).toBe('2')
    expect(await redis.msetnx('twice', '3', 'other', '4')).toBe(0)
    expect(await redis.exists('other')).toBe(0)
    await redis.del('twice')
  })

  test('CVE-2023-28856: HINCRBYFLOAT makes no number that cannot be read', async () => {
    await redis.hset('floats', 'f', '1e308')
    expect(await errorOf(redis.call('HINCRBYFLOAT', 'floats', 'f', 'inf'))).toMatch(/^ERR/)
    await redis.call('HINCRBYFLOAT', 'floats', 'f', '1e4930').catch(() => undefined)
    expect(Object.keys(await redis.hgetall('floats'))).toEqual(['f'])
  })

  test('CVE-2021-41099, CVE-2021-32675: counts and lengths beyond what may come', async () => {
    for (const line of ['*1048577', '*2147483648', '*99999999999', '*9223372036854775807', '*+1', '*0x1']) {
      expect(await sendAndEnd(`${line}\r\n$4\r\nPING\r\n`)).toMatch(
        /^(-ERR Protocol error: invalid multibulk length\r\n)?$/,
      )
    }
    for (const line of ['$536870913', '$-2', '$2147483648', '$18446744073709551616', '$+4', '$']) {
      expect(await sendAndEnd(`*1\r\n${line}\r\nPING\r\n`)).toMatch(/^(-ERR Protocol error: invalid bulk length\r\n)?$/)
    }
  })
})

describe('before a login', () => {
  let guarded: ServerProcess

  beforeAll(async () => {
    guarded = await ServerProcess.startIn({ POLYLOG_USER: 'ada', POLYLOG_PASSWORD: 'geheim' }, '--memory')
  })
  afterAll(() => guarded.stop())

  test('CVE-2021-32675: a stranger of the Redis door announces little', async () => {
    for (const [bytes, error] of [
      ['*11\r\n', 'unauthenticated multibulk length'],
      ['*2\r\n$4\r\nAUTH\r\n$16385\r\n', 'unauthenticated bulk length'],
    ] as const) {
      const connection = await RawConnection.open(guarded.port)
      connection.send(bytes)
      expect((await connection.untilClosed()).toString()).toBe(`-ERR Protocol error: ${error}\r\n`)
    }
  })

  test('CVE-2025-21605: a stranger who reads no answer is cut before they are many', async () => {
    const connection = await RawConnection.open(guarded.port)
    connection.socket.pause()
    const pings = Buffer.concat(Array.from({ length: 1000 }, () => redisCommand('PING')))
    for (let sent = 0; sent < 2000 && connection.isOpen; sent++) {
      await new Promise<void>((resolve) => connection.socket.write(pings, () => resolve()))
    }
    connection.socket.resume()
    // Of two million answers what both kernels hold, some megabytes; the server itself holds 56 KiB, and then cuts.
    const answer = '-NOAUTH Authentication required.\r\n'
    expect((await connection.untilClosed()).length).toBeLessThan(500_000 * answer.length)
    connection.destroy()
  })
})

describe('CVE-2016-10517: bytes of a browser', () => {
  const bodies: Record<string, Buffer> = {
    redis: redisCommand('SET', 'pwned', '1'),
    'inline commands': Buffer.from('SET pwned 1\r\n'),
    postgres: Buffer.concat([startupPacket(), frontendMessage('Q', 'DROP TABLE kept\0')]),
    mongodb: mongoMessage({ insert: 'pwned', documents: [{ _id: 1 }], $db: 'attacks' }),
  }

  for (const [name, body] of Object.entries(bodies)) {
    test(`a request whose body is ${name} is not carried out`, async () => {
      for (const method of ['POST', 'GET', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH', 'post']) {
        const request = `${method} /key HTTP/1.1\r\nHost: 127.0.0.1:${server.port}\r\nOrigin: http://evil.example\r\n\r\n`
        await sendAndEnd(request, body)
        await sendAndEnd(redisCommand('PING'), request, body)
        await sendAndEnd(`${method} /key HTTP/1.1\r\nhOsT: x\r\n\r\n`, body)
      }
      expect((await postgres.query("SELECT to_regclass('attacks.pwned') AS made")).rows).toEqual([{ made: null }])
    })
  }

  test('it is closed without an answer, behind commands, too', async () => {
    const request = 'POST / HTTP/1.1\r\nContent-Length: 13\r\n\r\nSET pwned 1\r\n'
    expect(await sendAndEnd(request)).toBe('')
    const connection = await RawConnection.open(server.port)
    connection.send(redisCommand('PING'))
    await connection.until((received) => received.length === 7)
    connection.send('MULTI\r\nSET pwned 1\r\nHost: x\r\nEXEC\r\n')
    expect((await connection.untilClosed()).toString()).not.toContain('*1\r\n')
  })

  test('what begins as HTTP of other kinds is nobody’s', async () => {
    await sendAndEnd('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nHost: x\r\n', bodies['redis']!)
    // A handshake of TLS, which some send anywhere.
    expect(await sendAndEnd(Buffer.from([0x16, 3, 1, 0, 5, 1, 0, 0, 1, 3]), bodies['redis']!)).not.toContain('+OK')
  })
})

describe('scripts at the Redis door', () => {
  const run = (text: string): Promise<unknown> =>
    redis.eval(text, 0).then(
      (answer) => answer,
      (error: unknown) => (error as Error).message,
    )

  test('CVE-2022-0543: no library opens others, or files', async () => {
    for (const name of ['package', 'io', 'os', 'debug', 'require', 'dofile', 'loadfile', 'getfenv', 'newproxy']) {
      expect(await run(`return ${name}`)).toContain(`nonexistent global variable '${name}'`)
    }
    expect(await run("return package.loadlib('/lib/x86_64-linux-gnu/liblua5.1.so.0', 'luaopen_io')")).toContain('ERR')
  })

  test('CVE-2015-4335: bytecode is not taken', async () => {
    const dump = 'string.dump(function() return 1 end)'
    expect(await run(`return {loadstring(${dump})}`)).toEqual([])
    expect(await run(`return tostring(loadstring(${dump}))`)).toBe('nil')
    expect(
      await run(
        `local done = false return tostring(load(function() if done then return nil end done = true return ${dump} end))`,
      ),
    ).toBe('nil')
    expect(await run('\u001bLua')).toContain('Error compiling script')
  })

  test('CVE-2024-31449: bit.tohex of as many digits as there are numbers', async () => {
    expect(await run('return bit.tohex(65535, -2147483648)')).toBe('0000FFFF')
  })

  test('CVE-2015-8080, CVE-2020-14147: sizes in formats of struct', async () => {
    for (const format of [
      '!2147483648',
      '!4294967296',
      'i2147483648',
      'c4294967295',
      'i-1',
      '!3',
      'c999999999999999999',
    ]) {
      expect(await run(`return struct.pack('${format}', 10)`)).toContain('ERR')
    }
    expect(await run("return struct.unpack('c2147483647', 'x')")).toContain('too short')
    expect(await run("return struct.unpack('B', 'x', 2147483648)")).toContain('too short')
  })

  test('CVE-2018-11218: cmsgpack of more than the stack holds', async () => {
    expect(await run('local t = {} for i = 1, 300000 do t[i] = 1 end return #cmsgpack.pack(unpack(t))')).toContain(
      'ERR',
    )
    expect(await run("return cmsgpack.unpack(string.rep('\\145', 100000))")).toContain('ERR')
    expect(await run("return {cmsgpack.unpack(string.rep('\\1', 2000000))}")).toContain('ERR')
    expect(await run("return cmsgpack.unpack('\\221\\255\\255\\255\\255')")).toContain('Missing bytes in input')
  })

  test('CVE-2022-24834: cjson of long strings', async () => {
    expect(await run("return #cjson.encode(string.rep('\\0', 5000000))")).toBe(30_000_002)
    expect(await run("return cjson.encode({string.rep('\\0', 20000000)})")).toContain('not enough memory')
  })

  test('CVE-2025-49844, CVE-2024-46981: garbage collected while it is in use', async () => {
    const text = `
      local kept = {}
      for i = 1, 200 do
        collectgarbage('collect')
        kept[i % 7] = loadstring('return ' .. string.rep('{', i % 50) .. string.rep('}', i % 50), string.rep('n', i))
        setmetatable({}, {__gc = function() error('gc') end})
      end
      collectgarbage() collectgarbage('step', 1000) collectgarbage('setpause', 0)
      return #kept`
    expect(await run(text)).toBe(6)
  })

  test('CVE-2021-32626: as many results as the stack has no room for', async () => {
    expect(await run('return {unpack({}, 1, 100000000)}')).toContain('too many results to unpack')
    expect(await run("return {string.byte(string.rep('x', 10000000), 1, -1)}")).toContain('string slice too long')
  })

  test('CWE-400: a library changed for the next script', async () => {
    for (const change of [
      'string.rep = nil',
      "rawset(string, 'rep', 1)",
      'table.insert(string, 1)',
      "getmetatable('').__index = nil",
      'setmetatable(math, {})',
      'redis.call = nil',
      '_G.redis = nil',
      'cjson.null = 1',
      'for k in pairs(math) do math[k] = nil end',
    ]) {
      expect(await run(change)).toContain('readonly table')
    }
    expect(await run("return string.rep('x', 2) .. type(redis.call)")).toBe('xxfunction')
  })
})
