/** The command line of the benchmarks. */
import { existsSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { faultOfReportFile } from '../test/report-file.ts'

export interface BenchArguments {
  /** In the order in which they run. */
  readonly areas: readonly string[]
  readonly quick: boolean
  readonly json: string | undefined
  /** The reports of `--page`, of which the page is written and nothing is run. */
  readonly reports: readonly string[] | undefined
  /** The commit that `--guard` compares with; empty: the one that the page is of. */
  readonly guard: string | undefined
}

/** Wrong arguments: the message is for the user, the exit status 2. */
export class UsageError extends Error {}

const usage =
  'usage: npm run bench -- [AREA…] [--quick] [--json FILE]\n       npm run bench -- --page FILE…\n       npm run bench -- --guard [COMMIT] [--quick]'

export function parseArguments(args: readonly string[], known: readonly string[]): BenchArguments {
  const { values, positionals } = parse(args)
  const { quick = false, json, page = false, guard = false } = values
  if (guard) {
    if (page || json !== undefined || positionals.length > 1) fail('--guard takes a commit alone')
    return { areas: [], quick, json, reports: undefined, guard: positionals[0] ?? '' }
  }
  if (page) {
    if (quick || json !== undefined || positionals.length === 0) fail('--page takes the reports of earlier runs alone')
    for (const path of positionals) if (!existsSync(path)) fail(`there is no report ${path}`)
    return { areas: [], quick, json, reports: positionals, guard: undefined }
  }
  for (const name of positionals) {
    if (!known.includes(name)) fail(`unknown area "${name}"; there are ${known.join(', ')}`)
  }
  const fault = json === undefined ? undefined : json === '' ? '--json wants a path' : faultOfReportFile(json)
  if (fault !== undefined) fail(fault)
  const areas = positionals.length === 0 ? known : positionals
  return { areas, quick, json, reports: undefined, guard: undefined }
}

interface Parsed {
  readonly values: {
    readonly quick?: boolean
    readonly json?: string
    readonly page?: boolean
    readonly guard?: boolean
  }
  readonly positionals: string[]
}

function parse(args: readonly string[]): Parsed {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        quick: { type: 'boolean' },
        json: { type: 'string' },
        page: { type: 'boolean' },
        guard: { type: 'boolean' },
      },
    })
  } catch (error) {
    return fail((error as Error).message)
  }
}

function fail(message: string): never {
  throw new UsageError(`${message}\n${usage}`)
}
