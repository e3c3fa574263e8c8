/**
 * The suite `pg-isolation`: PostgreSQL's specs of what concurrent sessions see, run by its own isolation tester, each spec in
 * an empty database. A case is one permutation of a spec's steps, and passes where one of the suite's transcripts of that
 * permutation says the same.
 *
 * Without the tester (Debian has it in `postgresql-server-dev-15`) each spec skips itself.
 */
import { spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { open, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { SuiteDatabases } from '../postgres/databases.ts'
import type { CaseResult, ServerUnderTest, Suite } from '../suite.ts'
import { differenceIn, type Permutation, permutationsIn } from './transcript.ts'

/** Of one step, as the tester has it; then it cancels the step. */
const stepLimitSeconds = 5
/** Of one spec: the largest have some hundred permutations. */
const limitMs = 120_000

export const pgIsolation: Suite = {
  name: 'pg-isolation',
  async *run(folder, server) {
    const specs = await specsOf(folder)
    const tester = findTester()
    const databases = new SuiteDatabases(server)
    for (const spec of specs) {
      if (tester === undefined)
        yield { name: spec.name, outcome: 'skipped', reason: 'isolationtester is not installed' }
      else yield* await databases.inEmpty(({ name }) => runSpec(spec, { folder, server, database: name, tester }))
    }
  },
}

interface Spec {
  readonly name: string
  /** Transcripts, of which each is right. */
  readonly expected: readonly string[]
}

interface Place {
  readonly folder: string
  readonly server: ServerUnderTest
  readonly database: string
  readonly tester: string
}

/** Of PostgreSQL's schedule, where there is one: others want a server that is set up otherwise. */
async function specsOf(folder: string): Promise<Spec[]> {
  const schedule = join(folder, 'isolation_schedule')
  const all = (await readdir(join(folder, 'specs'))).filter((name) => name.endsWith('.spec')).sort()
  const there = all.map((name) => name.slice(0, -'.spec'.length))
  const scheduled = existsSync(schedule)
    ? (await readFile(schedule, 'utf8')).split('\n').flatMap((line) => /^test:\s*(\S+)/.exec(line)?.[1] ?? [])
    : there
  const transcripts = new Set(await readdir(join(folder, 'expected')))
  return scheduled
    .filter((name) => there.includes(name))
    .map((name) => {
      const files = [`${name}.out`, ...[1, 2, 3].map((count) => `${name}_${count}.out`)]
      return { name, expected: files.filter((file) => transcripts.has(file)) }
    })
}

function findTester(): string | undefined {
  const { stdout } = spawnSync('pg_config', ['--pgxs'], { encoding: 'utf8' })
  const ofConfig = stdout?.trim().replace(/makefiles\/pgxs\.mk$/, 'test/isolation/isolationtester') ?? ''
  const places = [ofConfig, '/usr/lib/postgresql/15/lib/pgxs/src/test/isolation/isolationtester']
  return places.find((place) => place !== '' && existsSync(place))
}

async function runSpec(spec: Spec, place: Place): Promise<CaseResult[]> {
  const transcripts = await Promise.all(
    spec.expected.map(async (file) => permutationsIn(await readFile(join(place.folder, 'expected', file), 'utf8'))),
  )
  const { transcript, complaint } = await transcriptOf(spec.name, place)
  const got = permutationsIn(transcript)
  const results: CaseResult[] = []
  for (const [at, { name: steps }] of (transcripts[0] ?? []).entries()) {
    const wanted = transcripts.flatMap((one): Permutation[] => (one[at] === undefined ? [] : [one[at]]))
    const found = got[at]?.name === steps ? got[at] : undefined
    const difference = differenceIn(found, wanted)
    // Who cannot set up, or is stopped, says why beside the transcript, and runs nothing after it.
    const isLast = at >= got.length - 1
    const message = difference !== undefined && isLast && complaint !== '' ? complaint : difference
    const name = `${spec.name}:${at + 1}`
    results.push(message === undefined ? { name, outcome: 'passed' } : { name, outcome: 'failed', message })
  }
  return results
}

interface Answer {
  readonly transcript: string
  /** What it says of itself, in one line. */
  readonly complaint: string
}

async function transcriptOf(name: string, { folder, server, database, tester }: Place): Promise<Answer> {
  const input = await open(join(folder, 'specs', `${name}.spec`))
  try {
    const { host, port, user = 'postgres' } = server
    const child = spawn(tester, [`host=${host} port=${port} user=${user} dbname=${database}`], {
      stdio: [input.fd, 'pipe', 'pipe'],
      timeout: limitMs,
      killSignal: 'SIGKILL',
      env: { ...process.env, PGISOLATIONTIMEOUT: String(stepLimitSeconds), LC_MESSAGES: 'C' },
    })
    const texts = ['', '']
    for (const [at, stream] of [child.stdout!, child.stderr!].entries()) {
      stream.setEncoding('utf8')
      stream.on('data', (text: string) => (texts[at] += text))
    }
    const ended = await new Promise<string>((resolve) => {
      child.once('close', (_status, signal) => resolve(signal === null ? '' : `not done in ${limitMs} ms`))
    })
    const complaint = `${ended} ${texts[1]!.replaceAll(/\s+/g, ' ')}`.trim()
    return { transcript: texts[0]!, complaint: complaint.replace(/^setup failed: /, '') }
  } finally {
    await input.close()
  }
}
