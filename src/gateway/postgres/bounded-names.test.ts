import { describe, expect, it } from 'vitest'
import { MemoryAccount, type Payer } from '../../base/memory-account.ts'
import { BoundedNames } from './bounded-names.ts'

const session = (): Payer => ({ account: new MemoryAccount('the session') })

describe('what a client has named', () => {
  it('is found by its name, the empty one too, and its end is told once', () => {
    const dropped: number[] = []
    const names = new BoundedNames<number>('things', 100, session(), (value) => dropped.push(value))
    names.set('', 1, 40)
    names.set('a', 2, 40)
    names.set('', 3, 60)
    expect([names.get(''), names.get('a'), names.get('b'), names.size]).toEqual([3, 2, undefined, 2])
    expect([names.has(''), names.has('b')]).toEqual([true, false])
    names.deleteWhere((value) => value === 3)
    names.delete('')
    expect([names.has(''), names.size, dropped]).toEqual([false, 1, [1, 3]])
    names.set('', 4, 0)
    names.clear()
    expect([names.size, dropped]).toEqual([0, [1, 3, 4, 2]])
  })

  it('is bounded in bytes and in number, with or without a name', () => {
    const names = new BoundedNames<number>('things', 100, session())
    names.set('', 0, 60)
    expect(() => names.set('a', 0, 41)).toThrow('cannot keep more than 10000 things, or 100 bytes of them')
    names.set('', 0, 100)
    names.set('', 0, 0)
    for (let i = 1; i < 10_000; i++) names.set(`n${i}`, i, 0)
    expect(() => names.set('one more', 0, 0)).toThrow('cannot keep more than 10000 things')
    names.delete('')
    names.set('one more', 0, 0)
    expect(() => names.set('', 0, 0)).toThrow('cannot keep more than 10000 things')
  })
})
