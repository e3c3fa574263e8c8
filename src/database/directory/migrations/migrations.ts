/**
 * From data format 2 to 3: a list of steps that every database of an older directory goes through, once.
 *
 * A directory becomes the present format at its start, before anything in it is changed, so that an older Polylog refuses it from
 * then on. Its databases follow one by one, each when it is first opened: whether that has happened stands in the
 * database itself, under one key of the catalog:
 *
 *   (0, 7) → JSON { format: 3 }, or { format: 2, done: [names of steps] } on the way
 *
 * A database with content and without that key is of format 2. One without content is of the present format, and the
 * first record that is written to it carries the key (`commit.ts`), so that no reader of the log takes it for an old one.
 *
 * A step is a function that is called again and again, each time with a transaction of its own that is committed as one
 * record, until it answers true; that last record also says that the step is done. So a crash leaves a step done, or some
 * whole transactions of it: a step that begins again finds from the data what is changed already, and leaves it alone.
 * Each record is durable before the next one is written, the last one before the database is used.
 *
 * Steps belong to whoever owns the bytes, mostly a model, which registers them when it is loaded; their names stand here,
 * because their order matters, and because one that is not loaded must be noticed and not be left out.
 *
 * Invariants: a database is used by nobody before all its steps are done; a step that is done is never called again; what
 * a step writes in one call fits into one transaction.
 */
import { assert, PolylogError } from '../../../base/errors.ts'
import type { Slice } from '../../../base/slice.ts'
import type { OrderedStore } from '../../../storage/store.ts'
import { decodeJson, encodeJson, formatKey } from '../../catalog/catalog-entries.ts'
import type { Transaction } from '../../contract.ts'
import { throughMisses } from '../../transaction/pinned-pages.ts'

const presentFormat = 3
const oldestFormat = 2

/** In the order in which they run. */
export const stepNames: readonly string[] = ['catalog', 'tables']

export interface MigrationStep {
  readonly name: string
  /**
   * A new run of it, which may keep in mind how far it is. Each call does a bounded piece and answers whether all is done.
   * It sees the catalog as it was before the first step.
   */
  begin(): (transaction: Transaction) => boolean
}

const registered = new Map<string, MigrationStep>()

export function registerStep(step: MigrationStep): void {
  assert(!registered.has(step.name), `the step "${step.name}" is registered twice`)
  registered.set(step.name, step)
}

interface Progress {
  readonly format: number
  readonly done?: readonly string[]
}

/** What a database says that is of the present format. */
export function presentMark(): Slice {
  return encodeJson({ format: presentFormat })
}

/** Undefined of a database without content. Errors: `data_newer`, `data_corrupted`. */
function progressOf(store: OrderedStore): Promise<Progress | undefined> {
  return throughMisses(store, () => decodeProgress(store, store.current.get(formatKey())))
}

function decodeProgress(store: OrderedStore, value: Slice | undefined): Progress | undefined {
  if (value === undefined) return isEmpty(store) ? undefined : { format: oldestFormat, done: [] }
  const { format, done } = decodeJson(value) as unknown as Progress
  if (Number.isSafeInteger(format) && format > presentFormat) {
    throw new PolylogError('data_newer', `it has format ${format}; this Polylog knows up to ${presentFormat}`)
  }
  const isOnItsWay = format === oldestFormat && Array.isArray(done)
  if (format === presentFormat || isOnItsWay) return { format, ...(done && { done }) }
  throw new PolylogError('data_corrupted', 'what the database says of its format is not valid')
}

/** The next record is the first one, and must say of which format the database is. */
export function isEmpty(store: OrderedStore): boolean {
  return store.statistics().keys === 0
}

/** Runs `work` in a transaction of its own and commits it durably; again where pages were missing. */
export type RunDurably = <T>(work: (transaction: Transaction) => T) => Promise<T>

/** All of them, in their order. */
function registeredSteps(): MigrationStep[] {
  return stepNames.map((name) => {
    const step = registered.get(name)
    assert(step !== undefined, `the migration needs the step "${name}", and nothing that was loaded has it`)
    return step
  })
}

/** Errors: `unsupported` of a state from before the steps were done. */
export async function requirePresentFormat(store: OrderedStore): Promise<void> {
  const progress = await progressOf(store)
  if (progress === undefined || progress.format === presentFormat) return
  throw new PolylogError('unsupported', 'the state is one that an older version of Polylog has written')
}

/** Brings a database up to date; true where anything was changed, so that its catalog is another one. */
export async function migrate(
  store: OrderedStore,
  run: RunDurably,
  steps: readonly MigrationStep[] | undefined,
): Promise<boolean> {
  const progress = await progressOf(store)
  if (progress === undefined || progress.format === presentFormat) return false
  const done = [...progress.done!]
  for (const step of steps ?? registeredSteps()) {
    if (done.includes(step.name)) continue
    await runStep(step, done, run)
    done.push(step.name)
  }
  await run((transaction) => transaction.put(formatKey(), presentMark()))
  return true
}

async function runStep(step: MigrationStep, doneBefore: readonly string[], run: RunDurably): Promise<void> {
  const piece = step.begin()
  let isDone = false
  while (!isDone) {
    isDone = await run((transaction) => {
      const isLast = piece(transaction)
      if (isLast) transaction.put(formatKey(), encodeJson({ format: oldestFormat, done: [...doneBefore, step.name] }))
      return isLast
    })
  }
}
