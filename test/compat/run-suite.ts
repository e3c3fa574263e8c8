import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { faultOfReportFile } from '../report-file.ts'
import { type ExpectedSkips, formatExpectedSkips, parseExpectedSkips } from './expected-skips.ts'
import { type PolylogServer, startPolylog } from './polylog-server.ts'
import { formatTotals, type Score, scoreResults } from './score.ts'
import type { CaseResult, ServerUnderTest, Suite } from './suite.ts'

export interface SuiteRequest {
  readonly suite: string
  /** Absent: the suite's folder beside the repository. */
  readonly dir?: string
  /** Where the score goes as JSON. */
  readonly json?: string
  /** `[USER@]HOST:PORT` of a running server to try the suite on in place of our own; no list of expected skips is used. */
  readonly against?: string
  /** Writes the suite's list of expected skips anew. */
  readonly rewrite?: boolean
}

/** Where things are, and how to say something; tests have their own. */
export interface Surroundings {
  readonly root: string
  readonly suites: readonly Suite[]
  print(line: string): void
  readonly start?: (root: string, more?: readonly string[]) => Promise<PolylogServer>
}

/** Wrong arguments: the message is for the user, the exit status 2. */
export class UsageError extends Error {}

const usage = 'npm run compat -- SUITE [--dir DIR] [--json FILE] [--against [USER@]HOST:PORT] [--rewrite]'

export function parseArguments(args: readonly string[]): SuiteRequest {
  const options = new Map<string, string>()
  const names: string[] = []
  let rewrite = false
  for (let at = 0; at < args.length; at++) {
    const argument = args[at] ?? ''
    if (!argument.startsWith('--')) {
      names.push(argument)
      continue
    }
    if (argument === '--rewrite') {
      rewrite = true
      continue
    }
    const value = args[++at]
    if (!['--dir', '--json', '--against'].includes(argument) || value === undefined) {
      throw new UsageError(`${argument} is unknown or lacks its value\n${usage}`)
    }
    options.set(argument.slice(2), value)
  }
  if (names.length !== 1) throw new UsageError(`one suite is needed, not ${names.length}\n${usage}`)
  return { suite: names[0] ?? '', ...Object.fromEntries(options), ...(rewrite && { rewrite }) }
}

/** Runs a suite, prints every failure and the totals, and returns the exit status. */
export async function runSuite(request: SuiteRequest, surroundings: Surroundings): Promise<number> {
  const { root, suites, print } = surroundings
  const suite = suites.find((one) => one.name === request.suite)
  if (suite === undefined) {
    throw new UsageError(`there is no suite ${request.suite}; there are: ${suites.map((one) => one.name).join(', ')}`)
  }
  const fault = request.json === undefined ? undefined : faultOfReportFile(request.json)
  if (fault !== undefined) throw new UsageError(fault)
  const folder = request.dir ?? join(root, '..', 'shared', 'suites', suite.folder ?? suite.name)
  if (!existsSync(folder)) {
    if (request.dir !== undefined) throw new UsageError(`there is no folder ${folder}`)
    print(`${suite.name}: its data is not in ${folder}, so nothing was run`)
    print('0 passed, 0 failed, 0 skipped')
    return 0
  }
  const results = await collectResults(suite, folder, request, surroundings)
  if (request.rewrite === true && request.dir === undefined && request.against === undefined) {
    await rewriteExpectedSkips(request.suite, root, results)
  }
  const score = scoreResults(results, await readExpectedSkips(request, root, results))
  report(suite.name, score, print)
  if (request.json !== undefined) await writeFile(request.json, formatJson(suite.name, score))
  return score.failures.length === 0 ? 0 : 1
}

