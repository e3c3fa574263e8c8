/** Work that is done in turns gives what it gives in one, and no turn does more than its share. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { chunksOf, eachOf, Progress, unfinished } from './progress.ts'

type Nested = number | readonly Nested[]

const nested = fc.letrec<{ node: Nested }>((tie) => ({
  node: fc.oneof({ maxDepth: 4, withCrossShrink: true }, fc.integer(), fc.array(tie('node'), { maxLength: 6 })),
})).node

/** Runs `work` from its beginning until it is finished. */
function inTurns<T>(progress: Progress, work: () => T, turn: () => void = () => undefined): T {
  for (;;) {
    progress.beginTurn()
    turn()
    try {
      return work()
    } catch (error) {
      if (error !== unfinished) throw error
    }
  }
}

test('any nesting of lists gives the same in turns of any length', () => {
  fc.assert(
    fc.property(nested, fc.integer({ min: 1, max: 5 }), (tree, elements) => {
      const progress = new Progress({ elements, openWeight: 256 })
      let counter = 0
      const state = { mark: () => counter, restore: (mark: number) => void (counter = mark) }
      const walk = (node: Nested): unknown =>
        typeof node === 'number' ? [node, counter++] : progress.each(node, walk, state)
      const numbered = inTurns(
        progress,
        () => walk(tree),
        () => void (counter = 0),
      )
      let expected = 0
      const plain = (node: Nested): unknown => (typeof node === 'number' ? [node, expected++] : node.map(plain))
      expect(numbered).toEqual(plain(tree))
      expect(counter).toBe(expected)
    }),
  )
})

test('a turn ends where its elements are spent, and none is done twice', () => {
  const progress = new Progress({ elements: 100, openWeight: 256 })
  const items = [...Array(1050).keys()]
  let calls = 0
  const double = (one: number): number => {
    calls++
    return one * 2
  }
  const doubled = inTurns(progress, () => progress.each(items, double))
  expect(doubled).toEqual(items.map((one) => one * 2))
  expect(calls).toBe(1050)
  expect(progress.turns).toBe(11)
})

test('what an element spends counts once it is done, so that a turn never does nothing', () => {
  const progress = new Progress({ elements: 1, openWeight: 256 })
  const sums = inTurns(progress, () =>
    progress.each([[1, 2, 3], [4]], (list) => {
      progress.spend(50)
      return progress.each(list, (one) => one + 1)
    }),
  )
  expect(sums).toEqual([[2, 3, 4], [5]])
})

test('what is made once stays', () => {
  const progress = new Progress({ elements: 2, openWeight: 256 })
  const set = inTurns(progress, () => {
    const made = progress.once(() => new Set<number>())
    eachOf(progress, chunksOf([1, 2, 3, 4, 5], 1), ([one]) => made.add(one!))
    return made
  })
  expect([...set]).toEqual([1, 2, 3, 4, 5])
})

test('an error of the work is the work’s error', () => {
  const progress = new Progress()
  const broken = new Error('broken')
  const work = (): unknown =>
    progress.each([1], () => {
      throw broken
    })
  expect(() => inTurns(progress, work)).toThrow(broken)
})
