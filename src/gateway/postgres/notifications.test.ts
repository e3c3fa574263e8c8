/** What one client may have waiting, and listen to: within bounds. What is heard when, is in `session-scripts.test.ts`. */
import { expect, it } from 'vitest'
import { MemoryAccount } from '../../base/memory-account.ts'
import type { Transaction } from '../../database/contract.ts'
import { openTestSessions } from '../../session/testing.ts'
import { notificationScope } from '../../language/sql/notification.ts'
import { Notifications } from './notifications.ts'

/** Commits at once what is to be done at a commit. */
const committing = { effects: { apply: (run: () => void) => run() } } as unknown as Transaction

it('a client is cut that leaves a block open while too much comes for it, and another is not', async () => {
  const opened = await openTestSessions()
  const { hub } = opened.database
  const seen = { resting: 0, busy: 0, cuts: 0 }
  const memory = new MemoryAccount('test')
  const resting = new Notifications(
    { isResting: true, push: () => seen.resting++, cut: () => seen.cuts++ },
    hub,
    memory,
  )
  const busy = new Notifications({ isResting: false, push: () => seen.busy++, cut: () => seen.cuts++ }, hub, memory)
  const message = { scope: notificationScope, channel: 'c', payload: new Uint8Array(1_000_004) }
  for (let i = 0; i < 8; i++) for (const one of [resting, busy]) one.deliver({ ...message })
  expect(seen).toEqual({ resting: 8, busy: 0, cuts: 0 })
  busy.deliver({ ...message })
  expect(seen).toEqual({ resting: 8, busy: 0, cuts: 1 })
  const written: number[] = []
  busy.flush((frame) => written.push(frame.length))
  expect(written).toHaveLength(9)
  busy.deliver({ ...message })
  expect(seen.cuts).toBe(1)
  await opened.close()
})

it('a session listens to so many channels, and to none once it has gone', async () => {
  const opened = await openTestSessions()
  const { hub } = opened.database
  const quiet = { isResting: true, push: () => undefined, cut: () => undefined }
  const notifications = new Notifications(quiet, hub, new MemoryAccount('test'))
  for (let i = 0; i < 16_384; i++) notifications.listen(committing, `c${i}`)
  expect(() => notifications.listen(committing, 'more')).toThrow('16384 channels at most')
  expect(hub.channels(notificationScope).channelCount).toBe(16_384)
  notifications.close()
  expect(hub.channels(notificationScope).isEmpty).toBe(true)
  await opened.close()
})
