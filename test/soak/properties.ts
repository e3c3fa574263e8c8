/** One run of all property tests with inputs of its own: a seed of `test/property-seed.ts`. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

export interface PropertyRun {
  readonly tests: number
  /** Name and message of each that failed. */
  readonly failures: string[]
}

/** What Vitest's JSON reporter writes, as far as it is read here. */
interface Report {
  readonly testResults: readonly {
    readonly name: string
    readonly message: string
    readonly status: string
    readonly assertionResults: readonly {
      readonly fullName: string
      readonly status: string
      readonly failureMessages: readonly string[]
    }[]
  }[]
}

export function runProperties(seed: number): PropertyRun {
  const directory = mkdtempSync(join(tmpdir(), 'polylog-properties-'))
  const report = join(directory, 'report.json')
  const args = ['node_modules/vitest/vitest.mjs', 'run', '--reporter=json', `--outputFile.json=${report}`]
  try {
    spawnSync(process.execPath, [...args, ...propertyTests()], {
      stdio: 'ignore',
      env: { ...process.env, POLYLOG_PROPERTY_SEED: String(seed) },
    })
    return readReport(JSON.parse(readFileSync(report, 'utf8')) as Report)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

export function readReport({ testResults }: Report): PropertyRun {
  const failures: string[] = []
  let tests = 0
  for (const file of testResults) {
    tests += file.assertionResults.length
    const failed = file.assertionResults.filter(({ status }) => status === 'failed')
    for (const { fullName, failureMessages } of failed) failures.push(`${fullName}: ${failureMessages.join('\n')}`)
    if (file.status === 'failed' && failed.length === 0) failures.push(`${file.name}: ${file.message}`)
  }
  return { tests, failures }
}

/** The test files that use fast-check, by themselves or through what they import. */
export function propertyTests(folders: readonly string[] = ['src', 'test']): string[] {
  const sources = new Map<string, string>()
  for (const path of folders.flatMap(filesUnder)) sources.set(path, readFileSync(path, 'utf8'))
  const using = new Set([...sources].filter(([, text]) => text.includes("from 'fast-check'")).map(([path]) => path))
  using.delete('test/property-seed.ts')
  for (let before = -1; before !== using.size;) {
    before = using.size
    for (const [path, text] of sources) if (importsOf(path, text).some((target) => using.has(target))) using.add(path)
  }
  return [...using].filter((path) => path.endsWith('.test.ts') && !path.endsWith('.ci.test.ts')).toSorted()
}

function filesUnder(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  return names.filter((name) => name.endsWith('.ts')).map((name) => join(folder, name))
}

function importsOf(path: string, text: string): string[] {
  return [...text.matchAll(/from '(\.[^']+)'/g)].map(([, target]) => join(dirname(path), target!))
}
