/** A program from a seed: commands of a few families, some of them spoiled, pipelined, inline, or from a second client. */
import { SeededRandom } from '../../../src/host/simulated/random.ts'
import { faithful, families, randomPops, rawRequests, scans, shortLives } from './commands.ts'
import { command, encodeRequest, type Program, type Request, type Step, type Unit } from './program.ts'
import { damageBytes, livesBriefly, mixArguments, spoilArguments } from './spoil.ts'
import { Template } from './template.ts'
import { allKeys, Vocabulary } from './vocabulary.ts'

const compile = (texts: readonly string[]): Template[] => texts.map((text) => new Template(text))
const compiledFamilies: readonly (readonly Template[])[] = Object.values(families).map(compile)
const faithfulTexts = new Set(faithful)
const spoilable = new Set(
  Object.values(families).flatMap((texts, at) =>
    compiledFamilies[at]!.filter((_template, index) => !faithfulTexts.has(texts[index]!)),
  ),
)
const transactionFamily = compiledFamilies[Object.keys(families).indexOf('transactions')]!
const damageable: readonly Template[] = ['strings', 'lists', 'hashes'].flatMap((name) =>
  compile(families[name]!.filter((text) => !/^(HGETALL|HKEYS|HVALS|HRANDFIELD)/.test(text))),
)
/** Not for ranges by member, which not every sorted set has, and ids of streams, which may be the clock's. */
const unmixed: ReadonlySet<string> = new Set(['connection', 'byMember', 'streams', 'streamGroups'])
/** Commands that may get any arguments. */
const mixable: ReadonlySet<string> = new Set(
  Object.entries(families)
    .filter(([name]) => !unmixed.has(name))
    .flatMap(([, texts]) => compile(texts).map(({ name }) => name)),
)
/** In every program, since other commands keep, copy or end an expiry. */
const expiries = compile(['EXPIRE <any> <seconds>', 'PERSIST <any>', 'PTTL <any>'])
const compiledScans = compile(scans)
const compiledPops = compile(randomPops)
const compiledShortLives = compile(shortLives)

export const allTemplates: readonly Template[] = [
  ...compiledFamilies.flat(),
  ...compiledScans,
  ...compiledPops,
  ...compiledShortLives,
]

const spoiledProbability = 0.1
const inlineProbability = 0.04
const pipelineProbability = 0.12
const longPipelineProbability = 0.004
const secondClientProbability = 0.25
const shortLifeMs = 5

export function generateProgram(seed: number): Program {
  const generator = new Generator(new SeededRandom(seed))
  return { seed, steps: generator.program() }
}

class Generator {
  readonly #random: SeededRandom
  readonly #vocabulary: Vocabulary
  readonly #families: readonly (readonly Template[])[]
  readonly #usesTransactions: boolean
  readonly #mayWatch: boolean
  readonly #usesRawBytes: boolean
  readonly #mixes: boolean
  /** Whether a client may have a block open, by connection. */
  readonly #inBlock = [false, false]

  constructor(random: SeededRandom) {
    this.#random = random
    this.#vocabulary = new Vocabulary(random)
    this.#families = Array.from({ length: random.between(1, 3) }, () => this.#vocabulary.pick(compiledFamilies))
    this.#usesTransactions = random.chance(0.35)
    this.#mayWatch = this.#usesTransactions || this.#families.includes(transactionFamily)
    this.#usesRawBytes = random.chance(0.15)
    this.#mixes = random.chance(0.2)
  }

