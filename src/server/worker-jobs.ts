/** What a real host's workers can be asked for: the modules by the names of their jobs. */
import type { JobName } from '../host/host.ts'
import { evaluateMqlJob } from '../language/mql/evaluation.ts'
import { parseJob } from '../language/sql/parse-long.ts'
import { evaluateJob } from '../language/sql/remote/evaluate.ts'

/** Empty where this file runs as TypeScript, which threads cannot load; who asks for a job then works in place. */
function jobs(all: readonly (readonly [JobName, URL])[]): ReadonlyMap<JobName, URL> {
  return new Map(import.meta.url.endsWith('.js') ? all : [])
}

export const workerJobs: ReadonlyMap<JobName, URL> = jobs([
  [parseJob, new URL('../language/sql/parse-job.js', import.meta.url)],
])

/** Those that a client's values may make as long as they like. */
export const endlessJobs: ReadonlyMap<JobName, URL> = jobs([
  [evaluateJob, new URL('../language/sql/remote/evaluate-job.js', import.meta.url)],
  [evaluateMqlJob, new URL('../language/mql/evaluate-job.js', import.meta.url)],
])
