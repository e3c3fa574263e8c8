import { expect, test } from 'vitest'
import { PolylogError } from '../../base/errors.ts'
import { LogError } from '../../log/commit-log.ts'
import { openMemoryLog } from '../../log/memory-log.ts'
import { RecordWriter } from '../../log/record-writer.ts'
import { StagingQueue } from './staging.ts'

function recordOf(): RecordWriter {
  const writer = new RecordWriter(64)
  writer.begin(0, 0)
  writer.end()
  return writer
}

test('pieces and batches take turns, where both wait', async () => {
  const leader = await openMemoryLog().acquire('a', 1000)
  const queue = new StagingQueue(() => undefined)
  const stagings = [1, 2].map(() => queue.begin(leader, () => 1n))
  const done = [0, 1, 0, 1].map((which) => stagings[which]!.stage(recordOf()))
  const turns: string[] = []
  for (let batches = 3; batches > 0 || !queue.isEmpty;) {
    const isPiece = queue.takesTurn(batches > 0)
    turns.push(isPiece ? 'piece' : 'batch')
    if (isPiece) await queue.stageFirst(leader, 1n)
    else batches--
  }
  await Promise.all(done)
  expect(turns.join(' ')).toBe('piece batch piece batch piece batch piece')
})

test.each([
  ['no-space', 'disk_full', false],
  ['too-large', 'too_large', false],
  ['unknown', 'not_leading', true],
] as const)('of a piece that the log refuses with %s its transaction hears %s', async (code, told, isThrown) => {
  const leader = await openMemoryLog().acquire('a', 1000)
  const { stage } = leader
  let woken = 0
  const queue = new StagingQueue(() => woken++)
  const staging = queue.begin(leader, () => 1n)
  const codeOf = (error: unknown): string => (error as PolylogError).code
  const pieces = [1, 2, 3].map(() => staging.stage(recordOf()).then(String, codeOf))
  leader.stage = () => Promise.reject(new LogError(code, 'refused'))
  expect(
    await queue.stageFirst(leader, 1n).then(
      () => false,
      () => true,
    ),
  ).toBe(isThrown)
  leader.stage = stage
  await queue.stageFirst(leader, 1n)
  queue.failAll(new PolylogError('shutting_down', 'end'))
  expect(await Promise.all(pieces)).toEqual([told, 'undefined', 'shutting_down'])
  expect([woken, queue.isEmpty, queue.takesTurn(false)]).toEqual([3, true, false])
})

test('a piece is tried again where the log could not be reached', async () => {
  const leader = await openMemoryLog().acquire('a', 1000)
  const { stage } = leader
  const queue = new StagingQueue(() => undefined)
  const staged = queue.begin(leader, () => 1n).stage(recordOf())
  leader.stage = () => Promise.reject(new LogError('unavailable', 'not now'))
  await expect(queue.stageFirst(leader, 1n)).rejects.toThrow('not now')
  leader.stage = stage
  await queue.stageFirst(leader, 1n)
  expect(await staged).toBeUndefined()
})

test('of a transaction that is given up nothing more goes to the log, and the log hears of it after the piece under way', async () => {
  const leader = await openMemoryLog().acquire('a', 1000)
  const heard: string[] = []
  let answer: () => void = () => undefined
  leader.stage = async (group) => {
    heard.push(`stage ${group.number}`)
    await new Promise<void>((resolve) => (answer = resolve))
    heard.push(`staged ${group.number}`)
  }
  leader.abandon = (group) => heard.push(`abandon ${group.number}`)
  const queue = new StagingQueue(() => undefined)
  const [one, other, third] = [1, 2, 3].map(() => queue.begin(leader, () => 1n))
  for (const staging of [one, other, one, third]) void staging!.stage(recordOf())
  const first = queue.stageFirst(leader, 1n)
  one!.abandon()
  other!.abandon()
  expect(heard).toEqual([`stage ${one!.number}`, `abandon ${other!.number}`])
  answer()
  await first
  const second = queue.stageFirst(leader, 1n)
  answer()
  await second
  expect([queue.isEmpty, heard.slice(2)]).toEqual([
    true,
    [`staged ${one!.number}`, `abandon ${one!.number}`, `stage ${third!.number}`, `staged ${third!.number}`],
  ])
})
