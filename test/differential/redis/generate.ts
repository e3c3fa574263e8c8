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
/** Commands that may get any arguments: those of data, whose replies do not depend on chance. */
const mixable: ReadonlySet<string> = new Set(
  Object.entries(families)
    .filter(([name]) => name !== 'connection')
    .flatMap(([, texts]) => compile(texts).map(({ name }) => name)),
)
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
    for (let left = this.#random.between(5, 40); left > 0; left--) steps.push(this.#step())
    return steps
  }

  #step(): Step {
    const random = this.#random
    const connection = random.chance(secondClientProbability) ? 1 : 0
    if (!this.#inBlock[connection]! && random.chance(0.02)) return this.#shortLife(connection)
    if (random.chance(0.03)) return { connection, units: [[this.#scan()]] }
    if (this.#usesRawBytes && random.chance(0.1)) return { connection, units: [[this.#damaged()]] }
    const units: Unit[] = []
    const count = random.chance(pipelineProbability) ? random.between(2, 8) : 1
    for (let left = count; left > 0; left--) units.push(this.#unit(connection))
    return random.chance(0.03) ? { connection, units, cutAt: random.between(1, 40) } : { connection, units }
  }

  #shortLife(connection: number): Step {
    return { connection, units: [[command(this.#fill(compiledShortLives))]], waitMs: shortLifeMs }
  }

  #unit(connection: number): Unit {
    const random = this.#random
    if (this.#usesRawBytes && random.chance(0.1)) {
      const { bytes, replies } = this.#vocabulary.pick(rawRequests)
      return [{ kind: 'raw', bytes: Buffer.from(bytes, 'latin1'), replies }]
    }
    if (random.chance(0.02)) return this.#randomPop()
    const request = this.#command(connection)
    return isCount(request) ? [...lookAtAll, request] : [request]
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

  #command(connection: number): Request {
    const random = this.#random
    for (;;) {
      const template = this.#template()
      const args = this.#arguments(template)
      if (livesBriefly(args)) continue
      if (template.name === 'multi') this.#inBlock[connection] = true
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
    for (;;) {
      const template = this.#vocabulary.pick(isControl ? transactionFamily : this.#vocabulary.pick(this.#families))
      if (!this.#mayWatch || !template.name.startsWith('flush')) return template
    }
  }

  #fill(templates: readonly Template[]): Buffer[] {
    return this.#vocabulary.pick(templates).expand(this.#random, (name) => this.#vocabulary.choose(name))
  }
}

/** Redis counts keys whose time is over until something has looked at them, as SCAN does. */
const lookAtAll: Unit = [command(['SCAN', '0', 'COUNT', '10000'])]

function isCount(request: Request): boolean {
  return request.kind === 'command' && request.args[0]?.toString('latin1').toLowerCase() === 'dbsize'
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
