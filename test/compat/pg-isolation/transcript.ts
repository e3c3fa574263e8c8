/** What the isolation tester writes: for each permutation of a spec's steps, what every step answered, in order. */

export interface Permutation {
  /** Its steps: `r1 w2 c1 c2`. */
  readonly name: string
  readonly lines: readonly string[]
}

const begins = 'starting permutation: '

export function permutationsIn(transcript: string): Permutation[] {
  const found: { name: string; lines: string[] }[] = []
  for (const line of transcript.split('\n')) {
    if (line.startsWith(begins)) found.push({ name: line.slice(begins.length).trim(), lines: [] })
    else found.at(-1)?.lines.push(line.trimEnd())
  }
  return found.map(({ name, lines }) => ({ name, lines: withoutBlankEnd(lines) }))
}

function withoutBlankEnd(lines: readonly string[]): readonly string[] {
  return lines.slice(0, lines.findLastIndex((line) => line !== '') + 1)
}

/** Undefined where one of the transcripts that are right says the same; else how it differs from the first of them. */
export function differenceIn(got: Permutation | undefined, wanted: readonly Permutation[]): string | undefined {
  const [first] = wanted
  if (got === undefined) return 'it was not run'
  if (wanted.some(({ lines }) => isSame(lines, got.lines))) return undefined
  const at = first!.lines.findIndex((line, i) => line !== got.lines[i])
  const difference = `expected ${shown(first!.lines[at < 0 ? first!.lines.length : at])}, got ${shown(
    got.lines[at < 0 ? first!.lines.length : at],
  )}`
  const refuses = ({ lines }: Permutation): boolean => lines.some((line) => line.includes('could not serialize access'))
  return refuses(got) && !wanted.some(refuses) ? `a serialization failure that is none: ${difference}` : difference
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((line, i) => line === b[i])
}

function shown(line: string | undefined): string {
  return line === undefined ? 'its end' : line === '' ? '(an empty line)' : line
}
