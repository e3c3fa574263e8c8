import { describe, expect, it } from 'vitest'
import facts from '../../../src/gateway/redis/commands.json' with { type: 'json' }
import { SeededRandom } from '../../../src/host/simulated/random.ts'
import { Block, ruleOf, sameReply } from './compare.ts'
import { comparedVersion, runRedisDifferential } from './differential.ts'
import { allTemplates, generateProgram } from './generate.ts'
import { isKnownDifference, knownDifferences } from './known-differences.ts'
import { command, describeProgram, encodeRequest, type Program, type Request } from './program.ts'
import { readReply, renderReply, type Reply } from './reply.ts'
import { shrinkProgram } from './shrink.ts'
import { damageBytes, livesBriefly } from './spoil.ts'
import { Template } from './template.ts'

const seeds = Array.from({ length: 80 }, (_, at) => at + 1)

function reply(bytes: string): Reply {
  const buffer = Buffer.from(bytes, 'latin1')
  const found = readReply(buffer, 0)
  expect(found?.end).toBe(buffer.length)
  return found!.reply
}

function args(line: string): Buffer[] {
  return line.split(' ').map((word) => Buffer.from(word))
}

function same(line: string, expected: string, actual: string): boolean {
  return sameReply(reply(expected), reply(actual), ruleOf(args(line)))
}

/** Their answers are not one for each command (`pubsub.txt` of the golden scripts has them), or each server's own. */
const answersUnasked = new Set(
  'subscribe psubscribe ssubscribe unsubscribe punsubscribe sunsubscribe monitor latency memory'.split(' '),
)

describe('templates', () => {
  it('fill what they say', () => {
    const key = (): Buffer[] => [Buffer.from('k')]
    const template = new Template('SET <key> [NX|XX <key>] (a|b) <key>+')
    const texts = seeds.map((seed) => template.expand(new SeededRandom(seed), key).join(' '))
    for (const text of texts) expect(text).toMatch(/^(SET|set) k ((NX|nx) |(XX|xx) k )?[ab]( k){1,3}$/)
    expect(new Set(texts.map((text) => text.toLowerCase())).size).toBe(3 * 2 * 3)
  })

  it.each(['SET (a', 'SET a)', 'SET [a|b'])('that do not close are refused: %s', (text) => {
    expect(() => new Template(text)).toThrow('not close')
  })

  it('cover every command that Polylog has', () => {
    const named = new Set(allTemplates.map(({ name }) => name))
    // Of the version that is compared with.
    const isThere = (since: string): boolean => Number.parseFloat(since) <= 7
    const commands = facts.filter(({ group, since }) => group !== 'polylog' && isThere(since)).map(({ name }) => name)
    expect(commands.filter((name) => !named.has(name) && !answersUnasked.has(name))).toEqual([])
  })
})

describe('programs', () => {
  it('follow from their seed', () => {
    for (const seed of seeds) {
      expect(describeProgram(generateProgram(seed))).toBe(describeProgram(generateProgram(seed)))
    }
    expect(new Set(seeds.map((seed) => describeProgram(generateProgram(seed)))).size).toBe(seeds.length)
  })

  it('use every way of sending, two clients, both protocols, and blocks', () => {
    const text = seeds.map((seed) => describeProgram(generateProgram(seed))).join('\n')
    for (const part of [
      '(inline)',
      '(cut at',
      '0| ',
      '1  ',
      'raw ',
      'wait 5 ms',
      'HELLO 3',
      '(and on to the end)',
      'WATCH',
    ]) {
      expect(text).toContain(part)
    }
  })

  it('use bytes that are damaged, by a few', () => {
    const whole = Buffer.from('*1\r\n$4\r\nPI\0G\r\n')
    const damaged = seeds.map((seed) => damageBytes(whole, new SeededRandom(seed)).toString('latin1'))
    expect(new Set(damaged).size).toBeGreaterThan(seeds.length / 2)
    for (const text of damaged) {
      expect(Math.abs(text.length - whole.length)).toBeLessThanOrEqual(6)
      expect(text).not.toContain('\0')
    }
  })

  it.each([
    ['PEXPIRE k 10', true],
    ['PEXPIRE k 10000000', false],
    ['PEXPIRE k -1', false],
    ['setex k 10 v', true],
    ['SETEX k 1000 v', false],
    ['SET k v px 5', true],
    ['SET k v EX 5000', false],
    ['SET k 5', false],
  ])('know which time to live is short: %s: %s', (line, isBrief) => {
    expect(livesBriefly(args(line))).toBe(isBrief)
  })

  it('send inline what they would send in bulk', () => {
    const odd = ['set', 'a b', '', '\0\xff"\\\'\r\n']
    expect(encodeRequest(command(odd, true)).toString('latin1')).toBe(
      'set "a b" "" "\\x00\\xff\\"\\\\\'\\x0d\\x0a"\r\n',
    )
    expect(encodeRequest(command(['a', '\xff'])).toString('latin1')).toBe('*2\r\n$1\r\na\r\n$1\r\n\xff\r\n')
  })
})

