import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MemoryAccount } from '../../base/memory-account.ts'
import { sliceOf } from '../../base/slice.ts'
import { createMemoryDisk } from '../../host/simulated/memory-disk.ts'
import { Elsewhere, type StatementSteps, type Transaction } from '../contract.ts'
import { TemporaryFiles } from '../directory/temporary-files.ts'
import { StatementNotes } from './statement-notes.ts'

const transaction = {
  slice: { spend: () => false },
  savepoint: () => ({}),
  batchDone: () => undefined,
} as unknown as Transaction

class Noting {
  readonly temporary: TemporaryFiles | undefined
  readonly account = new MemoryAccount('test')
  readonly notes: StatementNotes
  waits = 0

  private constructor(temporary: TemporaryFiles | undefined) {
    this.temporary = temporary
    const parts = { temporary, operatorBytes: 100_000, statementBytes: Infinity }
    this.notes = new StatementNotes({ payer: this, kernel: { workspaces: parts } })
  }

  static async of(spills = true): Promise<Noting> {
    return new Noting(spills ? await TemporaryFiles.open(createMemoryDisk(), 'temporary', 1e9) : undefined)
  }

  /** A batch of rows, run again after each wait. */
  async batch(event: string, texts: readonly string[]): Promise<void> {
    const mark = this.notes.mark()
    for (;;) {
      try {
        for (const text of texts) this.notes.add(event, (into) => into.slice(sliceOf(Buffer.from(text))))
        return
      } catch (error) {
        if (!(error instanceof Elsewhere)) throw error
        this.notes.cutTo(mark)
        this.waits++
        await error.done
      }
    }
  }

  async read(event: string): Promise<string[]> {
    const found: string[] = []
    const look = this.notes.each(transaction, event, (note) => {
      found.push(Buffer.from(note.bytes.subarray(note.at, note.at + note.remaining)).toString())
    })
    await run(look)
    return found
  }
}

async function run(steps: StatementSteps<void>): Promise<void> {
  for (let step = steps.next(); step.done !== true; step = steps.next()) {
    if (step.value instanceof Elsewhere) await step.value.done
  }
}

const rows = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, i) => `${from + i} ${'x'.repeat(300)}`)

describe('notes of a statement', () => {
  test('are read by their events, in order, from memory and from the file', async () => {
    const noting = await Noting.of()
    const expected: Record<string, string[]> = { a: [], b: [] }
    for (let at = 0; at < 4_000; at += 10) {
      const event = at % 30 === 0 ? 'a' : 'b'
      await noting.batch(event, rows(at, at + 10))
      expected[event]!.push(...rows(at, at + 10))
    }
    expect(noting.waits).toBeGreaterThan(5)
    expect(noting.account.peakBytes).toBeLessThan(400_000)
    expect([await noting.read('a'), await noting.read('b'), await noting.read('c')]).toEqual([
      expected['a'],
      expected['b'],
      [],
    ])
    noting.notes.clear()
    expect([noting.account.usedBytes, noting.temporary!.usedBytes, noting.notes.isEmpty]).toEqual([0, 0, true])
  })

  test('of one batch that is larger than the memory for them end, and are all there', async () => {
    const noting = await Noting.of()
    await noting.batch('a', rows(0, 10))
    await noting.batch('a', rows(10, 3_000))
    expect(await noting.read('a')).toEqual(rows(0, 3_000))
    noting.notes.clear()
  })

  test('stay in memory where there are no files, and are charged', async () => {
    const noting = await Noting.of(false)
    for (let at = 0; at < 2_000; at += 100) await noting.batch('a', rows(at, at + 100))
    expect(noting.waits).toBe(0)
    expect(noting.account.usedBytes).toBeGreaterThan(600_000)
    expect(await noting.read('a')).toEqual(rows(0, 2_000))
    noting.notes.clear()
    expect(noting.account.usedBytes).toBe(0)
  })

  test('go back to any savepoint, into what is in the file too', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('add' as const), count: fc.integer({ min: 1, max: 200 }) }),
      fc.record({ kind: fc.constant('back' as const), count: fc.nat(4) }),
    )
    const program = async (steps: readonly { kind: 'add' | 'back'; count: number }[]): Promise<void> => {
      const noting = await Noting.of()
      const marks: { readonly mark: number; readonly texts: readonly string[] }[] = []
      let texts: readonly string[] = []
      for (const { kind, count } of steps) {
        if (kind === 'add') {
          marks.push({ mark: noting.notes.mark(), texts })
          const more = rows(texts.length, texts.length + count)
          await noting.batch('a', more)
          texts = texts.concat(more)
          continue
        }
        const back = marks.splice(-1 - count)[0]
        if (back === undefined) continue
        noting.notes.cutTo(back.mark)
        ;({ texts } = back)
      }
      expect(await noting.read('a')).toEqual(texts)
      noting.notes.clear()
      expect(noting.account.usedBytes).toBe(0)
    }
    await fc.assert(fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40, size: 'max' }), program), {
      numRuns: 40,
    })
  })
})
