/**
 * The suite `pg-regress`: PostgreSQL's own regression scripts, in the order of its schedule and in one database, through
 * `psql`. What counts are statements, each by what psql shows for it, and only those that a PostgreSQL without the suite's
 * functions in C answers as its transcript says (`pg15-baseline.jsonl`). Statements of a folder without that list all count.
 *
 * Without `psql` there is nothing to run it with, and each script skips itself.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, open, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SuiteDatabases } from '../postgres/databases.ts'
import type { CaseResult, ServerUnderTest, Suite } from '../suite.ts'
import { answersOf, scriptLines } from './statements.ts'

/** Of one script. */
const limitMs = 120_000

interface Baseline {
  /** `sql/boolean.sql` */
  readonly file: string
  readonly expected: string
  readonly disagree_lines: readonly number[]
}

export const pgRegress: Suite = {
  name: 'pg-regress',
  async *run(folder, server) {
    const scripts = await scriptsOf(folder)
    if (spawnSync('psql', ['--version']).status !== 0) {
      for (const { name } of scripts) yield { name, outcome: 'skipped', reason: 'psql is not installed' }
      return
    }
    const databases = new SuiteDatabases(server)
    const work = await mkdtemp(join(tmpdir(), 'polylog-pg-regress-'))
    const results: CaseResult[][] = []
    await databases.inEmpty(async ({ name: database }) => {
      for (const script of scripts) results.push(await runScript(script, { folder, server, database, work }))
    })
    await rm(work, { recursive: true, force: true })
    for (const ofScript of results) yield* ofScript
  },
}

interface Script {
  readonly name: string
  readonly expected: readonly string[]
  /** Lines of which PostgreSQL itself says something else. */
  readonly left: ReadonlySet<number>
}

interface Place {
  readonly folder: string
  readonly server: ServerUnderTest
  readonly database: string
  readonly work: string
}

/** In the order of the schedule; those that nobody has scheduled come last. */
async function scriptsOf(folder: string): Promise<Script[]> {
  const names = (await readdir(join(folder, 'sql')))
    .filter((name) => name.endsWith('.sql'))
    .map((name) => name.slice(0, -4))
  const schedule = join(folder, 'parallel_schedule')
  const scheduled = existsSync(schedule)
    ? (await readFile(schedule, 'utf8'))
        .split('\n')
        .flatMap((line) => /^(?:test|ignore):\s*(.*)$/.exec(line)?.[1]?.split(/\s+/) ?? [])
    : []
  const place = new Map(scheduled.map((name, index) => [name, index]))
  names.sort((a, b) => (place.get(a) ?? Infinity) - (place.get(b) ?? Infinity) || (a < b ? -1 : 1))
  const baselinePath = join(folder, 'pg15-baseline.jsonl')
  const baseline = new Map<string, Baseline>()
  if (existsSync(baselinePath)) {
    for (const line of (await readFile(baselinePath, 'utf8')).trim().split('\n')) {
      const one = JSON.parse(line) as Baseline
      baseline.set(one.file, one)
    }
  }
  const transcripts = new Set(await readdir(join(folder, 'expected')))
  return names.map((name) => {
    const known = baseline.get(`sql/${name}.sql`)
    const alternatives = [`${name}.out`, ...[1, 2, 3].map((count) => `${name}_${count}.out`)]
    const expected = known === undefined ? alternatives.filter((one) => transcripts.has(one)) : [known.expected]
    return { name, expected, left: new Set(known?.disagree_lines) }
  })
}

async function runScript(script: Script, place: Place): Promise<CaseResult[]> {
  const { name, expected, left } = script
  const text = await readFile(join(place.folder, 'sql', `${name}.sql`), 'utf8')
  const lines = scriptLines(text)
  const said = answersOf(lines, await transcriptOf(name, place))
  const wanted = await Promise.all(
    expected.map(async (file) => answersOf(lines, await readFile(join(place.folder, 'expected', file), 'utf8'))),
  )
  const results: CaseResult[] = []
  for (const { line, answers } of lines) {
    if (!answers || left.has(line)) continue
    const [first] = wanted.map((one) => one.get(line))
    if (first === undefined) continue
    const answer = said.get(line)
    const isSame = wanted.some((one) => one.get(line) === answer)
    const message = `expected ${shown(first)}, got ${answer === undefined ? 'nothing' : shown(answer)}`
    results.push({ name: `${name}:${line}`, ...(isSame ? { outcome: 'passed' } : { outcome: 'failed', message }) })
  }
  return results
}

/** What psql writes, errors and all, in order. */
async function transcriptOf(name: string, { folder, server, database, work }: Place): Promise<string> {
  const path = join(work, `${name}.out`)
  const [input, output] = await Promise.all([open(join(folder, 'sql', `${name}.sql`)), open(path, 'w')])
  try {
    const args = ['-X', '-a', '-q', '-v', 'HIDE_TABLEAM=on', '-v', 'HIDE_TOAST_COMPRESSION=on', '-d', database]
    const child = spawn('psql', args, {
      stdio: [input.fd, output.fd, output.fd],
      cwd: work,
      timeout: limitMs,
      killSignal: 'SIGKILL',
      env: {
        ...process.env,
        PGHOST: server.host,
        PGPORT: String(server.port),
        PGUSER: server.user ?? 'postgres',
        PGTZ: 'PST8PDT',
        PGDATESTYLE: 'Postgres, MDY',
        PGOPTIONS: '-c intervalstyle=postgres_verbose',
        PGCONNECT_TIMEOUT: '10',
        PG_ABS_SRCDIR: folder,
        PG_ABS_BUILDDIR: work,
        PG_LIBDIR: work,
        PG_DLSUFFIX: '.so',
        LC_MESSAGES: 'C',
      },
    })
    await new Promise((resolve) => child.once('exit', resolve))
  } finally {
    await Promise.all([input.close(), output.close()])
  }
  return readFile(path, 'utf8')
}

function shown(text: string): string {
  const line = text.replaceAll('\n', ' | ')
  return line === '' ? '(nothing)' : line.length > 160 ? `${line.slice(0, 160)}…` : line
}