describe('a reply', () => {
  it.each([
    ['+OK\r\n', '+"OK"'],
    ['$3\r\na\r\n\r\n', '$"a\\r\\n"'],
    ['$-1\r\n', '$null'],
    ['*-1\r\n', '*null'],
    ['_\r\n', '_null'],
    ['*2\r\n:1\r\n*0\r\n', '*[:"1" *[]]'],
    ['%1\r\n$1\r\na\r\n,1.5\r\n', '%[$"a" ,"1.5"]'],
    ['=5\r\ntxt:a\r\n', '="txt:a"'],
  ])('is read whole and not before: %j', (bytes, rendered) => {
    expect(renderReply(reply(bytes))).toBe(rendered)
    for (let length = 0; length < bytes.length; length++) {
      expect(readReply(Buffer.from(bytes.slice(0, length)), 0)).toBeUndefined()
    }
  })
})

describe('two replies', () => {
  it.each([
    ['GET a', '$1\r\na\r\n', '$1\r\na\r\n', true],
    ['GET a', '$1\r\na\r\n', '+a\r\n', false],
    ['GET a', '$-1\r\n', '_\r\n', false],
    ['LRANGE a 0 -1', '*2\r\n+a\r\n+b\r\n', '*2\r\n+b\r\n+a\r\n', false],
    ['SMEMBERS a', '*2\r\n+a\r\n+b\r\n', '*2\r\n+b\r\n+a\r\n', true],
    ['SMEMBERS a', '*2\r\n+a\r\n+b\r\n', '~2\r\n+b\r\n+a\r\n', false],
    ['SMEMBERS a', '*2\r\n+a\r\n+b\r\n', '*2\r\n+b\r\n+b\r\n', false],
    ['smembers a', '-ERR x\r\n', '-ERR y\r\n', false],
    ['HGETALL a', '*4\r\n+a\r\n+1\r\n+b\r\n+2\r\n', '*4\r\n+b\r\n+2\r\n+a\r\n+1\r\n', true],
    ['HGETALL a', '*4\r\n+a\r\n+1\r\n+b\r\n+2\r\n', '*4\r\n+b\r\n+1\r\n+a\r\n+2\r\n', false],
    ['SPOP a', '$1\r\na\r\n', '$1\r\nb\r\n', true],
    ['SPOP a', '$1\r\na\r\n', '$-1\r\n', false],
    ['SRANDMEMBER a 2', '*1\r\n$1\r\na\r\n', '*1\r\n$1\r\nb\r\n', true],
    ['SRANDMEMBER a 2', '*1\r\n$1\r\na\r\n', '*0\r\n', false],
    ['TTL a', ':100\r\n', ':99\r\n', true],
    ['TTL a', ':100\r\n', ':98\r\n', false],
    ['TTL a', ':-1\r\n', ':-2\r\n', false],
    ['TTL a', ':0\r\n', ':-1\r\n', false],
    ['CLIENT ID', ':4\r\n', ':5\r\n', true],
    ['HELLO 3', '%2\r\n+id\r\n:1\r\n+mode\r\n+a\r\n', '%2\r\n+id\r\n:9\r\n+mode\r\n+a\r\n', true],
    ['HELLO 3', '%2\r\n+id\r\n:1\r\n+mode\r\n+a\r\n', '%2\r\n+id\r\n:1\r\n+mode\r\n+b\r\n', false],
  ])('of %s, %j and %j: %s', (line, expected, actual, isSame) => {
    expect(same(line, expected, actual)).toBe(isSame)
  })

  it('of EXEC are compared command by command', () => {
    const block = new Block()
    const queued = reply('+QUEUED\r\n')
    block.same(args('MULTI'), reply('+OK\r\n'), reply('+OK\r\n'))
    for (const line of ['SMEMBERS a', 'LRANGE b 0 -1']) expect(block.same(args(line), queued, queued)).toBe(true)
    // Refused, so that the block goes on.
    block.same(args('MULTI'), reply('-ERR nested\r\n'), reply('-ERR nested\r\n'))
    const exec = (first: string, second: string): Reply => reply(`*2\r\n*2\r\n${first}*2\r\n${second}`)
    const [ab, ba] = ['+a\r\n+b\r\n', '+b\r\n+a\r\n']
    expect(block.same(args('EXEC'), exec(ab, ab), exec(ba, ab))).toBe(true)
    for (const line of ['SMEMBERS a', 'LRANGE b 0 -1']) block.same(args(line), queued, queued)
    expect(block.same(args('EXEC'), exec(ab, ab), exec(ba, ba))).toBe(false)
  })

  it('of draws without repetition have none', () => {
    const drawn = reply('*2\r\n$1\r\na\r\n$1\r\na\r\n')
    const others = reply('*2\r\n$1\r\na\r\n$1\r\nb\r\n')
    expect(new Block().same(args('SRANDMEMBER a 2'), others, drawn)).toBe(false)
    expect(new Block().same(args('SRANDMEMBER a 2'), drawn, others)).toBe(true)
    expect(new Block().same(args('SRANDMEMBER a -2'), others, drawn)).toBe(true)
  })

  it('may differ only where a reason is given', () => {
    expect(isKnownDifference(args('ZSCORE a b'), reply('$2\r\n-0\r\n'), reply('$1\r\n0\r\n'))).toBe(true)
    expect(isKnownDifference(args('GET a'), reply('$2\r\n-0\r\n'), reply('$1\r\n0\r\n'))).toBe(false)
    expect(isKnownDifference(args('AUTH a b'), reply('-WRONGPASS\r\n'), reply('+OK\r\n'))).toBe(true)
    expect(isKnownDifference(args('AUTH a b'), reply('-ERR\r\n'), reply('+OK\r\n'))).toBe(false)
    for (const { reason } of knownDifferences) expect(reason).not.toBe('')
  })
})

describe('shrinking', () => {
  it('leaves what the difference needs, and what was sent together together', async () => {
    const unit = (name: string): Request[] => [command([name]), command(['AFTER', name])]
    const steps = seeds.slice(0, 20).map((at) => ({ connection: 0, units: [unit(`a${at}`), unit(`b${at}`)] }))
    const fails = (program: Program): Promise<boolean> => {
      const text = describeProgram(program)
      return Promise.resolve(['a7\n', 'b7\n', 'b19'].every((name) => `${text}\n`.includes(name)))
    }
    const shrunk = await shrinkProgram({ seed: 1, steps }, fails)
    expect(describeProgram(shrunk)).toBe('0| a7\n0| AFTER a7\n0| b7\n0| AFTER b7\n0| b19\n0| AFTER b19')
  })
})

describe('Polylog and Redis', () => {
  it('answer the same', async (context) => {
    const result = await runRedisDifferential({ seed: 1, programs: 30 })
    if (result === undefined) return context.skip(`redis-server ${comparedVersion} is not installed`)
    expect(result.differences.join('\n\n')).toBe('')
    expect(result.programs).toBe(30)
    expect(result.commands).toBeGreaterThan(4_000)
  })
})
