/** The host of a real process, with the threads that work for it: their jobs are those of `worker-main.ts`. */
import type { Host } from '../host/host.ts'
import { createRealHost, type RealHostOptions, type WorkerJobs } from '../host/real/real-host.ts'
import { evaluateMqlJob } from '../language/mql/evaluation.ts'
import { interpreterCode } from '../language/mql/javascript/quickjs.ts'
import { readGrammar } from '../language/sql/grammar.ts'
import { parseJob } from '../language/sql/parse-long.ts'
import { evaluateJob } from '../language/sql/remote/evaluate.ts'

/**
 * The script is made of `worker-main.ts` when the package is built. There is none where this file runs as TypeScript: who
 * asks for a job then works in place.
 */
const workerJobs: WorkerJobs | undefined = import.meta.url.endsWith('.js')
  ? {
      script: new URL('./worker-script.cjs', import.meta.url),
      jobs: [parseJob],
      // A client's values may make them as long as they like.
      endlessJobs: [evaluateJob, evaluateMqlJob],
    }
  : undefined

/** Reads all that the process needs later, so that it does not depend on its files from here on. */
export function createWorkingHost(options: RealHostOptions = {}): Host {
  readGrammar()
  interpreterCode()
  return createRealHost({ ...options, workers: workerJobs })
}
