import { describe, expect, it } from 'vitest'
import type { Entities } from './entities.ts'
import type { LogMessage } from './files.ts'
import { compareLog, eventDifference } from './monitoring.ts'

const told: LogMessage[] = [
  { level: 'debug', component: 'command', data: { message: 'Command started', commandName: 'ping' } },
  { level: 'debug', component: 'command', data: { message: 'Command failed', failure: '(redacted)' } },
]

const entities = {
  entity: () => undefined,
  sessionId: () => undefined,
  logOf: () => told,
} as unknown as Entities

const started: LogMessage = { level: 'debug', component: 'command', data: { message: 'Command started' } }
const failed: LogMessage = { failureIsRedacted: true, data: { message: 'Command failed' } }

describe("the driver's log", () => {
  it.each<readonly [LogMessage[], object]>([
    [[started, failed], {}],
    [[started], { ignoreExtraMessages: true }],
    [[failed], { ignoreMessages: [started] }],
  ])('is as expected: %o, %o', (messages, options) => {
    expect(() => compareLog({ client: 'c', messages, ...options }, entities)).not.toThrow()
  })

  it.each<readonly [LogMessage[], RegExp]>([
    [[started], /expected 1 lines/],
    [[started, { ...failed, failureIsRedacted: false }], /its failure is/],
    [[{ ...started, failureIsRedacted: true }, failed], /no failure/],
    [[{ ...started, level: 'info' }, failed], /of the level debug/],
    [[{ ...started, component: 'topology' }, failed], /of the component command/],
    [[failed, started], /its failure|no failure/],
    [[{ ...started, data: { commandName: 'find' } }, failed], /expected find, got ping/],
  ])('is not as expected: %o', (messages, problem) => {
    expect(() => compareLog({ client: 'c', messages }, entities)).toThrow(problem)
  })
})

describe('an event', () => {
  it('is compared with all that is expected of it', () => {
    const event = { commandName: 'ping', newDescription: { type: 'RSPrimary' } }
    expect(eventDifference({ newDescription: { type: 'RSPrimary' } }, event, entities)).toBeUndefined()
    expect(eventDifference({ newDescription: { type: 'Mongos' } }, event, entities)).toContain('Mongos')
    expect(eventDifference({ hasServiceId: true }, event, entities)).toContain('serviceId')
  })
})
