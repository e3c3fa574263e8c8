/**
 * What the test asks of BullMQ, each in a process of its own: `node jobs.mjs tour|add|work|wait PORT …`. Not built, and not part
 * of Polylog's program: it runs where the package is installed.
 */
import { appendFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { FlowProducer, Queue, QueueEvents, Worker } from 'bullmq'

const [role, port, ...rest] = process.argv.slice(2)
const connection = { host: '127.0.0.1', port: Number(port), maxRetriesPerRequest: null }
const patienceMs = 60_000

/** Retries, delays, priorities, a limit of rate, flows, schedulers, events: what came of them. */
async function tour() {
  const queue = new Queue('tour', { connection })
  const events = new QueueEvents('tour', { connection })
  await events.waitUntilReady()
  const completed = new Set()
  events.on('completed', ({ jobId }) => completed.add(jobId))
  const attempts = []
  const work = async (job) => {
    if (job.name === 'flaky') attempts.push(job.attemptsMade)
    if (job.name === 'flaky' && job.attemptsMade < 2) throw new Error('again')
    if (job.name === 'never') throw new Error('never')
    return job.data.n * 2
  }
  const worker = new Worker('tour', work, { connection, concurrency: 5, limiter: { max: 50, duration: 100 } })
  const plain = await queue.addBulk(Array.from({ length: 100 }, (_, n) => ({ name: 'plain', data: { n } })))
  const flaky = await queue.add('flaky', { n: 7 }, { attempts: 3, backoff: { type: 'fixed', delay: 20 } })
  const late = await queue.add('late', { n: 9 }, { delay: 200 })
  const first = await queue.add('first', { n: 1 }, { priority: 1 })
  const never = await queue.add('never', { n: 0 })
  const results = []
  for (const job of [flaky, late, first, ...plain]) results.push(await job.waitUntilFinished(events, patienceMs))
  const failure = await never.waitUntilFinished(events, patienceMs).catch((error) => error.message)
  const flow = new FlowProducer({ connection })
  const children = [{ name: 'child', data: { n: 2 }, queueName: 'tour' }]
  const { job: parent } = await flow.add({ name: 'parent', queueName: 'tour', data: { n: 1 }, children })
  await parent.waitUntilFinished(events, patienceMs)
  await queue.upsertJobScheduler('every', { every: 50 }, { name: 'repeated', data: { n: 3 } })
  const isRepeated = async () => (await queue.getCompleted()).filter(({ name }) => name === 'repeated').length > 2
  while (!(await isRepeated())) await sleep(50)
  await queue.removeJobScheduler('every')
  const { failed } = await queue.getJobCounts()
  const childValues = Object.values(await parent.getChildrenValues())
  const total = results.reduce((sum, value) => sum + value, 0)
  const seen = plain.filter(({ id }) => completed.has(id)).length
  console.log(JSON.stringify({ attempts, total, failure, failed, childValues, seen }))
  await Promise.all([flow, worker, events, queue].map((one) => one.close()))
}

/** Each is asked for until it is there: its id makes it one job. */
async function add(count) {
  const queue = new Queue('jobs', { connection })
  queue.on('error', () => undefined)
  for (let i = 0; i < Number(count); i++) {
    await queue.add('job', { i }, { jobId: `job-${i}`, attempts: 5, ...(i % 5 === 0 && { delay: 300 }) })
  }
  await queue.close()
}

/** Until it is killed. Says of each job that it was done. */
function work(file) {
  const done = async ({ id }) => {
    await sleep(5)
    appendFileSync(file, `${id}\n`)
  }
  const options = { connection, concurrency: 4, lockDuration: 1_000, stalledInterval: 500, maxStalledCount: 20 }
  new Worker('jobs', done, options).on('error', () => undefined)
}

/** Until so many are completed; what is left of the queue then. */
async function wait(count) {
  const queue = new Queue('jobs', { connection })
  queue.on('error', () => undefined)
  for (let left = patienceMs; left > 0; left -= 100) {
    if ((await queue.getCompletedCount()) >= Number(count)) break
    await sleep(100)
  }
  console.log(JSON.stringify(await queue.getJobCounts()))
  await queue.close()
}

const roles = { tour, add, work, wait }
await roles[role](...rest)
