/**
 * Long texts, parsed in a worker so that the kernel's thread goes on meanwhile.
 *
 * The tree comes back as JSON in parts of bounded size, and each part is read in a turn of its own: a tree takes five
 * times its text's length, and reading all of it at once would hold the thread almost as long as parsing does.
 */
import type { RawStmt } from 'libpg-query'
import type { ParsedStatement } from './contract.ts'
import { checkText, parseText, statementsOf } from './parse.ts'
import { grammarCode } from './grammar.ts'
import type { ParseAnswer, ParseInput } from './parse-job.ts'
import { joinTree, unpackParts } from './tree-parts.ts'
import { PolylogError } from '../../base/errors.ts'
import { type Host, type JobName, UnknownJobError } from '../../host/host.ts'

export const parseJob: JobName = 'parse-sql'

/** A host without the job parses in place. */
export async function parseLong(host: Host, text: string): Promise<readonly ParsedStatement[]> {
  checkText(text)
  const answer = await askWorker(host, text)
  if (answer === undefined) return parseText(text)
  if ('error' in answer) {
    const { code, message, detail } = answer.error
    throw new PolylogError(code, message, { detail })
  }
  const pause = (): Promise<void> => new Promise((resolve) => host.turn(resolve))
  return statementsOf(text, (await joinTree(unpackParts(answer.parts), pause)) as RawStmt[])
}

async function askWorker(host: Host, text: string): Promise<ParseAnswer | undefined> {
  try {
    return (await host.worker(parseJob, { text, code: grammarCode() } satisfies ParseInput)) as ParseAnswer
  } catch (error) {
    if (error instanceof UnknownJobError) return undefined
    throw error
  }
}
