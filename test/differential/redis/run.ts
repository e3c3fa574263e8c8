/** Runs a program against Redis and against Polylog, and tells where their replies part. */
import type { NetConnectOpts } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Block, sortedItems } from './compare.ts'
import { readEverything } from './generate.ts'
import {
  command,
  describeRequest,
  encodeArguments,
  encodeRequest,
  shorten,
  type Program,
  type Request,
  type Step,
} from './program.ts'
import { renderReply } from './reply.ts'
import { WireClient, type Answer } from './wire-client.ts'

export interface Targets {
  readonly redis: NetConnectOpts
  readonly polylog: NetConnectOpts
}

export interface RunResult {
  /** Requests whose replies were compared. */
  readonly commands: number
  readonly difference: string | undefined
}

/** Time for a server to close what it has said that it closes. */
const settleMs = 10
const settleTries = 100
const clientCount = 2

export async function runProgram(targets: Targets, program: Program): Promise<RunResult> {
  const run = new Run(targets)
  try {
    await run.prepare()
    for (const step of program.steps) {
      const difference = await run.step(step)
      if (difference !== undefined) return { commands: run.commands, difference }
    }
    const difference = await run.step(readEverything(clientCount))
    return { commands: run.commands, difference: difference && `at the end: ${difference}` }
  } finally {
    run.close()
  }
}

/** The same client's connection to either server. */
class Pair {
  readonly redis: WireClient
  readonly polylog: WireClient
  readonly block = new Block()

  constructor(redis: WireClient, polylog: WireClient) {
    this.redis = redis
    this.polylog = polylog
  }

  static async open(targets: Targets): Promise<Pair> {
    const pair = new Pair(await WireClient.open(targets.redis), await WireClient.open(targets.polylog))
    // A server of several protocols learns from the first bytes which one it is: those are never damaged here.
    for (const client of [pair.redis, pair.polylog]) await ask(client, ['PING'])
    return pair
  }

  close(): void {
    this.redis.close()
    this.polylog.close()
  }
}

async function ask(client: WireClient, args: readonly string[]): Promise<void> {
  client.send(encodeRequest(command(args)))
  const answer = await client.next()
  if (typeof answer === 'string' || answer.type !== '+') throw new Error(`${args[0]} was not answered`)
}

class Run {
  commands = 0
  readonly #targets: Targets
  readonly #pairs: (Pair | undefined)[] = []

  constructor(targets: Targets) {
    this.#targets = targets
  }

