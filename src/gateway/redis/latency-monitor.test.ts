import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { LatencyMonitor } from './latency-monitor.ts'
import { openTestServer, type TestClient, type TestServer } from './testing.ts'

let server: TestServer
let client: TestClient
beforeEach(async () => {
  server = await openTestServer()
  client = server.connect()
})
afterEach(() => server.close())

describe('what was slow', () => {
  it('is one sample a second of each kind, the longest', () => {
    const monitor = new LatencyMonitor()
    for (const [ms, at] of [
      [5, 1000],
      [9, 1900],
      [7, 1999],
      [3, 2000],
    ] as const) {
      monitor.note('command', ms, at)
    }
    expect(monitor.events.get('command')).toEqual({
      samples: [
        { atSecond: 1, ms: 9 },
        { atSecond: 2, ms: 3 },
      ],
      mostMs: 9,
    })
    for (let second = 3; second < 500; second++) monitor.note('command', 1, 1000 * second)
    expect(monitor.events.get('command')!.samples.length).toBe(160)
    expect(monitor.reset(['nothing', 'command'])).toBe(1)
  })

  it('is told by its commands', async () => {
    expect(await client.sendLine('LATENCY LATEST')).toBe('[]')
    expect(await client.sendLine('LATENCY DOCTOR')).toContain('latency-monitor-threshold')
    await client.sendLine('CONFIG SET latency-monitor-threshold 1')
    await client.send('EVAL', 'for i = 1, 3e6 do end', '0')
    expect(await client.sendLine('LATENCY LATEST')).toMatch(/^\[\["command" :\d+ :\d+ :\d+\]\]$/)
    expect(await client.sendLine('LATENCY HISTORY command')).toMatch(/^\[\[:\d+ :\d+\]/)
    expect(await client.sendLine('LATENCY GRAPH command')).toContain('all time high')
    expect(await client.sendLine('LATENCY GRAPH nothing')).toContain("No samples available for event 'nothing'")
    expect(await client.sendLine('LATENCY RESET')).toBe(':1')
    await client.sendLine('CONFIG RESETSTAT')
    expect(await client.sendLine('LATENCY HISTOGRAM')).toMatch(
      /^\["config\|resetstat" \["calls" :1 [^"]*"[^"]*" \[[^"]*\]\]\]$/,
    )
    await client.sendLine('SET a 1')
    expect(await client.sendLine('LATENCY HISTOGRAM set nothing')).toMatch(
      /^\["set" \["calls" :1 "histogram_usec" \[:\d+ :1\]\]\]$/,
    )
  })
})

describe('MEMORY', () => {
  it('tells about what a key takes', async () => {
    const sizeOf = async (line: string): Promise<number> => Number((await client.sendLine(line)).slice(1))
    await client.send('SET', 's', 'x'.repeat(1000))
    expect(await sizeOf('MEMORY USAGE s')).toBeGreaterThan(1000)
    const members = Array.from({ length: 2000 }, (_, i) => `member ${i}`)
    await client.send('SADD', 't', ...members)
    const [sampled, whole] = [await sizeOf('MEMORY USAGE t'), await sizeOf('MEMORY USAGE t SAMPLES 0')]
    expect(whole).toBeGreaterThan(2000 * 10)
    expect(Math.abs(sampled - whole) / whole).toBeLessThan(0.2)
    expect(await client.sendLine('MEMORY USAGE nothing')).toBe('(null)')
    expect(await client.sendLine('MEMORY USAGE t SAMPLES -1')).toBe('-ERR syntax error')
    expect(await client.sendLine('MEMORY STATS')).toContain('"total.allocated"')
  })
})
