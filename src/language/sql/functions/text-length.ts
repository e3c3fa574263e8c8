/** How long a text may become within one function, which runs in one turn. PostgreSQL's own bound is 1 GB. */
import { failure } from '../failure.ts'

/** What a small argument asks for: repeating, padding, replacing. */
const maxGrownLength = 16 * 1024 * 1024
/** What is only put together of texts that are there. */
const maxJoinedLength = 64 * 1024 * 1024

/** Throws `program_limit_exceeded` (54000). */
export function checkGrownLength(length: number): void {
  if (length > maxGrownLength) throw failure('54000', 'requested length too large')
}

export function joinTexts(parts: readonly string[], separator = ''): string {
  let length = separator.length * parts.length
  for (const part of parts) length += part.length
  if (length > maxJoinedLength) throw failure('54000', 'requested length too large')
  return parts.join(separator)
}