  async prepare(): Promise<void> {
    const pair = await Pair.open(this.#targets)
    for (const words of [['FLUSHALL'], ['FUNCTION', 'FLUSH']]) {
      await Promise.all([ask(pair.redis, words), ask(pair.polylog, words)])
    }
    pair.close()
    for (let at = 0; at <= clientCount; at++) this.#pairs[at] = await Pair.open(this.#targets)
  }

  close(): void {
    for (const pair of this.#pairs) pair?.close()
  }

  async step(step: Step): Promise<string | undefined> {
    const pair = (this.#pairs[step.connection] ??= await Pair.open(this.#targets))
    const requests = step.units.flat()
    if (requests[0]?.kind === 'damaged') return this.#damaged(requests[0])
    const [expected, actual] = await Promise.all([perform(pair.redis, step), perform(pair.polylog, step)])
    for (const [at, request] of requests.entries()) {
      this.commands++
      const difference = compare(pair.block, request, expected[at]!, actual[at]!)
      if (difference !== undefined) return difference
    }
    if (step.waitMs !== undefined) await sleep(step.waitMs)
    return requests.some(mayClose) || expected.some((answers) => answers.includes('closed'))
      ? this.#settle()
      : undefined
  }

  async #damaged(request: Request & { kind: 'damaged' }): Promise<string | undefined> {
    const pair = await Pair.open(this.#targets)
    const [expected, actual] = await Promise.all(
      [pair.redis, pair.polylog].map(async (client) => {
        client.send(request.bytes)
        client.end()
        const answers: Answer[] = []
        do answers.push(await client.next())
        while (typeof answers.at(-1) !== 'string')
        return answers
      }),
    )
    pair.close()
    this.commands += expected!.length
    if (expected!.length === actual!.length) return compare(new Block(), request, expected!, actual!)
    const showAll = (answers: readonly Answer[]): string => answers.map(show).join(', ')
    return `${describeRequest(request)}\n  Redis:   ${showAll(expected!)}\n  Polylog: ${showAll(actual!)}`
  }

  /** Connections that both servers have closed are opened anew by the next step. */
  async #settle(): Promise<string | undefined> {
    await sleep(settleMs)
    for (let left = settleTries; left > 0 && this.#pairs.some(isHalfClosed); left--) await sleep(settleMs)
    for (const [at, pair] of this.#pairs.entries()) {
      if (pair === undefined || (!pair.redis.isClosed && !pair.polylog.isClosed)) continue
      if (!pair.redis.isClosed) return `Polylog has closed connection ${at}, and Redis has not`
      if (!pair.polylog.isClosed) return `Redis has closed connection ${at}, and Polylog has not`
      this.#pairs[at] = undefined
    }
    return undefined
  }
}

function isHalfClosed(pair: Pair | undefined): boolean {
  return pair !== undefined && pair.redis.isClosed !== pair.polylog.isClosed
}

function mayClose(request: Request): boolean {
  return (
    request.kind === 'raw' ||
    (request.kind !== 'damaged' && /^(quit|client)$/i.test(request.args[0]?.toString('latin1') ?? ''))
  )
}

/** The answers to each request of the step. */
async function perform(client: WireClient, step: Step): Promise<Answer[][]> {
  const bytes = Buffer.concat(step.units.flat().map(encodeRequest))
  if (step.cutAt === undefined || step.cutAt >= bytes.length) client.send(bytes)
  else {
    client.send(bytes.subarray(0, step.cutAt))
    await sleep(1)
    client.send(bytes.subarray(step.cutAt))
  }
  const answers: Answer[][] = []
  for (const request of step.units.flat()) {
    const own: Answer[] = []
    for (let left = request.kind === 'raw' ? request.replies : 1; left > 0; left--) own.push(await client.next())
    if (request.kind === 'scan') own[0] = await readOn(client, request, own[0]!)
    answers.push(own)
  }
  return answers
}

/** What all pages of a scan hold together, without repetitions, in an order of its own. */
async function readOn(client: WireClient, request: Request & { kind: 'scan' }, first: Answer): Promise<Answer> {
  const isFlat = /^s/i.test(request.args[0]!.toString('latin1'))
  const found = new Set<string>()
  let page = first
  for (;;) {
    if (typeof page === 'string' || page.items?.length !== 2) return page
    const [cursor, elements] = page.items
    for (const element of sortedItems(elements!.items ?? [], isFlat ? 1 : 2)) found.add(element)
    if (cursor!.text === '0') break
    const args = [...request.args]
    args[request.cursorAt] = Buffer.from(cursor!.text ?? '')
    client.send(encodeArguments(args))
    page = await client.next()
  }
  return { type: '*', text: undefined, items: [...found].sort().map((text) => ({ type: '$', text, items: undefined })) }
}

function compare(
  block: Block,
  request: Request,
  expected: readonly Answer[],
  actual: readonly Answer[],
): string | undefined {
  for (const [at, answer] of expected.entries()) {
    const other = actual[at]!
    if (typeof answer !== 'string' && typeof other !== 'string') {
      const args = request.kind === 'command' || request.kind === 'scan' ? request.args : []
      if (block.same(args, answer, other)) continue
    } else if (answer === other && answer === 'closed') continue
    return `${shorten(describeRequest(request))}\n  Redis:   ${show(answer)}\n  Polylog: ${show(other)}`
  }
  return undefined
}

function show(answer: Answer): string {
  return typeof answer === 'string' ? `(${answer})` : shorten(renderReply(answer))
}
