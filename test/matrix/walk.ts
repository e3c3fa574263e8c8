/** Walks cells of the matrix: says each operation as `ada`, who has what the row says, and compares with the rules. */
import { documentOperations } from './document-operations.ts'
import { keyOperations } from './key-operations.ts'
import { objectOperations } from './object-operations.ts'
import type { Operation } from './operation.ts'
import { type Holdings, isAllowed } from './rules.ts'
import { serverOperations } from './server-operations.ts'
import type { Subject } from './subjects.ts'
import { tableOperations } from './table-operations.ts'
import type { Answer, World } from './world.ts'

export const operations: readonly Operation[] = [
  ...tableOperations,
  ...objectOperations,
  ...documentOperations,
  ...keyOperations,
  ...serverOperations,
]

const containers = new Set(['acl', 'client', 'command', 'config', 'slowlog', 'xgroup', 'xinfo'])

/** As rules about commands name it. */
function commandOf(line: string): string {
  const [name = '', sub = ''] = line.toLowerCase().split(' ')
  return containers.has(name) ? `${name}|${sub}` : name
}

export function mayBe(held: Holdings, { door, needs, on, say }: Operation): boolean {
  if (door === 'redis' && held.commands?.(commandOf(say as string)) === false) return false
  return isAllowed(held, needs, on)
}

/** What is told, without what differs from day to day. */
function told(value: unknown): unknown {
  const { cursor, databases } = value as { cursor?: { firstBatch: Named[] }; databases?: Named[] }
  const named = cursor?.firstBatch ?? databases
  if (named !== undefined) return inOrder(named.map(({ name }) => name))
  if (!Array.isArray(value)) return value
  const [first, second] = value as readonly unknown[]
  if (typeof first === 'string') return inOrder((Array.isArray(second) ? second : value) as readonly string[])
  return value
}

function inOrder(names: readonly string[]): readonly string[] {
  return names.toSorted((a, b) => (a < b ? -1 : 1))
}

interface Named {
  readonly name: string
}

/** What is wrong with the answer; undefined where nothing is. */
function wrong(operation: Operation, held: Holdings, answer: Answer, hasWritten: boolean): string | undefined {
  const { lacks, undo } = operation
  const expected = mayBe(held, operation) ? (lacks ?? 'allowed') : 'denied'
  const isWithoutEffect = operation.kind === 'give' && answer.outcome === 'allowed' && !hasWritten
  const found = isWithoutEffect ? 'denied' : answer.outcome === 'failed' ? answer.code : answer.outcome
  if (found !== expected) {
    return `expected ${expected}, got ${found}${answer.outcome === 'failed' ? ` (${answer.message})` : ''}`
  }
  if (expected !== 'allowed' || undo === undefined)
    return hasWritten ? `${found}, and something was written` : undefined
  if (undo !== 'nothing' && !hasWritten) return 'allowed, and nothing was written'
  return undefined
}

function wrongTold({ tells }: Operation, held: Holdings, answer: Answer): string | undefined {
  if (tells === undefined || answer.outcome !== 'allowed') return undefined
  const [expected, found] = [tells(held), told(answer.value)].map((one) => JSON.stringify(one))
  return expected === found ? undefined : `told ${found}, expected ${expected}`
}

/** Everything that is not as the rules say, a line each. */
export async function walk(world: World, subject: Subject, chosen: readonly Operation[]): Promise<readonly string[]> {
  const complaints: string[] = []
  const give = async (): Promise<void> => {
    for (const one of subject.give) await world.administer(subject.by, one)
  }
  await give()
  for (const operation of chosen) {
    const before = world.state()
    const answer = await world.say(operation.door, operation.say)
    const hasWritten = world.state() !== before
    const complaint = wrong(operation, subject.holds, answer, hasWritten) ?? wrongTold(operation, subject.holds, answer)
    if (complaint !== undefined) {
      complaints.push(`${subject.name}: ${operation.door}: ${JSON.stringify(operation.say)}: ${complaint}`)
    }
    if (!hasWritten) continue
    await world.putBack(operation.undo ?? 'all')
    if (operation.undo === 'all') await give()
  }
  await world.takeAll()
  return complaints
}
