/** What a client of the driver has reported while a test ran, events and lines of its log, as far as the test says it. */
import type { Entities } from './entities.ts'
import type { ExpectedEvents, ExpectedLog, LogMessage } from './files.ts'
import { difference, isPlain, shown } from './match.ts'
import type { Document } from 'mongodb-of-specs'

export async function compareEvents(expected: ExpectedEvents, entities: Entities): Promise<void> {
  const kind = expected.eventType ?? 'command'
  // Events of pools come when what they tell of is over.
  if (kind !== 'command') await new Promise((resolve) => void setTimeout(resolve, 10))
  const told = entities.eventsOf(expected.client).filter((one) => one.kind === kind)
  const { events, ignoreExtraEvents } = expected
  const hasCount = ignoreExtraEvents === true ? told.length >= events.length : told.length === events.length
  if (!hasCount) {
    throw new Error(
      `expected ${events.length} events of ${expected.client}, got ${told.map(({ name, event }) => `${name.replace('Event', '')} ${String(event['commandName'] ?? '')}`).join(', ') || 'none'}`,
    )
  }
  for (const [i, holder] of events.entries()) {
    const [[name, description] = ['', {}]] = Object.entries(holder) as [string, Document][]
    const found = told[i]!
    if (found.name !== name) throw new Error(`event ${i} is ${found.name}, not ${name}`)
    const problem = eventDifference(description, found.event, entities)
    if (problem !== undefined)
      throw new Error(`event ${i} (${name} ${String(found.event['commandName'] ?? '')}): ${problem}`)
  }
}

/** This driver bounds how long each end of a transaction may wait, also where a test does not expect it to. */
function unbounded(content: unknown, expected: unknown): unknown {
  if (!isPlain(content) || !('commitTransaction' in content || 'abortTransaction' in content)) return content
  const wanted = isPlain(expected) ? (expected['writeConcern'] as unknown) : undefined
  const { writeConcern } = content
  if (!isPlain(writeConcern) || !isPlain(wanted) || 'wtimeout' in wanted) return content
  const { wtimeout: _, ...more } = writeConcern
  return { ...content, writeConcern: more }
}

export function eventDifference(expected: Document, event: Document, entities: Entities): string | undefined {
  for (const [name, value] of Object.entries(expected)) {
    if (name === 'hasServiceId' || name === 'hasServerConnectionId') {
      const field = name === 'hasServiceId' ? 'serviceId' : 'serverConnectionId'
      if ((event[field] !== undefined && event[field] !== null) !== value) return `${field} is ${String(event[field])}`
      continue
    }
    const found: unknown = name === 'reply' && !isPlain(event[name]) ? {} : unbounded(event[name], value)
    const problem = difference(value, found, entities, true, name)
    if (problem !== undefined) return problem
  }
  return undefined
}

export function compareLog(expected: ExpectedLog, entities: Entities): void {
  const { client, messages, ignoreMessages = [], ignoreExtraMessages } = expected
  const isIgnored = (line: LogMessage): boolean =>
    ignoreMessages.some((one) => messageDifference(one, line, entities) === undefined)
  const told = entities.logOf(client).filter((line) => !isIgnored(line))
  const hasCount = ignoreExtraMessages === true ? told.length >= messages.length : told.length === messages.length
  if (!hasCount) {
    const texts = told.map(({ data }) => `${String(data['message'])} ${String(data['commandName'])}`)
    throw new Error(`expected ${messages.length} lines in the log of ${client}, got ${texts.join(', ') || 'none'}`)
  }
  for (const [i, message] of messages.entries()) {
    const problem = messageDifference(message, told[i]!, entities)
    if (problem !== undefined) throw new Error(`line ${i} of the log: ${problem}`)
  }
}

/** In place of what a command is refused with that tells of passwords. */
const hidden = '(redacted)'

function messageDifference(expected: LogMessage, line: LogMessage, entities: Entities): string | undefined {
  if (expected.level !== undefined && expected.level !== line.level) return `it is of the level ${line.level}`
  if (expected.component !== undefined && expected.component !== line.component) {
    return `it is of the component ${line.component}`
  }
  if (expected.failureIsRedacted !== undefined) {
    const failure: unknown = line.data['failure']
    if (failure === undefined) return 'it tells of no failure'
    if ((failure === hidden) !== expected.failureIsRedacted) return `its failure is ${shown(failure)}`
  }
  return difference(expected.data, line.data, entities)
}
