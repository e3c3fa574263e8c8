/**
 * A few inputs of each target, always the same ones, and all that has been found before; `scripts/ci-only.mjs` has the long
 * run. That the fuzzer finds anything is tested on readers with faults that are planted here.
 */
import { Buffer } from 'node:buffer'
import { describe, expect, test } from 'vitest'
import { RequestParser } from '../../src/gateway/redis/wire.ts'
import { Coverage } from './coverage.ts'
import { fuzz } from './fuzzer.ts'
import { encodeLine, readKept } from './kept-inputs.ts'
import { added, entriesOf } from './ledger.ts'
import { refusing, type Target } from './target.ts'
import { loadTarget, targetNames } from './targets.ts'

describe('what has been found before, and a sample', () => {
  for (const name of targetNames) {
    test(name, async () => {
      const target = await loadTarget(name)
      const subject = await target.open()
      for (const input of readKept('crashes', name)) await subject.run(input)
      await subject.reset?.()
      await subject.close?.()
      // What runs a language or a door is dear.
      const inputs = target.steps.fixed < 100_000 ? 4096 : 256
      const { findings } = await fuzz(target, { seed: 1, inputs, guided: 0, corpus: readKept('corpus', name) })
      expect(findings).toEqual([])
    })
  }
})

function planted(run: (input: Buffer) => unknown): Target {
  return {
    name: 'planted',
    title: 'a reader with a fault',
    mostBytes: 256,
    steps: { fixed: 1000, perByte: 50 },
    open: () =>
      Promise.resolve({
        seeds: [Buffer.from([4, 0, 1, 2, 3])],
        words: ['alpha', 'beta', 'gamma', 'delta', 'epsilon'],
        run: (input) => void refusing(() => run(Buffer.from(input)), RangeError),
      }),
  }
}

async function findingsOf(run: (input: Buffer) => unknown, inputs = 3000): Promise<string> {
  const { findings } = await fuzz(planted(run), { seed: 1, inputs, corpus: [] })
  return findings.map(({ what }) => what.split('\n')[0]).join('\n')
}

/** Coverage is taken of what lies in `src`, and of this file. */
describe('the fuzzer finds', () => {
  test('nothing where nothing is wrong', async () => {
    expect(await findingsOf((input) => input.length)).toBe('')
  })

  test('a length that is believed before it is checked', async () => {
    const read = (input: Buffer): number => {
      const length = input[0] ?? 0
      let sum = 0
      for (let at = 0; at < length; at++) {
        if (input[1 + at] === undefined) throw new TypeError('beyond the end')
        sum += input[1 + at]!
      }
      return sum
    }
    expect(await findingsOf(read)).toContain('beyond the end')
  })

  test('what lies behind five conditions, of which each is met by another change', async () => {
    const read = (input: Buffer): void => {
      const text = input.toString('latin1')
      if (!text.includes('alpha')) return
      if (!text.includes('beta')) return
      if (!text.includes('gamma')) return
      if (!text.includes('delta')) return
      if (!text.includes('epsilon')) return
      throw new TypeError('all five')
    }
    expect(await findingsOf(read, 8000)).toContain('all five')
  })

  test('work that is the square of the input', async () => {
    const read = (input: Buffer): number => {
      let pairs = 0
      for (let a = 0; a < input.length; a++) for (let b = 0; b < input.length; b++) if (input[a] === input[b]) pairs++
      return pairs
    }
    expect(await findingsOf(read)).toMatch(/steps/)
  })

  test('not what only a longer input comes to, be it dear', async () => {
    const read = (input: Buffer): number => {
      let sum = 0
      if (input.length > 3000) for (let at = 0; at < 100_000; at++) sum += at % 7 === 0 ? 1 : 2
      return sum
    }
    expect(await findingsOf(read)).toBe('')
  })

  test('what stays on the heap', async () => {
    const kept: Buffer[] = []
    expect(await findingsOf((input) => kept.push(Buffer.alloc(50_000, input[0])))).toMatch(/bytes stay on the heap/)
  })
})

test('a line of Redis that comes in pieces is looked through once', async () => {
  const coverage = new Coverage()
  const steps = [20_000, 40_000].map((length) => {
    const parser = new RequestParser(1024 * 1024)
    coverage.skip()
    for (let at = 0; at < length; at += 10) {
      parser.push(Buffer.from('x'.repeat(10)))
      parser.next()
    }
    return coverage.look().steps
  })
  coverage.stop()
  expect(steps[1]!).toBeLessThan(2.5 * steps[0]!)
})

test('the ledger adds runs up, and each has a seed of its own', () => {
  const report = { target: 'resp', blocks: 1, corpus: 1, heapGrowthBytes: 0, tookMs: 1 }
  const once = added({}, { ...report, inputs: 1000, findings: [] }, 'a')
  const twice = added(once, { ...report, inputs: 500, findings: ['x'] }, 'b')
  expect(twice).toEqual({ resp: { nextSeed: 4, inputs: 1500, findings: 1, commit: 'b' } })
  expect(new Map(entriesOf(twice)).get('bson')).toMatchObject({ nextSeed: 2, inputs: 0 })
})

test('kept inputs come back as they were', () => {
  for (const input of [Buffer.alloc(0), Buffer.from('a "b"\r\n\xff', 'latin1'), Buffer.from([0, 1, 2, 250, 128, 0])]) {
    const line = encodeLine(input)
    expect(line).toMatch(/^[\x20-\x7e]*$/)
    const back = line.startsWith('"') ? Buffer.from(JSON.parse(line) as string, 'latin1') : Buffer.from(line, 'base64')
    expect(back).toEqual(input)
  }
})
