/** A tree cut into parts is the same tree again. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { cutTree, joinTree } from './tree-parts.ts'

const tree = fc.letrec<{ node: unknown }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 4, withCrossShrink: true },
    fc.oneof(fc.string(), fc.integer(), fc.boolean()),
    fc.dictionary(fc.constantFrom('A_Const', 'lists', 'sval'), tie('node')),
    fc.array(tie('node'), { maxLength: 3 }),
    fc.tuple(tie('node'), fc.integer({ min: 32, max: 90 })).map(([node, count]) => Array<unknown>(count).fill(node)),
  ),
})).node

test('any tree comes back', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(tree, { maxLength: 40 }), async (root) => {
      const json = JSON.stringify(root)
      const parts = cutTree(JSON.parse(json) as unknown[])
      expect(JSON.stringify(await joinTree(parts, () => Promise.resolve()))).toBe(json)
    }),
    { numRuns: 100 },
  )
})

test('a long array is read in parts of bounded length, with a pause between them', async () => {
  const rows = Array.from({ length: 20_000 }, (_, i) => ({ List: { items: [{ ival: i }, { sval: `row ${i}` }] } }))
  const expected = structuredClone(rows)
  const parts = cutTree([{ stmt: { valuesLists: rows } }])
  expect(Math.max(...parts.map(({ json }) => json.length))).toBeLessThan(150_000)
  expect(parts.length).toBeGreaterThan(5)
  let pauses = 0
  const joined = await joinTree(parts, async () => void pauses++)
  expect(joined).toEqual([{ stmt: { valuesLists: expected } }])
  expect(pauses).toBe(parts.length - 1)
})
