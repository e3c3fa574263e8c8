/**
 * The cases of `cts.json`: commands with their replies. Names repeat in the file, so a case is known here by its name
 * with its tag, and a number where that still repeats.
 */
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Expected } from './compare.ts'

export interface RedisCase {
  readonly name: string
  readonly commands: readonly string[]
  readonly replies: readonly Expected[]
  readonly since: string
  readonly tags: string | undefined
  readonly isBinary: boolean
  readonly ignoresOrder: boolean
  readonly isApproximate: boolean
  readonly isSkipped: boolean
}

/** The JSON's fields. The flags count by being there, whatever their value, as in the suite's own runner. */
interface WrittenCase {
  readonly name: string
  readonly command: readonly string[]
  readonly result: readonly Expected[]
  readonly since: string
  readonly tags?: string
  readonly command_binary?: unknown
  readonly sort_result?: unknown
  readonly float_result?: unknown
  readonly skipped?: unknown
}

/** Reads every JSON file of the folder, by name. */
export async function readCases(folder: string): Promise<RedisCase[]> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.json')).toSorted()
  if (files.length === 0) throw new Error(`${folder} has no JSON file`)
  const texts = await Promise.all(files.map((name) => readFile(join(folder, name), 'utf8')))
  return decodeCases(texts.flatMap((text) => JSON.parse(text) as WrittenCase[]))
}

export function decodeCases(written: readonly WrittenCase[]): RedisCase[] {
  const seen = new Map<string, number>()
  return written.map((one) => {
    if (!Array.isArray(one.command) || !Array.isArray(one.result)) throw new Error(`${one.name} is not a case`)
    const base = one.tags === undefined ? one.name : `${one.name} [${one.tags}]`
    const count = (seen.get(base) ?? 0) + 1
    seen.set(base, count)
    return {
      name: count === 1 ? base : `${base} #${count}`,
      commands: one.command,
      replies: one.result,
      since: one.since,
      tags: one.tags,
      isBinary: one.command_binary !== undefined,
      ignoresOrder: one.sort_result !== undefined,
      isApproximate: one.float_result !== undefined,
      isSkipped: one.skipped !== undefined,
    }
  })
}
