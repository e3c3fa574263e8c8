/**
 * Rows that are put back as they were (`query/undo.ts`): what triggers did then is put back with them, so none runs; and what
 * foreign keys would do to rows that came later is not done, but refused, as by NO ACTION.
 */
let isRestoring = false

/** `work` returns at once: what it puts off to the end of the statement was decided by then. */
export function restoring<T>(work: () => T): T {
  const outer = isRestoring
  isRestoring = true
  try {
    return work()
  } finally {
    isRestoring = outer
  }
}

export function isRestored(): boolean {
  return isRestoring
}
