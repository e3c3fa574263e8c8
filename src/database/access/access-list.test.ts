import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  type AccessList,
  decodeAccess,
  encodeAccess,
  firstList,
  given,
  givableIn,
  privilegesIn,
  taken,
} from './access-list.ts'
import { privilege, privilegeNames, privilegesOf } from './privileges.ts'

const owner = 100

/** A step: who gives or takes what of whom. Who has no right to gives nothing, as statements see to. */
const step = fc.record({
  by: fc.integer({ min: 100, max: 103 }),
  to: fc.integer({ min: 101, max: 103 }),
  privileges: fc.integer({ min: 1, max: 7 }),
  option: fc.boolean(),
  isGrant: fc.boolean(),
})

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never

function apply(list: AccessList, { isGrant, ...change }: Step): AccessList {
  const mayGive = change.by === owner ? 7 : givableIn(list, new Set([change.by]))
  const allowed = { ...change, privileges: change.privileges & mayGive }
  if (allowed.privileges === 0) return list
  return isGrant ? given(list, allowed) : taken(list, allowed, owner, true)
}

/** Everything that somebody has can be traced to the owner by those who may give it. */
function reachable(list: AccessList): boolean {
  for (const name of ['read', 'insert', 'update'] as const) {
    const bit = privilege[name]
    const givers = new Set([owner])
    for (const giver of givers) {
      for (const item of list) if (item.by === giver && (item.mayGive & bit) !== 0) givers.add(item.to)
    }
    if (list.some((item) => (item.may & bit) !== 0 && !givers.has(item.by))) return false
  }
  return true
}

test('nobody has what nobody who may give it has given', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      let list: AccessList = []
      for (const one of steps) {
        list = apply(list, one)
        for (const { may, mayGive } of list) expect(mayGive & ~may).toBe(0)
      }
      expect(reachable(list)).toBe(true)
      expect(decodeAccess(encodeAccess(list))).toEqual(list)
    }),
  )
})

test('what is taken from everybody by the owner is gone', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      let list: AccessList = steps.reduce(apply, [] as AccessList)
      for (const to of [101, 102, 103]) list = taken(list, { to, by: owner, privileges: 7, option: false }, owner, true)
      expect(reachable(list)).toBe(true)
      for (const to of [101, 102, 103]) {
        const left = list.filter((item) => item.to === to)
        expect(left).toEqual([])
      }
    }),
  )
})

test('what others have by it is kept from being taken, unless it goes too', () => {
  const first = given([], { to: 101, by: owner, privileges: privilege.read, option: true })
  const second = given(first, { to: 102, by: 101, privileges: privilege.read, option: false })
  const taking = { to: 101, by: owner, privileges: privilege.read, option: false }
  expect(() => taken(second, taking, owner, false)).toThrow('dependent privileges exist')
  expect(taken(second, taking, owner, true)).toEqual([])
  const optionOnly = taken(second, { ...taking, option: true }, owner, true)
  expect(optionOnly).toEqual([{ to: 101, by: owner, may: privilege.read, mayGive: 0 }])
})

test('two who have given it to each other do not hold each other up', () => {
  let list: AccessList = []
  for (const [by, to] of [
    [owner, 101],
    [101, 102],
    [102, 101],
  ] as const) {
    list = given(list, { to, by, privileges: privilege.read, option: true })
  }
  expect(taken(list, { to: 101, by: owner, privileges: privilege.read, option: false }, owner, true)).toEqual([])
})

test('everybody begins with what PostgreSQL gives', () => {
  const everybody = new Set([0])
  expect(privilegeNames(privilegesIn(firstList('database', 'd'), everybody))).toEqual(['connect', 'temporary'])
  expect(privilegeNames(privilegesIn(firstList('namespace', 'public'), everybody))).toEqual(['usage'])
  expect(firstList('namespace', 'other')).toEqual([])
  expect(firstList('collection', 'public')).toEqual([])
})

test('names stand for bits, and a name that is none is a damage', () => {
  for (const [name, bit] of Object.entries(privilege)) expect(privilegesOf([name])).toBe(bit)
  expect(() => privilegesOf(['__proto__'])).toThrow('there is no privilege')
})
