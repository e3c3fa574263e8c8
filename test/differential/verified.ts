/** What the verifier names after a program, as lines of a report. */
import type { EmbeddedDatabase } from '../../src/polylog.ts'

export async function verified(database: EmbeddedDatabase, seed: number): Promise<string[]> {
  const { differences } = await database.verify()
  return differences.map(({ kind, where, index, key, message }) => {
    return `seed ${seed}: verify: ${kind} ${where} ${index ?? ''}: ${message} (${key})`
  })
}
