import { parentPort } from 'node:worker_threads'
import type { Job } from '../host.ts'

/**
 * What runs in a worker thread: takes one job after the other, each named by the module that exports it as `run`, and
 * answers with its result or its error. Modules are loaded once and kept.
 */
export interface WorkerRequest {
  readonly module: string
  readonly input: unknown
}

export type WorkerAnswer = { readonly output: unknown } | { readonly error: unknown }

parentPort?.on('message', (request: WorkerRequest) => {
  void answer(request).then(send)
})

function send(message: WorkerAnswer): void {
  try {
    parentPort?.postMessage(message)
  } catch (error) {
    // The output, or a property of the error, cannot be cloned.
    parentPort?.postMessage({ error: new Error(String(error)) } satisfies WorkerAnswer)
  }
}

async function answer(request: WorkerRequest): Promise<WorkerAnswer> {
  try {
    const { run } = (await import(request.module)) as { run?: Job }
    if (typeof run !== 'function') throw new Error(`${request.module} does not export a function named run`)
    return { output: await run(request.input) }
  } catch (error) {
    return { error }
  }
}