  program(): Step[] {
    const steps: Step[] = []
    for (let connection = 0; connection < 2; connection++) {
      if (this.#random.chance(0.4)) steps.push({ connection, units: [[command(['HELLO', '3'])]] })
    }
    for (let left = this.#random.between(5, 40); left > 0; left--) steps.push(...this.#steps())
    return steps
  }

  #steps(): Step[] {
    return this.#mayWatch && this.#random.chance(0.12) ? this.#optimisticBlock() : [this.#step()]
  }

  /** One client watches, anybody writes, or time goes by, and the client executes a block. */
  #optimisticBlock(): Step[] {
    const random = this.#random
    const client = random.below(2)
    const steps: Step[] = []
    const send = (connection: number, request: Request): void => {
      this.#followBlock(connection, request)
      steps.push({ connection, units: [[request]] })
    }
    const [key] = this.#vocabulary.choose('key')
    const write = (): Request => {
      const request = this.#command()
      if (nameOf(request) === 'dbsize' || isByMember(request)) return command(['GET', key!])
      return random.chance(0.5) ? withKey(request, key!) : request
    }
    send(client, command(['WATCH', key!]))
    for (let left = random.below(3); left > 0; left--) send(random.below(2), write())
    const isShort = !this.#inBlock[0] && !this.#inBlock[1] && random.chance(0.1)
    if (isShort) steps.push(this.#shortLife(random.below(2), key))
    send(client, command(['MULTI']))
    for (let left = random.between(1, 3); left > 0; left--) send(client, write())
    if (random.chance(0.3)) send(1 - client, write())
    send(client, command(['EXEC']))
    return steps
  }

  #step(): Step {
    const random = this.#random
    const connection = random.chance(secondClientProbability) ? 1 : 0
    if (!this.#inBlock[connection]! && random.chance(0.02)) return this.#shortLife(connection)
    if (random.chance(0.03)) return { connection, units: [[this.#scan()]] }
    if (this.#usesRawBytes && random.chance(0.1)) return { connection, units: [[this.#damaged()]] }
    const units: Unit[] = []
    const isLong = random.chance(longPipelineProbability)
    const count = isLong ? random.between(50, 300) : random.chance(pipelineProbability) ? random.between(2, 8) : 1
    for (let left = count; left > 0; left--) units.push(this.#unit(connection, !isLong))
    return random.chance(0.03)
      ? { connection, units, cutAt: random.between(1, isLong ? 5_000 : 60) }
      : { connection, units }
  }

  /** Of `key`, or of any. */
  #shortLife(connection: number, key?: Buffer): Step {
    const filled = command(this.#fill(compiledShortLives))
    const request = key === undefined ? filled : withKey(filled, key)
    return { connection, units: [[request]], waitMs: shortLifeMs }
  }

  /** A long pipeline must not close the connection: what has been sent of its replies by then is a matter of time. */
  #unit(connection: number, mayClose: boolean): Unit {
    const random = this.#random
    if (this.#usesRawBytes && mayClose && random.chance(0.1)) {
      const { bytes, replies } = this.#vocabulary.pick(rawRequests)
      return [{ kind: 'raw', bytes: Buffer.from(bytes, 'latin1'), replies }]
    }
    if (random.chance(0.02)) return this.#randomPop()
    const found = this.#command()
    const request = mayClose || !closes(found) ? found : command(['PING'])
    this.#followBlock(connection, request)
    return nameOf(request) === 'dbsize' ? [...lookAtAll, request] : [request]
  }

  #followBlock(connection: number, request: Request): void {
    if (nameOf(request) === 'multi') this.#inBlock[connection] = true
    else if (nameOf(request) === 'exec') this.#inBlock[connection] = false
  }

  #damaged(): Request {
    const requests = Array.from({ length: this.#random.between(1, 4) }, () => {
      const args = this.#fill(damageable)
      return command(livesBriefly(args) ? ['PING'] : args, this.#random.chance(0.3))
    })
    const bytes = damageBytes(Buffer.concat(requests.map(encodeRequest)), this.#random)
    return { kind: 'damaged', bytes }
  }

  #scan(): Request {
    const args = this.#fill(compiledScans)
    // From elsewhere than the beginning, two servers have nothing in common.
    if (!args.some((arg) => arg.toString('latin1') === '0')) return command(args)
    return { kind: 'scan', args, cursorAt: args[0]!.toString('latin1').toLowerCase() === 'scan' ? 1 : 2 }
  }

  #randomPop(): Unit {
    const args = this.#fill(compiledPops)
    if (this.#random.chance(spoiledProbability)) args.push(this.#vocabulary.stray())
    return [command(args), command(['DEL', args[1]!])]
  }

  #command(): Request {
    const random = this.#random
    for (;;) {
      const template = this.#template()
      const args = this.#arguments(template)
      if (livesBriefly(args)) continue
      return command(args, random.chance(inlineProbability))
    }
  }

  #arguments(template: Template): Buffer[] {
    const random = this.#random
    if (this.#mixes && random.chance(0.5) && mixable.has(template.name)) {
      return mixArguments(template.name, this.#vocabulary)
    }
    const args = template.expand(random, (name) => this.#vocabulary.choose(name))
    if (random.chance(spoiledProbability) && spoilable.has(template)) spoilArguments(args, this.#vocabulary)
    return args
  }

  #template(): Template {
    const isControl = this.#usesTransactions && this.#random.chance(0.2)
    const family = this.#random.chance(0.03) ? expiries : this.#vocabulary.pick(this.#families)
    return this.#vocabulary.pick(isControl ? transactionFamily : family)
  }

  #fill(templates: readonly Template[]): Buffer[] {
    return this.#vocabulary.pick(templates).expand(this.#random, (name) => this.#vocabulary.choose(name))
  }
}

/** Redis counts keys whose time is over until something has looked at them, as SCAN does. */
const lookAtAll: Unit = [command(['SCAN', '0', 'COUNT', '10000'])]

function nameOf(request: Request): string {
  return argumentsOf(request)[0]?.toString('latin1').toLowerCase() ?? ''
}

function argumentsOf(request: Request): readonly Buffer[] {
  return request.kind === 'command' ? request.args : []
}

function isByMember(request: Request): boolean {
  return argumentsOf(request).some((arg) => arg.toString('latin1').toLowerCase().includes('lex'))
}

function closes(request: Request): boolean {
  return nameOf(request) === 'quit' || nameOf(request) === 'client'
}

function withKey(request: Request, key: Buffer): Request {
  const [name, ...others] = argumentsOf(request)
  return others.length === 0 ? request : command([name!, key, ...others.slice(1)])
}

/** Reads all that a program may have written, on a connection of its own. */
export function readEverything(connection: number): Step {
  const units: Unit[] = [[command(['KEYS', '*'])]]
  for (const key of allKeys) {
    const name = Buffer.from(key, 'latin1')
    units.push(
      [command(['TYPE', name])],
      [command(['PTTL', name])],
      [command(['GET', name])],
      [command(['LRANGE', name, '0', '-1'])],
      [command(['SMEMBERS', name])],
      [command(['HGETALL', name])],
      [command(['ZRANGE', name, '0', '-1', 'WITHSCORES'])],
      [command(['ZREVRANGE', name, '0', '-1'])],
    )
  }
  units.push([...lookAtAll, command(['DBSIZE'])])
  for (const database of ['1', '2', '15']) units.push([command(['SELECT', database]), command(['KEYS', '*'])])
  return { connection, units }
}
