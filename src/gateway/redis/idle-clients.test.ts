import { beforeEach, expect, test } from 'vitest'
import { createRealHost } from '../../host/real/real-host.ts'
import type { Client } from './client.ts'
import { IdleClients } from './idle-clients.ts'

let nowMs: number
let due: (() => void)[]
let gone: string[]
let idle: IdleClients

beforeEach(() => {
  nowMs = 0
  due = []
  gone = []
  const host = {
    ...createRealHost(),
    now: () => nowMs,
    at: (_delayMs: number, run: () => void) => {
      due.push(run)
      return () => (due = due.filter((one) => one !== run))
    },
  }
  const client = (name: string, lastActiveMs: number, isBlocked: boolean, running: unknown): Client =>
    ({ lastActiveMs, isBlocked, session: { running }, kill: () => gone.push(name) }) as unknown as Client
  const clients = [
    client('silent', 0, false, undefined),
    client('waits', 0, true, undefined),
    client('runs', 0, false, {}),
    client('speaks', 9000, false, undefined),
  ]
  idle = new IdleClients(host, new Map(clients.entries()))
})

function look(): void {
  for (const run of due.splice(0)) run()
}

test('who has sent nothing for so long has to go, and nobody whose command goes on', () => {
  expect(due).toHaveLength(0)
  idle.limitSeconds = 10
  nowMs = 10_000
  look()
  expect(gone).toEqual([])
  nowMs = 10_001
  look()
  expect(gone).toEqual(['silent'])
})

test('nobody is looked at where there is no limit any more, nor at the end', () => {
  idle.limitSeconds = 10
  idle.limitSeconds = 20
  expect(due).toHaveLength(1)
  idle.limitSeconds = 0
  expect(due).toHaveLength(0)
  idle.limitSeconds = 10
  idle.stop()
  expect(due).toHaveLength(0)
})
