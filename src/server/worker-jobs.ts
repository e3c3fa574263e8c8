/** What a real host's workers can be asked for: the modules by the names of their jobs. */
import type { JobName } from '../host/host.ts'
import { parseJob } from '../language/sql/parse-long.ts'

/** Empty where this file runs as TypeScript, which threads cannot load; who asks for a job then works in place. */
export const workerJobs: ReadonlyMap<JobName, URL> = import.meta.url.endsWith('.js')
  ? new Map([[parseJob, new URL('../language/sql/parse-job.js', import.meta.url)]])
  : new Map()
