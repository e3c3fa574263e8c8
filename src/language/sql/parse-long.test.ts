/** A long text parsed by the job means what it means parsed in place; a host without the job parses it in place. */
import { beforeAll, describe, expect, test } from 'vitest'
import type { ParsedStatement } from './contract.ts'
import { run } from './parse-job.ts'
import { parseJob } from './parse-long.ts'
import { loadSql, parse, parseOn } from './sql.ts'
import { PolylogError } from '../../base/errors.ts'
import { SimulatedWorld } from '../../host/simulated/simulated-world.ts'

const rows = Array.from({ length: 1500 }, (_, i) => `(${i}, 'name of ${i}')`).join(', ')

beforeAll(loadSql)

async function parseWith(jobs: Map<string, typeof run>, text: string): Promise<readonly ParsedStatement[]> {
  const world = new SimulatedWorld(1, { jobs })
  const host = world.startProcess('server')
  return world.complete(Promise.resolve(parseOn(host, text)))
}

const hosts = [
  ['in a worker', new Map([[parseJob, run]])],
  ['by a host without the job', new Map<string, typeof run>()],
] as const

describe.each(hosts)('%s', (_, jobs) => {
  test.each([
    ['one statement', `INSERT INTO t VALUES ${rows}`],
    ['several, beyond ASCII', `SELECT 'é'; INSERT INTO t VALUES ${rows} ; SELECT 'ü', 1;`],
    ['white space only', ' '.repeat(20_000)],
  ])('%s', async (_name, text) => {
    expect(await parseWith(jobs, text)).toEqual(parse(text))
  })

  test.each([
    ['a syntax error at the end', `INSERT INTO t VALUES ${rows} x y`],
    ['one behind other characters', `SELECT 'é', 'ü'; INSERT INTO t VALUES ${rows},,`],
    ['a zero byte', `SELECT '\0'; INSERT INTO t VALUES ${rows}`],
    ['too deep a nesting', `SELECT ${'('.repeat(10_000)}1${')'.repeat(10_000)}`],
    ['too long a text', ' '.repeat(1024 * 1024 + 1)],
  ])('%s', async (_name, text) => {
    const error = await parseWith(jobs, text).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(PolylogError)
    const { code, message, detail } = error as PolylogError
    expect({ code, message, detail }).toEqual(errorInPlace(text))
  })
})

test('a short text is answered at once', async () => {
  const host = new SimulatedWorld(1).startProcess('server')
  expect(parseOn(host, 'SELECT 1')).toBeInstanceOf(Array)
})

function errorInPlace(text: string): unknown {
  try {
    return parse(text)
  } catch (error) {
    const { code, message, detail } = error as PolylogError
    return { code, message, detail }
  }
}
