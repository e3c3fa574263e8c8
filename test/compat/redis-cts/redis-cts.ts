/**
 * The suite `redis-cts`: before each case the server is emptied, then each command's reply is compared with the case's.
 * Each case has a connection of its own, because some of them subscribe or quit. A case for a cluster cannot apply.
 */
import type { CaseResult, ServerUnderTest, Suite } from '../suite.ts'
import { type RedisCase, readCases } from './cases.ts'
import { splitCommand } from './command-text.ts'
import { isExpected, show } from './compare.ts'
import { ReplyError, RespClient } from './resp-client.ts'

export const redisCts: Suite = {
  name: 'redis-cts',
  async *run(folder, server) {
    const cases = await readCases(folder)
    const version = server.isOurs ? undefined : await readVersion(server)
    for (const one of cases) yield await runCase(one, server, version)
  },
}

async function runCase(one: RedisCase, server: ServerUnderTest, version: string | undefined): Promise<CaseResult> {
  const reason = reasonToSkip(one, version)
  if (reason !== undefined) return { name: one.name, outcome: 'skipped', reason }
  const message = await findDifference(one, server).catch((error: unknown) => String(error))
  return message === undefined ? { name: one.name, outcome: 'passed' } : { name: one.name, outcome: 'failed', message }
}

function reasonToSkip(one: RedisCase, version: string | undefined): string | undefined {
  if (one.isSkipped) return 'the suite skips it'
  if (one.tags === 'cluster') return 'needs a cluster'
  if (version !== undefined && compareVersions(one.since, version) > 0) {
    return `since ${one.since}, and the server is ${version}`
  }
  return undefined
}

/** The first reply that differs, in words; undefined where all are as expected. */
async function findDifference(one: RedisCase, server: ServerUnderTest): Promise<string | undefined> {
  const client = await RespClient.connect(server.host, server.port)
  try {
    const emptied = await client.call([Buffer.from('FLUSHALL')])
    if (emptied !== 'OK') return `FLUSHALL answered ${show(emptied)}`
    for (const [index, command] of one.commands.entries()) {
      const expected = one.replies[index]
      if (expected === undefined) return `the case has no reply for ${command}`
      const reply = await client.call(splitCommand(command, one.isBinary))
      if (!isExpected(expected, reply, one)) return `${command}: expected ${show(expected)}, got ${show(reply)}`
    }
    return undefined
  } finally {
    client.close()
  }
}

async function readVersion(server: ServerUnderTest): Promise<string> {
  const client = await RespClient.connect(server.host, server.port)
  try {
    const reply = await client.call([Buffer.from('INFO'), Buffer.from('server')])
    const version = typeof reply === 'string' ? /^redis_version:(\S+)/m.exec(reply)?.[1] : undefined
    if (version === undefined) {
      const answer = reply instanceof ReplyError ? reply.message : show(reply)
      throw new Error(`the server does not say its version: ${answer}`)
    }
    return version
  } finally {
    client.close()
  }
}

/** By numbers, part by part. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number))
  for (let part = 0; part < Math.max(left?.length ?? 0, right?.length ?? 0); part++) {
    const difference = (left?.[part] ?? 0) - (right?.[part] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}
