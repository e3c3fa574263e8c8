import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { type JobName, type Transfer, UnknownJobError } from '../host.ts'
import type { WorkerAnswer, WorkerRequest } from './worker-entry.ts'

/**
 * A few threads that run named jobs, one at a time each; further jobs wait in order. A job's name is the key of a table
 * of modules that is given when the host is made, so a thread never loads what was not meant to be a job. A thread that
 * dies takes its job with it, as an error, and is replaced when it is needed. Idle threads do not hold the process.
 */
export class Workers {
  readonly #modules: ReadonlyMap<JobName, URL>
  readonly #limit: number
  readonly #idle: Worker[] = []
  readonly #running = new Map<Worker, Task>()
  readonly #waiting: Task[] = []
  #count = 0

  constructor(modules: ReadonlyMap<JobName, URL>, limit: number = Math.max(1, availableParallelism())) {
    this.#modules = modules
    this.#limit = limit
  }

  run(job: JobName, input: Transfer): Promise<Transfer> {
    const module = this.#modules.get(job)
    if (module === undefined) return Promise.reject(new UnknownJobError(job))
    return new Promise<Transfer>((resolve, reject) => {
      this.#waiting.push({ request: { module: module.href, input }, resolve, reject })
      this.#startNext()
    })
  }

  #startNext(): void {
    const available = this.#idle.length > 0 || this.#count < this.#limit
    const task = available ? this.#waiting.shift() : undefined
    if (task === undefined) return
    const worker = this.#idle.pop() ?? this.#start()
    this.#running.set(worker, task)
    worker.ref()
    try {
      worker.postMessage(task.request)
    } catch (error) {
      // What was given cannot be cloned; the thread is as good as before.
      this.#finish(worker, { error })
    }
  }

  #start(): Worker {
    this.#count += 1
    // Beside us in the same form: .js when built, .ts where a loader understands it.
    const extension = import.meta.url.endsWith('.ts') ? '.ts' : '.js'
    const worker = new Worker(new URL(`./worker-entry${extension}`, import.meta.url))
    worker.on('message', (answer: WorkerAnswer) => this.#finish(worker, answer))
    worker.on('error', (error) => this.#takeTask(worker)?.reject(error))
    worker.on('exit', (code) => this.#bury(worker, code))
    return worker
  }

  #finish(worker: Worker, answer: WorkerAnswer): void {
    worker.unref()
    const task = this.#takeTask(worker)
    this.#idle.push(worker)
    if ('error' in answer) task?.reject(answer.error)
    else task?.resolve(answer.output)
    this.#startNext()
  }

  #bury(worker: Worker, code: number): void {
    this.#count -= 1
    const place = this.#idle.indexOf(worker)
    if (place >= 0) this.#idle.splice(place, 1)
    this.#takeTask(worker)?.reject(new Error(`the worker thread ended with code ${code}`))
    this.#startNext()
  }

  #takeTask(worker: Worker): Task | undefined {
    const task = this.#running.get(worker)
    this.#running.delete(worker)
    return task
  }
}

interface Task {
  readonly request: WorkerRequest
  readonly resolve: (output: Transfer) => void
  readonly reject: (error: unknown) => void
}
