/**
 * The same programs to a real Redis and to Polylog, reply against reply.
 *
 * A program is made from a seed (`generate.ts`): raw bytes of RESP2 or RESP3 over two connections, right and wrong commands,
 * blocks, watched keys, pipelines, inline requests. Its replies are compared byte for byte, apart from what Redis leaves
 * open (`compare.ts`) and what differs on purpose (`known-differences.ts`), and at its end all that it has written. A
 * program whose replies differ is shrunk and reported with its seed.
 */
import { open, serve, type EmbeddedDatabase } from '../../../src/polylog.ts'
import { verified } from '../verified.ts'
import { generateProgram } from './generate.ts'
import { describeProgram, type Program } from './program.ts'
import { redisVersion, startRedisServer } from './redis-server.ts'
import { runProgram, type Targets } from './run.ts'
import { shrinkProgram } from './shrink.ts'

export interface RedisDifferentialResult {
  readonly programs: number
  /** Whose replies were compared. */
  readonly commands: number
  /** One for each program whose replies differed: its seed, the program, shrunk, and the replies. */
  readonly differences: string[]
}

/** Other versions have other errors: these are the ones that Polylog gives. */
export const comparedVersion = '7.0'

/** Programs of the seeds `seed`, `seed + 1`, …; undefined where redis-server, of that version, is not installed. */
export async function runRedisDifferential(options: {
  seed: number
  programs: number
}): Promise<RedisDifferentialResult | undefined> {
  if (redisVersion()?.startsWith(`${comparedVersion}.`) !== true) return undefined
  const redis = await startRedisServer()
  const database = await open({ memory: true })
  const server = await serve(database, { port: 0 })
  try {
    const targets = { redis: { path: redis.path }, polylog: { host: '127.0.0.1', port: server.port } }
    return await compareAll(targets, database, options.seed, options.programs)
  } finally {
    await server.close()
    await database.close()
    await redis.close()
  }
}

async function compareAll(
  targets: Targets,
  database: EmbeddedDatabase,
  seed: number,
  programs: number,
): Promise<RedisDifferentialResult> {
  const differences: string[] = []
  let commands = 0
  for (let at = 0; at < programs; at++) {
    const program = generateProgram(seed + at)
    const result = await runProgram(targets, program)
    commands += result.commands
    if (result.difference !== undefined) differences.push(await report(targets, program, result.difference))
    differences.push(...(await verified(database, program.seed)))
  }
  return { programs, commands, differences }
}

async function report(targets: Targets, program: Program, difference: string): Promise<string> {
  const fails = async (candidate: Program): Promise<boolean> =>
    (await runProgram(targets, candidate)).difference !== undefined
  const shrunk = await shrinkProgram(program, fails)
  const shown = (await runProgram(targets, shrunk)).difference ?? `${difference}\n  (not every time)`
  return `seed ${program.seed}:\n${describeProgram(shrunk)}\n  ${shown}`
}
