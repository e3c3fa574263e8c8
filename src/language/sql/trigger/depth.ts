/** How many triggers are within one another where code runs: a trigger's steps run in the turns of whoever has fired it. */
let depth = 0

export function withinTrigger<T>(work: () => T): T {
  depth++
  try {
    return work()
  } finally {
    depth--
  }
}

export function triggerDepth(): number {
  return depth
}
