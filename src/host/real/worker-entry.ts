import { getHeapStatistics } from 'node:v8'
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

export type WorkerResult = { readonly output: unknown } | { readonly error: unknown }
/** With what the thread's heap has grown to. */
export type WorkerAnswer = WorkerResult & { readonly heapBytes: number }

export function answerJobs(jobs: Readonly<Record<JobName, () => Promise<Job>>>): void {
  parentPort?.on('message', (request: WorkerRequest) => {
    void answer(jobs, request).then(send)
  })
}

function send(result: WorkerResult): void {
  const heapBytes = getHeapStatistics().total_heap_size
  try {
    parentPort?.postMessage({ ...result, heapBytes } satisfies WorkerAnswer)
  } catch (error) {
    // The output, or a property of the error, cannot be cloned.
    parentPort?.postMessage({ error: new Error(String(error)), heapBytes } satisfies WorkerAnswer)
  }
}

async function answer(jobs: Parameters<typeof answerJobs>[0], { job, input }: WorkerRequest): Promise<WorkerResult> {
  try {
    const run = await jobs[job]!()
    return { output: await run(input) }
  } catch (error) {
    return { error }
  }
}
