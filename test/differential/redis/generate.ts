/** A program from a seed: commands of a few families, some of them spoiled, pipelined, inline, or from a second client. */
import { SeededRandom } from '../../../src/host/simulated/random.ts'
import { faithful, families, randomPops, rawRequests, scans, shortLives } from './commands.ts'
import { command, type Program, type Request, type Step, type Unit } from './program.ts'
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
  /** Whether a client may have a block open, by connection. */
  readonly #inBlock = [false, false]

  constructor(random: SeededRandom) {
    this.#random = random
    this.#vocabulary = new Vocabulary(random)
    this.#families = Array.from({ length: random.between(1, 3) }, () => this.#vocabulary.pick(compiledFamilies))
    this.#usesTransactions = random.chance(0.35)
    this.#mayWatch = this.#usesTransactions || this.#families.includes(transactionFamily)
    this.#usesRawBytes = random.chance(0.1)
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
    // Redis counts keys whose time is over until something has looked at them.
    return isCount(request) ? [command(['EXISTS', ...allKeys]), request] : [request]
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
    const template = this.#template()
    if (template.name === 'multi') this.#inBlock[connection] = true
    const args = template.expand(random, (name) => this.#vocabulary.fill(name))
    if (random.chance(spoiledProbability) && spoilable.has(template)) this.#spoil(args)
    return command(args, random.chance(inlineProbability))
  }

  #template(): Template {
    const isControl = this.#usesTransactions && this.#random.chance(0.2)
    for (;;) {
      const template = this.#vocabulary.pick(isControl ? transactionFamily : this.#vocabulary.pick(this.#families))
      if (!this.#mayWatch || !template.name.startsWith('flush')) return template
    }
  }

  #fill(templates: readonly Template[]): Buffer[] {
    return this.#vocabulary.pick(templates).expand(this.#random, (name) => this.#vocabulary.fill(name))
  }

  /** Wrong arity, options that do not belong, arguments in the wrong order. */
  #spoil(args: Buffer[]): void {
    const random = this.#random
    const at = random.between(1, args.length)
    const kind = random.below(5)
    if (kind === 0) args.splice(at, 1)
    else if (kind === 1) args.splice(at, 0, this.#vocabulary.stray())
    else if (kind === 2) args.push(this.#vocabulary.stray())
    else if (kind === 3 && at < args.length) args[at] = this.#vocabulary.stray()
    else if (at + 1 < args.length) [args[at], args[at + 1]] = [args[at + 1]!, args[at]!]
  }
}

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
  units.push([command(['DBSIZE'])])
  for (const database of ['1', '2', '15']) units.push([command(['SELECT', database]), command(['KEYS', '*'])])
  return { connection, units }
}
