/** Serializable transactions that act on collections that are not there. */
import { expect, test } from 'vitest'
import { sliceOf } from '../base/slice.ts'
import { KeyWriter } from '../base/tuple.ts'
import type { Isolation, Transaction } from '../database/contract.ts'
import { openTestSessions } from './testing.ts'

/** Writes to `to`, which begins with it, where `from` has nothing. */
const writeUnlessThere =
  (from: string, to: string) =>
  (tx: Transaction): void => {
    if (tx.catalog.findCollection('shop', from) !== undefined) return
    const { id } = tx.createCollection(tx.catalog.namespaces.get('shop')!, to, 'document', {})
    tx.put(new KeyWriter(16).begin(id, 1).int64(1), sliceOf(Buffer.from('x')))
  }

async function skew(isolation: Isolation): Promise<string[]> {
  const { sessions, close } = await openTestSessions()
  const [a, b] = [1, 2].map(() => sessions.openSession({ user: 'test', door: 'test' }))
  await a!.run((tx) => void tx.createNamespace('shop'))
  a!.begin({ isolation })
  b!.begin({ isolation })
  await a!.run(writeUnlessThere('left', 'right'))
  await b!.run(writeUnlessThere('right', 'left'))
  const outcomes: string[] = []
  for (const session of [a!, b!]) {
    try {
      outcomes.push(await session.commit())
    } catch (error) {
      outcomes.push((error as { code: string }).code)
    }
  }
  await close()
  return outcomes
}

test('what was seen to be missing is validated at commit', async () => {
  expect(await skew('serializable')).toEqual(['committed', 'serialization_failure'])
  expect(await skew('repeatable read')).toEqual(['committed', 'committed'])
})
