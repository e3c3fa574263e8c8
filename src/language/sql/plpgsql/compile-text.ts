/** A body from its text to what runs, and a run of it. */
import type { StatementSteps } from '../../../database/contract.ts'
import { isSteps } from '../../../database/transaction/wait.ts'
import { failure } from '../failure.ts'
import type { SqlRun } from '../plan/run.ts'
import { withContext } from '../routine/error-context.ts'
import { oid } from '../types/oids.ts'
import { Compiler, type Exec, type Purpose } from './compile.ts'
import { compileBody } from './exec.ts'
import type { Frame } from './frame.ts'
import { contextLine } from './lines.ts'
import { Names, type Variable } from './names.ts'
import { parseBody } from './parse.ts'

export interface CompiledBody {
  readonly run: Exec
  readonly slots: number
  readonly purpose: Purpose
  readonly inputs: readonly Variable[]
}

/** The names that a function has before its own block: what it is given, and what it gives. */
export type DeclareNames = (
  compiler: Compiler,
  names: Names,
) => { inputs: readonly Variable[]; outputs: readonly Variable[] }

export function compileText(
  text: string,
  run: SqlRun,
  purpose: Omit<Purpose, 'outputs'>,
  label: string | undefined,
  declare: DeclareNames,
): CompiledBody {
  const { block, conflict } = parseBody(text)
  const compiler = new Compiler(run, conflict, { ...purpose, outputs: [] })
  const names = new Names(undefined, label)
  compiler.scalar(names, 'found', oid.bool)
  const { inputs, outputs } = declare(compiler, names)
  compiler.purpose = { ...purpose, outputs }
  const body = compileBody(compiler, [block], names)
  return { run: body, slots: compiler.slots, purpose: compiler.purpose, inputs }
}

/** Whether it has returned, and not come to its end. */
export function* runFrame(frame: Frame, { run }: CompiledBody): StatementSteps<'returned' | 'ended'> {
  try {
    const done = run(frame)
    const signal = isSteps(done) ? yield* done : done
    if (signal?.kind === 'return') return 'returned'
    if (signal !== undefined) {
      const word = signal.kind === 'exit' ? 'EXIT' : 'CONTINUE'
      throw failure('2D000', `${word} cannot be used outside a loop, unless it has a label`)
    }
    return 'ended'
  } catch (error) {
    throw withContext(error, () => contextLine(frame))
  }
}
