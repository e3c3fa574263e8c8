/**
 * Random SQL programs, run by Polylog and by the real PostgreSQL: both must answer the same.
 *
 * Compared are rows, the columns' names, types and modifiers, command tags, the transaction's status and, of errors, the
 * SQLSTATE, the message and the position. What Polylog says it does not support (0A000, or a function it does not have) is skipped, and so is what
 * `known-differences.ts` lists. A program that differs is made smaller before it is shown.
 */
import { open, serve, type EmbeddedDatabase } from '../../../src/polylog.ts'
import { verified } from '../verified.ts'
import { difference } from './compare.ts'
import { knownDifferences } from './known-differences.ts'
import { render } from './piece.ts'
import { makeProgram, type Program, type ProgramKind } from './program.ts'
import { isPostgresInstalled, startRealPostgres } from './real-postgres.ts'
import { shrink } from './shrink.ts'
import { type Answer, WireClient } from './wire-client.ts'

export interface DifferentialOptions {
  /** Of the first program; the next ones follow. */
  readonly seed: number
  readonly programs: number
  readonly kind?: ProgramKind | undefined
}

export interface DifferentialResult {
  readonly programs: number
  readonly statements: number
  readonly skipped: number
  /** Each with its seed, and the smallest program that shows it. */
  readonly differences: string[]
  /** How often Polylog said that it does not support what. */
  readonly unsupported: ReadonlyMap<string, number>
}

interface Servers {
  readonly real: number
  readonly polylog: number
}

interface Found {
  readonly step: number
  readonly what: string
}

interface Run {
  readonly statements: number
  readonly skipped: readonly string[]
  readonly found: readonly Found[]
}

/** Undefined where PostgreSQL is not installed. */
export async function runPostgresDifferential({
  seed,
  programs,
  kind,
}: DifferentialOptions): Promise<DifferentialResult | undefined> {
  if (!isPostgresInstalled()) return undefined
  const real = await startRealPostgres()
  const database = await open({ memory: true })
  const server = await serve(database, { port: 0 })
  try {
    return await compareAll({ real: real.port, polylog: server.port }, database, { seed, programs, kind })
  } finally {
    await server.close()
    await database.close()
    await real.stop()
  }
}

async function compareAll(
  servers: Servers,
  database: EmbeddedDatabase,
  { seed, programs, kind }: DifferentialOptions,
): Promise<DifferentialResult> {
  let statements = 0
  let skipped = 0
  const differences: string[] = []
  const unsupported = new Map<string, number>()
  for (let at = seed; at < seed + programs; at++) {
    const program = makeProgram(at, kind)
    const run = await runProgram(servers, program)
    statements += run.statements
    skipped += run.skipped.length
    for (const message of run.skipped) unsupported.set(message, (unsupported.get(message) ?? 0) + 1)
    for (const found of run.found) differences.push(await describe(servers, at, program, found))
    differences.push(...(await verified(database, at)))
  }
  return { programs, statements, skipped, differences, unsupported }
}

async function describe(servers: Servers, seed: number, program: Program, { step, what }: Found): Promise<string> {
  let shown = what
  const fails = async (smaller: Program): Promise<boolean> => {
    const { found } = await runProgram(servers, smaller)
    const last = found.find((one) => one.step === smaller.length - 1)
    if (last === undefined) return false
    shown = last.what
    return true
  }
  const small = await shrink(program.slice(0, step + 1), fails)
  const lines = small.map(({ statement, protocol }) => {
    const { text, parameters } = render(statement)
    return `${text};${protocol === 'simple' ? '' : ` -- ${protocol} ${JSON.stringify(parameters)}`}`
  })
  return `seed ${seed}: ${shown}\n${lines.map((line) => `    ${line}`).join('\n')}`
}

/** On fresh connections, in an empty schema. A change that is answered otherwise ends the program. */
async function runProgram({ real, polylog }: Servers, program: Program): Promise<Run> {
  const [one, other] = [await WireClient.connect(real, 'postgres'), await WireClient.connect(polylog, 'polylog')]
  const skipped: string[] = []
  const found: Found[] = []
  let statements = 0
  try {
    for (const client of [one, other])
      for (const text of ['drop table if exists t0, t1, t2 cascade', 'drop schema if exists w cascade'])
        await client.ask({ text, parameters: [] })
    for (const [step, { statement, protocol, isOrdered, changes }] of program.entries()) {
      const text = render(statement)
      const [expected, actual] = await Promise.all([one.ask(text, protocol), other.ask(text, protocol)])
      statements++
      const what = difference(expected, actual, { isOrdered })
      if (what === undefined) continue
      const excuse = excuseOf(text.text, expected, actual)
      if (excuse === undefined) found.push({ step, what })
      else skipped.push(excuse)
      if (changes || expected.status !== actual.status) break
    }
  } finally {
    one.close()
    other.close()
  }
  return { statements, skipped, found }
}

function excuseOf(text: string, expected: Answer, actual: Answer): string | undefined {
  if (actual.failure?.state === '0A000') return actual.failure.message
  if (lacksFunction(expected, actual)) return actual.failure!.message
  return knownDifferences.find(({ applies }) => applies(text, expected, actual))?.reason
}

/** A function that docs/compatibility.md does not list, or one of its variants. */
function lacksFunction(expected: Answer, actual: Answer): boolean {
  const isMissing = actual.failure?.state === '42883' && /^(function|operator) /.test(actual.failure.message)
  return isMissing && expected.failure?.state !== '42883'
}
