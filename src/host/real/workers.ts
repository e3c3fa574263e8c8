import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { type JobName, type Transfer, UnknownJobError, WorkerMemoryError } from '../host.ts'
import type { WorkerAnswer, WorkerRequest, WorkerResult } from './worker-entry.ts'

/**
 * A few threads that run named jobs, one at a time each; further jobs wait in order. The script of the threads is one
 * text that needs no other file, read when the host is made: what becomes of the files of a running process does not
 * matter to it. A thread that dies takes its job with it, as an error, and is replaced when it is needed. Idle threads do not hold the process.
 *
 * Each says with its answer what its heap has grown to. One that a large job has left large ends: an idle thread collects
 * nothing, and what it holds is the process's.
 *
 * A job that is given up while it runs ends with its thread: there is no other way to stop what loops. Threads whose jobs
 * may be endless (`endless`) take turns by the same means: where others wait, a job that has had its time is stopped, and
 * begins anew behind them with twice the time. Jobs have no effects, so that only their time is lost; and since it
 * doubles, each comes to its end.
 */
export class Workers {
  readonly #script: WorkerScript | undefined
  readonly #options: WorkersOptions
  readonly #idle: Worker[] = []
  readonly #running = new Map<Worker, Task>()
  readonly #waiting: Task[] = []
  readonly #heapBytes = new Map<Worker, number>()
  #count = 0

  constructor(script: WorkerScript | undefined, options: WorkersOptions = {}) {
    this.#script = script
    this.#options = options
  }

  /** Of all threads that have finished a job. */
  get heapBytes(): number {
    let sum = 0
    for (const bytes of this.#heapBytes.values()) sum += bytes
    return sum
  }

  has(job: JobName): boolean {
    return this.#script?.jobs.has(job) === true
  }

  run(job: JobName, input: Transfer, signal?: AbortSignal): Promise<Transfer> {
    if (!this.has(job)) return Promise.reject(new UnknownJobError(job))
    return new Promise<Transfer>((resolve, reject) => {
      const timeMs = this.#options.endless?.timeMs
      const task: Task = { request: { job, input }, resolve, reject, timeMs, timer: undefined }
      this.#waiting.push(task)
      signal?.addEventListener('abort', () => this.#giveUp(task), { once: true })
      this.#startNext()
    })
  }

  #giveUp(task: Task): void {
    const place = this.#waiting.indexOf(task)
    if (place >= 0) this.#waiting.splice(place, 1)
    for (const [worker, running] of this.#running) if (running === task) this.#end(worker)
    task.reject(new Error('the job was given up'))
  }

  /** Stops the thread with what it runs; its task is the caller's. */
  #end(worker: Worker): void {
    this.#takeTask(worker)
    void worker.terminate()
  }

  #startNext(): void {
    const limit = this.#options.limit ?? Math.max(1, availableParallelism())
    const available = this.#idle.length > 0 || this.#count < limit
    if (!available) return this.#takeTurns()
    const task = this.#waiting.shift()
    if (task === undefined) return
    const worker = this.#idle.pop() ?? this.#start()
    this.#running.set(worker, task)
    if (task.timeMs !== undefined) task.timer = setTimeout(() => this.#timeIsOver(task), task.timeMs).unref()
    worker.ref()
    try {
      worker.postMessage(task.request)
    } catch (error) {
      // What was given cannot be cloned; the thread is as good as before.
      this.#finish(worker, { error }, this.#heapBytes.get(worker) ?? 0)
    }
  }

  #timeIsOver(task: Task): void {
    task.timer = undefined
    this.#takeTurns()
  }

  /** Where somebody waits: of the jobs that have had their time, one goes behind them. */
  #takeTurns(): void {
    if (this.#waiting.length === 0) return
    for (const [worker, task] of this.#running) {
      if (task.timeMs === undefined || task.timer !== undefined) continue
      task.timeMs *= 2
      this.#end(worker)
      this.#waiting.push(task)
      return
    }
  }

  #start(): Worker {
    this.#count += 1
    const heapMb = this.#options.endless?.heapMb
    const worker = new Worker(this.#script!.text, {
      eval: true,
      ...(heapMb !== undefined && { resourceLimits: { maxOldGenerationSizeMb: heapMb } }),
    })
    worker.on('message', (answer: WorkerAnswer) => this.#finish(worker, answer, answer.heapBytes))
    worker.on('error', (error) =>
      this.#takeTask(worker)?.reject(isOutOfMemory(error) ? new WorkerMemoryError() : error),
    )
    worker.on('exit', (code) => this.#bury(worker, code))
    return worker
  }

  #finish(worker: Worker, answer: WorkerResult, heapBytes: number): void {
    const task = this.#takeTask(worker)
    // An answer that crossed with its thread's end.
    if (task === undefined) return
    worker.unref()
    this.#heapBytes.set(worker, heapBytes)
    if (heapBytes > mostIdleHeapBytes) void worker.terminate()
    else this.#idle.push(worker)
    if ('error' in answer) task.reject(answer.error)
    else task.resolve(answer.output)
    this.#startNext()
  }

  #bury(worker: Worker, code: number): void {
    this.#count -= 1
    this.#heapBytes.delete(worker)
    const place = this.#idle.indexOf(worker)
    if (place >= 0) this.#idle.splice(place, 1)
    this.#takeTask(worker)?.reject(new Error(`the worker thread ended with code ${code}`))
    this.#startNext()
  }

  #takeTask(worker: Worker): Task | undefined {
    const task = this.#running.get(worker)
    this.#running.delete(worker)
    if (task !== undefined) {
      clearTimeout(task.timer)
      task.timer = undefined
    }
    return task
  }
}

/** Some times what a thread has that has only small jobs, with their code. */
const mostIdleHeapBytes = 64 * 1024 * 1024

/** Calls `answerJobs` with these jobs. CommonJS, as everything that is evaluated in a thread. */
export interface WorkerScript {
  readonly jobs: ReadonlySet<JobName>
  readonly text: string
}

export interface WorkersOptions {
  /** How many threads; as many as there are cores where nothing is said. */
  readonly limit?: number | undefined
  readonly endless?: {
    /** What a job has at first where others wait. */
    readonly timeMs: number
    /** A thread that needs more ends, its job with `WorkerMemoryError`. */
    readonly heapMb: number
  }
}

function isOutOfMemory(error: unknown): boolean {
  return (error as { code?: unknown }).code === 'ERR_WORKER_OUT_OF_MEMORY'
}

interface Task {
  readonly request: WorkerRequest
  readonly resolve: (output: Transfer) => void
  readonly reject: (error: unknown) => void
  timeMs: number | undefined
  /** Runs while its time does. */
  timer: NodeJS.Timeout | undefined
}
