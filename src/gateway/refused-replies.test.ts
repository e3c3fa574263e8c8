import { expect, test } from 'vitest'
import { PolylogError } from '../base/errors.ts'
import { standInFor, type Reworded, type Rewording } from './refused-replies.ts'

const error = new PolylogError('disk_full', 'no space')
const bytes = Uint8Array.of(1)

/** A protocol with a block that is open, and what has been told to fail. */
function protocol(
  reworded: Partial<Reworded> | undefined,
  parts: Partial<Rewording> = {},
): Rewording & { failed: number } {
  return {
    hasOpenBlock: true,
    reword: () => reworded && { bytes, failsBlock: true, isInBlock: false, ...reworded },
    failed: 0,
    failBlock() {
      this.failed++
    },
    ...parts,
  }
}

function told(rewording: Rewording, { isLasting = false, isWaiting = false } = {}): Uint8Array | undefined {
  return standInFor(rewording, isLasting, () => isWaiting)?.(Uint8Array.of(0), error)
}

test('the errors leave, and the block that is open fails with them', () => {
  const one = protocol({})
  expect(told(one)).toBe(bytes)
  expect(one.failed).toBe(1)
})

test('a block of which the client does not hear stays', () => {
  const one = protocol({ failsBlock: false })
  expect(told(one, { isWaiting: true })).toBe(bytes)
  expect(one.failed).toBe(0)
})

test('a block cannot fail under a statement that runs in it; where none is open, nothing hinders', () => {
  const busy = protocol({})
  expect(told(busy, { isWaiting: true })).toBeUndefined()
  expect(busy.failed).toBe(0)
  expect(told(protocol({}, { hasOpenBlock: false }), { isWaiting: true })).toBe(bytes)
})

test('what stays on the connection is not told as failed, unless it goes back with the block', () => {
  const one = protocol({})
  expect(told(one, { isLasting: true })).toBeUndefined()
  expect(one.failed).toBe(0)
  expect(told(protocol({ isInBlock: true }), { isLasting: true })).toBe(bytes)
})

test('nothing is put in place of what is no whole reply, or of what the client has begun', () => {
  expect(told(protocol(undefined))).toBeUndefined()
  expect(standInFor(protocol({}, { canReword: false }), false, () => false)).toBeUndefined()
})
