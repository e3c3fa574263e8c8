/**
 * The main module of worker threads. `scripts/prepare.mjs` makes one file of it and of all that it imports, so that a
 * thread can be started when the files of a running server have been replaced or are gone.
 */
import { answerJobs } from '../host/real/worker-entry.ts'

answerJobs({
  'parse-sql': async () => (await import('../language/sql/parse-job.ts')).run,
  'evaluate-sql': async () => (await import('../language/sql/remote/evaluate-job.ts')).run,
  'evaluate-mql': async () => (await import('../language/mql/evaluate-job.ts')).run,
})
