import { expect, test } from 'vitest'
import type { Host, Identity } from '../host/host.ts'
import { createRealHost } from '../host/real/real-host.ts'
import { Handshakes, type Waiting } from './handshakes.ts'

test('four begin in a turn, in their order, and who has gone is left out', () => {
  const turns: (() => void)[] = []
  const host: Host = { ...createRealHost(), turn: (run) => void turns.push(run) }
  const handshakes = new Handshakes(host)
  handshakes.identity = {} as Identity
  const begun: number[] = []
  const waiting = Array.from({ length: 10 }, (_, at): Waiting => ({ begin: () => void begun.push(at) }))
  for (const one of waiting) handshakes.enter(one)
  expect(begun).toEqual([0, 1, 2, 3])
  handshakes.leave(waiting[5]!)
  turns.shift()!()
  expect(begun).toEqual([0, 1, 2, 3, 4, 6, 7, 8])
  turns.shift()!()
  expect(begun).toEqual([0, 1, 2, 3, 4, 6, 7, 8, 9])
})
