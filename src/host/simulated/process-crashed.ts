/** Unwinds what a simulated process was doing when it ended in the midst of a call. Nothing should catch it. */
export class ProcessCrashed extends Error {
  constructor(process: string) {
    super(`the simulated process ${process} has ended`)
    this.name = 'ProcessCrashed'
  }
}

let guards = 0
let others: NodeJS.UnhandledRejectionListener[] = []

/**
 * A simulated process that ends within an asynchronous function leaves a rejected promise that nobody will ever look at.
 * While a world runs, such rejections are silent; all others go where they would have gone.
 */
export function guardRejections(): () => void {
  guards += 1
  if (guards === 1) {
    others = process.listeners('unhandledRejection')
    process.removeAllListeners('unhandledRejection')
    process.on('unhandledRejection', onRejection)
  }
  return () => {
    guards -= 1
    if (guards > 0) return
    process.off('unhandledRejection', onRejection)
    for (const listener of others) process.on('unhandledRejection', listener)
  }
}

function onRejection(reason: unknown, promise: Promise<unknown>): void {
  if (reason instanceof ProcessCrashed) return
  if (others.length === 0) throw reason
  for (const listener of others) listener(reason, promise)
}
