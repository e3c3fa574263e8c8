/** redis-cli in its modes, and redis-benchmark, as they are installed, on the built server. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ServerProcess } from './server-process.ts'

const isInstalled = spawnSync('redis-cli', ['--version']).status === 0

describe.runIf(isInstalled)('redis-cli', () => {
  let server: ServerProcess
  let folder = ''

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'polylog-tools-'))
    server = await ServerProcess.start('--memory', '--cluster-enabled', '--enable-debug-command', 'local')
    const lines: string[] = []
    for (let i = 0; i < 50; i++) lines.push(`SET key:${i} v${i}`, `RPUSH list:${i % 5} ${i}`, `HSET h:${i % 3} f${i} v`)
    expect(cli(['--pipe'], lines.join('\r\n') + '\r\n')).toContain('errors: 0, replies: 150')
  })
  afterAll(async () => {
    await server.stop('SIGTERM')
    rmSync(folder, { recursive: true, force: true })
  })

  /** What it prints, also where it has failed. */
  function cli(args: readonly string[], input?: string): string {
    const given = ['-p', `${server.port}`, ...args]
    const { stdout, stderr } = spawnSync('redis-cli', given, { input: input ?? '', encoding: 'utf8', timeout: 30_000 })
    return stdout + stderr
  }

  /** Of modes that go on until they are ended: what comes first. */
  async function beginning(args: readonly string[], wanted: RegExp): Promise<string> {
    const child = spawn('stdbuf', ['-oL', 'redis-cli', '-p', `${server.port}`, ...args])
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      if (wanted.test(text)) child.kill()
    })
    await once(child, 'close')
    return text
  }

  it('looks through all keys', () => {
    expect(cli(['--scan', '--pattern', 'key:1*']).trim().split('\n')).toHaveLength(11)
    expect(cli(['--bigkeys'])).toMatch(/Biggest\s+list found '"list:0"' has 10 items[^]*50 strings with 140 bytes/)
    expect(cli(['--memkeys'])).toMatch(/Sampled 58 keys in the keyspace/)
  })

  it('shows the server as it runs', async () => {
    expect(await beginning(['--stat', '-i', '1'], /requests.*\n.*\d/)).toMatch(/keys\s+mem\s+clients blocked requests/)
    expect(await beginning(['--latency', '-i', '1', '--raw'], /\d+ \d+ [\d.]+ \d+/)).toMatch(/\d/)
  })

  it('prints in each form', () => {
    expect(cli(['--csv', 'lrange', 'list:1', '0', '2'])).toBe('"1","6","11"\n')
    expect(cli(['-3', '--json', 'hgetall', 'h:1'])).toContain('"f1":"v"')
    expect(cli(['-x', 'set', 'from-input'], 'hello')).toBe('OK\n')
    expect(cli(['--no-raw', 'get', 'from-input'])).toBe('"hello"\n')
  })

  it('runs a script of a file', () => {
    const path = join(folder, 'script.lua')
    writeFileSync(path, 'return {KEYS[1], ARGV[1]}')
    expect(cli(['--eval', path, 'k', ',', 'a'])).toBe('k\na\n')
  })

  it('finds the cluster of one node', () => {
    expect(cli(['--cluster', 'check', `127.0.0.1:${server.port}`])).toContain('All 16384 slots covered')
    expect(cli(['-c', 'cluster', 'slots'])).toContain('127.0.0.1')
    expect(cli(['debug', 'sleep', '0'])).toBe('OK\n')
  })

  it('gets all there is, and is shown what comes', async () => {
    const path = join(folder, 'dump.rdb')
    expect(cli(['--rdb', path])).toContain('Transfer finished with success')
    expect(readFileSync(path).subarray(0, 9).toString()).toBe('REDIS0010')
    const shown = beginning(['--replica'], /"marked"/)
    while (!cli(['info', 'replication']).includes('state=online')) await sleep(20)
    cli(['set', 'marked', '1'])
    expect(await shown).toMatch(/"SET","marked","1"/)
  })

  it('is told clearly what there is not', () => {
    expect(cli(['--hotkeys'])).toMatch(/maxmemory-policy|LFU/i)
  })

  it('finds the keys that are used most, where that is counted', () => {
    cli(['config', 'set', 'maxmemory-policy', 'allkeys-lfu'])
    cli([], 'get key:7\n'.repeat(2000))
    expect(cli(['--hotkeys'])).toMatch(/hot key found with counter: \d+\s+keyname: "?key:7"?/)
    cli(['config', 'set', 'maxmemory-policy', 'noeviction'])
  })
})

describe.runIf(isInstalled)('redis-benchmark', () => {
  it('goes through all of its tests', async () => {
    const server = await ServerProcess.start('--memory')
    const given = ['-p', `${server.port}`, '-q', '-n', '2000', '--csv']
    const { stdout, stderr } = spawnSync('redis-benchmark', given, { encoding: 'utf8', timeout: 120_000 })
    expect(stderr).toBe('')
    expect(stdout.trim().split('\n').length).toBeGreaterThan(18)
    await server.stop('SIGTERM')
  }, 150_000)
})
