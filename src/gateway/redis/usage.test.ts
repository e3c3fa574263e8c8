/** What INFO, SLOWLOG and COMMAND tell of commands that were sent. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { openTestServer, type TestClient, type TestServer } from './testing.ts'
import { CommandUsage, ErrorTally } from './usage.ts'

let server: TestServer
let client: TestClient

beforeEach(async () => {
  server = await openTestServer()
  client = server.connect()
})
afterEach(() => server.close())

async function say(...lines: readonly string[]): Promise<string[]> {
  const replies: string[] = []
  for (const line of lines) replies.push(await client.sendLine(line))
  return replies
}

async function linesOf(section: string): Promise<string[]> {
  return (JSON.parse((await client.send('INFO', section)).replace(/^=/, '')) as string).split('\r\n').filter(Boolean)
}

async function countsOf(command: string): Promise<string | undefined> {
  const line = (await linesOf('commandstats')).find((each) => each.startsWith(`cmdstat_${command}:`))
  return line?.replace(/^[^:]*:|usec=\d+,usec_per_call=[\d.]+,/g, '')
}

describe('what is counted of a command', () => {
  it('is each call, alone, within EXEC and within a script; what failed; and what was refused', async () => {
    await say('SET a 1', 'MULTI', 'SET a 2', 'EXEC', 'LPUSH a x', 'SET a', 'NOSUCH', 'CLIENT')
    await client.send('EVAL', "redis.call('set', 'a', 1) redis.pcall('lpush', 'a', 'x') error('MINE x')", '0')
    expect(await countsOf('set')).toBe('calls=3,rejected_calls=1,failed_calls=0')
    expect(await countsOf('lpush')).toBe('calls=2,rejected_calls=0,failed_calls=2')
    expect(await countsOf('exec')).toBe('calls=1,rejected_calls=0,failed_calls=0')
    expect(await countsOf('eval')).toBe('calls=1,rejected_calls=0,failed_calls=1')
    expect(await countsOf('client')).toBe('calls=0,rejected_calls=1,failed_calls=0')
    expect(await linesOf('errorstats')).toEqual([
      '# Errorstats',
      'errorstat_ERR:count=4',
      'errorstat_WRONGTYPE:count=1',
    ])
    await say('CONFIG RESETSTAT')
    expect(await countsOf('set')).toBeUndefined()
    expect(await linesOf('errorstats')).toEqual(['# Errorstats'])
  })

  it('is timed of one in sixteen, the first among them', async () => {
    const asked = vi.spyOn(CommandUsage.prototype, 'add')
    for (let i = 0; i < 33; i++) await say('PING')
    expect(asked).toHaveBeenCalledTimes(3)
    asked.mockRestore()
    expect(
      (await linesOf('latencystats')).some((line) => /^latency_percentiles_usec_ping:p50=\d+\.000,p99=/.test(line)),
    ).toBe(true)
    await say('CONFIG SET latency-tracking no')
    expect(await linesOf('latencystats')).toEqual(['# Latencystats'])
  })

  it('is told to within an eighth', () => {
    const usage = new CommandUsage()
    for (let us = 1; us <= 1000; us++) usage.add(us)
    for (const percent of [1, 10, 50, 90, 99, 100]) {
      const found = usage.percentile(percent)
      expect(found).toBeGreaterThanOrEqual(10 * percent)
      expect(found).toBeLessThan((10 * percent * 9) / 8 + 1)
    }
    usage.calls = 4000
    expect(usage.us).toBe(4 * 500_500)
    usage.add(1e12)
    expect(usage.percentile(100)).toBe(2 ** 31 - 1)
  })

  it('of errors keeps a bounded number of codes', () => {
    const tally = new ErrorTally()
    for (let i = 0; i < 1000; i++) tally.note(`CODE${i} x`)
    tally.note('no code')
    expect([tally.errors, tally.byCode.length]).toEqual([1001, 128])
  })
})

describe('the slow log', () => {
  it('has what took longer than was said, the newest first, cut and without secrets', async () => {
    const many = Array.from({ length: 40 }, (_, i) => `e${i}`).join(' ')
    await say(
      'CONFIG SET slowlog-log-slower-than 0',
      'SLOWLOG RESET',
      'AUTH ada secret',
      'CONFIG SET hz 10 masterauth secret',
    )
    await say('HELLO 2 AUTH ada secret SETNAME me', `SADD s ${many}`, `GET ${'k'.repeat(200)}`, 'MULTI', 'PING', 'EXEC')
    const shown = await client.send('SLOWLOG', 'GET', '-1')
    const words = [...shown.matchAll(/:\d+ :\d+ :\d+ (\[.*?\]) /g)].map(([, found]) => found)
    expect(words).toEqual([
      '["PING"]',
      '["MULTI"]',
      `["GET" "${'k'.repeat(128)}... (72 more bytes)"]`,
      `["SADD" "s" ${many
        .split(' ')
        .slice(0, 29)
        .map((e) => `"${e}"`)
        .join(' ')} "... (11 more arguments)"]`,
      '["HELLO" "2" "AUTH" "(redacted)" "(redacted)" "SETNAME" "me"]',
      '["CONFIG" "SET" "hz" "10" "masterauth" "(redacted)"]',
      '["AUTH" "(redacted)" "(redacted)"]',
      '["SLOWLOG" "RESET"]',
    ])
    await say('CONFIG SET slowlog-max-len 3')
    expect(await client.send('SLOWLOG', 'LEN')).toBe(':3')
    await say('CONFIG SET slowlog-log-slower-than -1', 'SLOWLOG RESET', 'PING')
    expect(await client.send('SLOWLOG', 'LEN')).toBe(':0')
  })
})
