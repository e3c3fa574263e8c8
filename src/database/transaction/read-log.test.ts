import { describe, expect, test } from 'vitest'
import { sliceOf, type Slice, sliceToLatin1 } from '../../base/slice.ts'
import { collectionKey } from '../catalog/catalog-entries.ts'
import { ConflictIndex } from './conflict-index.ts'
import { ReadLog } from './read-log.ts'

const key = (text: string): Slice => sliceOf(Buffer.from(text))
const range = { start: key('b'), end: key('m') }

/** Whether a change of this key is one of something that was read. */
function conflictsWith(log: ReadLog, changed: string): boolean {
  const conflicts = new ConflictIndex()
  conflicts.open(4)
  conflicts.add(changed, 5)
  return log.changedSince(4, conflicts)
}

const conflicting = (log: ReadLog, keys: readonly string[]): string[] => keys.filter((one) => conflictsWith(log, one))

describe('what a serializable transaction has read', () => {
  test('is a point, and nothing beside it', () => {
    const log = new ReadLog()
    log.read(key('d'))
    expect(conflicting(log, ['c', 'd', 'd\0', 'e'])).toEqual(['d'])
  })

  test('is a range up to and with the last key that was seen', () => {
    const log = new ReadLog()
    const tracker = log.scanned(range, false)!
    expect(conflicting(log, ['b', 'd'])).toEqual([])
    tracker.reached(key('d'))
    expect(conflicting(log, ['a', 'b', 'c', 'd', 'd\0', 'e'])).toEqual(['b', 'c', 'd'])
  })

  test('is what was seen before the scan was put somewhere else, too', () => {
    const log = new ReadLog()
    const tracker = log.scanned(range, false)!
    tracker.reached(key('d'))
    tracker.sought()
    tracker.reached(key('c'))
    expect(conflictsWith(log, 'd')).toBe(true)
  })

  test('is a range to its end where the scan has come there', () => {
    const log = new ReadLog()
    log.scanned(range, false)!.reached(undefined)
    expect(conflicting(log, ['a', 'b', 'l', 'lzz', 'm'])).toEqual(['b', 'l', 'lzz'])
  })

  test('may be everything there is', () => {
    const log = new ReadLog()
    log.scanned({ start: key(''), end: key('z') }, false)!.reached(undefined)
    expect(conflicting(log, ['a', 'y', 'z'])).toEqual(['a', 'y'])
    expect([...log.collections]).toEqual([])
  })

  test('is read backwards from its end', () => {
    const log = new ReadLog()
    const tracker = log.scanned(range, true)!
    expect(conflicting(log, ['l'])).toEqual([])
    tracker.reached(key('k'))
    expect(conflicting(log, ['j', 'k', 'l', 'm'])).toEqual(['k', 'l'])
    tracker.reached(undefined)
    expect(conflicting(log, ['a', 'b', 'j', 'm'])).toEqual(['b', 'j'])
  })

  test('is every name, since each statement looks names up', () => {
    expect(conflictsWith(new ReadLog(), sliceToLatin1(collectionKey(77)))).toBe(true)
  })

  test('is everything, where it is too much to keep', () => {
    const log = new ReadLog()
    for (let i = 0; i < 100_001; i++) log.read(key(`c${i}`))
    expect(conflictsWith(log, 'z')).toBe(true)
  })
})
