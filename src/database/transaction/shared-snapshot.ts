import type { Snapshot } from '../../storage/store.ts'

/** The same snapshot for one more user, whose release does nothing. */
export function shared(snapshot: Snapshot): Snapshot {
  return {
    sequence: snapshot.sequence,
    get: (key) => snapshot.get(key),
    count: (range) => snapshot.count(range),
    estimate: (range) => snapshot.estimate(range),
    scan: (range, options) => snapshot.scan(range, options),
    load: (miss) => snapshot.load(miss),
    release: () => undefined,
  }
}
