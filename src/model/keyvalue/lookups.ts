/**
 * How often a key that was looked for was there: Redis's keyspace_hits and keyspace_misses. A door that counts says before each of its
 * statements whose counts they are; the model counts where it looks (`findHeader`).
 */
export class KeyLookups {
  hits = 0
  misses = 0

  reset(): void {
    this.hits = this.misses = 0
  }
}

const nobody = new KeyLookups()

/** Those that are counted to: of the statement that has begun last. */
let counts = nobody

/** Undefined: what writes looks for keys, too, which Redis does not count. */
export function countLookups(of: KeyLookups | undefined): void {
  counts = of ?? nobody
}

/** Answers what it was told. */
export function lookedUp(isThere: boolean): boolean {
  if (isThere) counts.hits++
  else counts.misses++
  return isThere
}