async function collectResults(
  suite: Suite,
  folder: string,
  request: SuiteRequest,
  { root, start = startPolylog }: Surroundings,
): Promise<CaseResult[]> {
  if (request.against !== undefined) return collect(suite, folder, parseAddress(request.against))
  const running: PolylogServer[] = []
  const startAnother = async (serverArguments?: readonly string[]): Promise<ServerUnderTest> => {
    const server = await start(root, serverArguments)
    running.push(server)
    return { host: server.host, port: server.port, isOurs: true, startAnother }
  }
  try {
    return await collect(suite, folder, await startAnother(suite.serverArguments))
  } finally {
    for (const server of running) await server.stop()
  }
}

async function collect(suite: Suite, folder: string, server: ServerUnderTest): Promise<CaseResult[]> {
  const results: CaseResult[] = []
  for await (const result of suite.run(folder, server)) results.push(result)
  return results
}

function parseAddress(text: string): ServerUnderTest {
  const match = /^(?:(.+)@)?([^@]+):(\d+)$/.exec(text)
  if (match === null || Number(match[3]) > 65_535) throw new UsageError(`${text} is not [USER@]HOST:PORT`)
  const [, user, host = '', port] = match
  return { host, port: Number(port), isOurs: false, ...(user !== undefined && { user }) }
}

/**
 * The suite's list. Without it, for a foreign server, and beside it, for a folder of the user's own that may hold other
 * cases, what skips itself is expected to.
 */
async function readExpectedSkips(
  request: SuiteRequest,
  root: string,
  results: readonly CaseResult[],
): Promise<ExpectedSkips> {
  const path = join(root, 'test', 'compat', 'expected-skips', request.suite)
  const listed = existsSync(path) ? parseExpectedSkips(await readFile(path, 'utf8')) : new Map<string, string>()
  if (request.dir === undefined && request.against === undefined) return listed
  const expected = new Map<string, string>()
  for (const result of results) {
    const reason = request.against === undefined ? listed.get(result.name) : undefined
    if (reason !== undefined) expected.set(result.name, reason)
    else if (result.outcome === 'skipped') expected.set(result.name, result.reason)
  }
  return expected
}

/** All that does not pass now, each with what came instead: read the difference before you commit it. */
async function rewriteExpectedSkips(suite: string, root: string, results: readonly CaseResult[]): Promise<void> {
  const path = join(root, 'test', 'compat', 'expected-skips', suite)
  const listed = existsSync(path) ? parseExpectedSkips(await readFile(path, 'utf8')) : new Map<string, string>()
  const left = results.flatMap((result) => {
    if (result.outcome === 'passed') return []
    const { name } = result
    const reason = result.outcome === 'failed' ? reasonOf(result.message) : result.reason
    return [{ name, reason: listed.get(name) ?? reason }]
  })
  await writeFile(path, formatExpectedSkips(left))
}

/** Of a failure's message what others of its kind say, too. */
function reasonOf(message: string): string {
  const [, got] = /^expected .*, got (.*)$/s.exec(message) ?? []
  if (got !== undefined && !got.startsWith('ERROR:')) return 'answers otherwise'
  const kind = (got ?? message)
    .replace(/^(?:[0-9A-Z]{5} |ERROR: +)/, '')
    .replace(/ \| .*| LINE \d+: .*/s, '')
    .replace(/"[^"]*"/g, '"…"')
    .replace(/\s+/g, ' ')
  return kind.length > 80 ? `${kind.slice(0, 80)}…` : kind
}

function report(suite: string, score: Score, print: (line: string) => void): void {
  for (const { name, message } of score.failures) print(`FAILED ${suite}: ${name}: ${message}`)
  const reasons = new Map<string, number>()
  for (const { reason } of score.skips) reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
  for (const [reason, count] of reasons) print(`skipped ${count}: ${reason}`)
  print(formatTotals(score))
}

function formatJson(suite: string, score: Score): string {
  const { passed, failures, skips } = score
  const totals = { passed, failed: failures.length, skipped: skips.length }
  return `${JSON.stringify({ suite, ...totals, failures, skips }, undefined, 2)}\n`
}
