import { expect, test } from 'vitest'
import { copySlice, sliceOf, type Slice } from '../../base/slice.ts'
import { keyspaceRange, KeyWriter } from '../../base/tuple.ts'
import { describeStore } from '../contract/contract-suite.ts'
import { MissingStore } from '../contract/missing-store.ts'
import { NaiveStore } from '../contract/naive-store.ts'
import { isMiss, type Miss, type OrderedStore } from '../store.ts'
import { RoutedStore } from './routed-store.ts'

const noMiss: Miss = { miss: true, page: 0 }

/** The first bytes of the suite's keys are the numbers of collections: some lie elsewhere, next to each other and not. */
function newStore(): OrderedStore {
  const store = new RoutedStore(new NaiveStore())
  const places = [0, 1].map(() => store.add({ store: new NaiveStore(), miss: noMiss }))
  for (const [i, first] of ['1', '2', '4', '5', 'c', 'k'].entries()) store.route(first.charCodeAt(0), places[i % 2]!)
  return store
}

describeStore({ name: 'a routed store', create: newStore, runs: 12 })

const key = (collection: number, n: number): Slice => sliceOf(new KeyWriter(16).begin(collection, 1).int64(n).toBytes())
const value = (text: string): Slice => sliceOf(Buffer.from(text))

function collect(store: OrderedStore, reverse = false): string[] {
  const found: string[] = []
  const cursor = store.current.scan({ start: key(16, 0), end: key(40, 0) }, { reverse })
  while (cursor.next()) found.push(Buffer.from(copySlice(cursor.value)).toString())
  return found
}

test('a store that is opened later goes back with marks and drafts from before', () => {
  const store = new RoutedStore(new NaiveStore())
  const { memory } = store
  expect(store.current).toBe(memory.current)
  store.put(key(17, 1), value('memory'))
  store.publish(1)
  const mark = store.mark()
  const before = store.snapshot()
  const second = new NaiveStore()
  store.route(20, store.add({ store: second, miss: noMiss }))
  store.put(key(20, 1), value('elsewhere'))
  store.put(key(30, 1), value('memory again'))
  store.publish(2)
  expect(collect(store)).toEqual(['memory', 'elsewhere', 'memory again'])
  expect(collect(store, true)).toEqual(['memory again', 'elsewhere', 'memory'])
  expect([before.get(key(20, 1)), before.count(keyspaceRange(20))]).toEqual([undefined, 0])
  expect([memory.statistics().keys, second.statistics().keys]).toEqual([2, 1])
  const draft = store.draft(() => false)!
  draft.deleteRange({ start: key(17, 0), end: key(30, 0) })
  mark.rollback()
  expect([collect(store), draft.isOpen, store.current.sequence]).toEqual([['memory'], false, 1])
  store.close()
})

test('ranges begin and end within collections, wherever those lie', () => {
  const store = new RoutedStore(new NaiveStore())
  const place = store.add({ store: new NaiveStore(), miss: noMiss })
  for (const collection of [18, 20]) store.route(collection, place)
  for (const collection of [17, 18, 19, 20]) {
    for (let n = 0; n < 4; n++) store.put(key(collection, n), value(`${collection}/${n}`))
  }
  store.publish(1)
  const range = { start: key(18, 2), end: key(20, 2) }
  const within = ['18/2', '18/3', '19/0', '19/1', '19/2', '19/3', '20/0', '20/1']
  const cursor = store.current.scan(range)
  const found: string[] = []
  while (cursor.next()) found.push(Buffer.from(copySlice(cursor.value)).toString())
  expect([found, store.current.count(range)]).toEqual([within, 8])
  store.deleteRange(range)
  store.publish(2)
  expect(collect(store)).toEqual(['17/0', '17/1', '17/2', '17/3', '18/0', '18/1', '20/2', '20/3'])
  store.close()
})

test('what is missing is loaded from the store that misses it, and the cursor shows what it showed meanwhile', async () => {
  const missing = new MissingStore(new NaiveStore(), 2)
  const store = new RoutedStore(new NaiveStore())
  store.route(20, store.add({ store: missing, miss: missing.pool.miss }))
  store.put(key(17, 1), value('memory'))
  store.put(key(20, 1), value('elsewhere'))
  store.publish(1)
  const snapshot = store.snapshot()
  const cursor = snapshot.scan({ start: key(16, 0), end: key(40, 0) })
  expect(cursor.next()).toBe(true)
  let miss: unknown
  try {
    cursor.next()
  } catch (error) {
    miss = error
  }
  expect([isMiss(miss), Buffer.from(copySlice(cursor.value)).toString()]).toEqual([true, 'memory'])
  await snapshot.load(miss as Miss)
  expect([cursor.next(), Buffer.from(copySlice(cursor.value)).toString(), cursor.next()]).toEqual([
    true,
    'elsewhere',
    false,
  ])
  expect(missing.pool.loads).toBe(1)
})
