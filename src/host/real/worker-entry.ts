import { parentPort } from 'node:worker_threads'
import type { Job, JobName } from '../host.ts'

/**
 * What runs in a worker thread: takes one job after the other, and answers with its result or its error. Whoever makes the
 * script of such threads says which jobs there are; each is made when it is first asked for, and kept.
 */
export interface WorkerRequest {
  readonly job: JobName
  readonly input: unknown
}

export type WorkerAnswer = { readonly output: unknown } | { readonly error: unknown }

export function answerJobs(jobs: Readonly<Record<JobName, () => Promise<Job>>>): void {
  parentPort?.on('message', (request: WorkerRequest) => {
    void answer(jobs, request).then(send)
  })
}

function send(message: WorkerAnswer): void {
  try {
    parentPort?.postMessage(message)
  } catch (error) {
    // The output, or a property of the error, cannot be cloned.
    parentPort?.postMessage({ error: new Error(String(error)) } satisfies WorkerAnswer)
  }
}

async function answer(jobs: Parameters<typeof answerJobs>[0], { job, input }: WorkerRequest): Promise<WorkerAnswer> {
  try {
    const run = await jobs[job]!()
    return { output: await run(input) }
  } catch (error) {
    return { error }
  }
}
