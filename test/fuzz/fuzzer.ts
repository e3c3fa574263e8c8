/**
 * The fuzzer: inputs of a target in batches, guided by what code they reach.
 *
 *   corpus ──▶ 256 inputs: changed ones of the corpus, new ones of the grammar ──▶ run ─▶ anything new, or dear?
 *      ▲                                                                                      │ halves, until one
 *      └─────── what reached new code, as short as it gets ◀──────────────────────────────────┤
 *                                                             thrown, too many steps ─────────┴──▶ findings
 *
 * Then pieces of the corpus are repeated to two sizes, and the steps of the larger must be in proportion; and what is left
 * of the inputs runs without counters. A run is decided by its seed, its corpus and the number of inputs. What is thrown,
 * too many steps, and a heap that grows are findings; time is never asked for.
 */
import { runInNewContext } from 'node:vm'
import { setFlagsFromString } from 'node:v8'
import { SeededRandom } from '../../src/host/simulated/random.ts'
import { Coverage } from './coverage.ts'
import { mutate, pumped } from './mutate.ts'
import type { Subject, Target } from './target.ts'

export interface Finding {
  readonly target: string
  readonly what: string
  readonly input: Uint8Array
}

export interface FuzzResult {
  readonly target: string
  readonly inputs: number
  readonly blocks: number
  readonly findings: readonly Finding[]
  /** What of the corpus is worth keeping: the shortest that reach all that was reached. */
  readonly corpus: readonly Uint8Array[]
  readonly heapGrowthBytes: number
}

export interface FuzzOptions {
  readonly seed: number
  readonly inputs: number
  readonly corpus: readonly Uint8Array[]
  /** So many inputs are guided; half of them, but not more than some thousands, where it is left out. */
  readonly guided?: number
  /** After so many the run ends. */
  readonly mostFindings?: number
  /** The corpus that comes of it is the least that reaches as much. */
  readonly isReduced?: boolean
}

const batchSize = 256
/**
 * Behind so many, or half of them, inputs run without counters. A look at the counters beside a loaded server, or the many
 * blocks of a language, takes as long as ten inputs without: there are fewer.
 */
const mostGuided = 20_000
const mostGuidedDear = 2048
/** Of a target that is dear, by what an input may take. */
const dearSteps = 100_000
const mostFindings = 5
/** What a run may leave on the heap, its corpus and the counters of V8 included; the plans that SQL keeps are most of it. */
const mostGrowthBytes = 64 * 1024 * 1024
const pumpedBytes = 4096
const mostPumps = 60
/** Beside what is in proportion. */
const pumpedSteps = 20_000

export async function fuzz(target: Target, options: FuzzOptions): Promise<FuzzResult> {
  // Before anything of the target runs.
  const coverage = options.guided === 0 ? undefined : new Coverage()
  const run = new FuzzRun(target, await target.open(), coverage, options)
  try {
    return await run.all()
  } finally {
    await run.close()
  }
}

class FuzzRun {
  readonly #target: Target
  readonly #options: FuzzOptions
  readonly #subject: Subject
  readonly #random: SeededRandom
  /** While inputs are guided. */
  #coverage: Coverage | undefined
  readonly #words: readonly Buffer[]
  #corpus: Uint8Array[] = []
  readonly #findings: Finding[] = []
  #inputs = 0

  constructor(target: Target, subject: Subject, coverage: Coverage | undefined, options: FuzzOptions) {
    this.#target = target
    this.#subject = subject
    this.#options = options
    this.#random = new SeededRandom(options.seed)
    this.#coverage = coverage
    this.#words = subject.words.map((word) => Buffer.from(word as string))
  }

  async all(): Promise<FuzzResult> {
    await this.#begin()
    const { inputs, guided = Math.min(this.#isDear ? mostGuidedDear : mostGuided, inputs / 2) } = this.#options
    const { mostFindings: most = mostFindings } = this.#options
    const blocks = await this.#guide(guided)
    while (this.#inputs < inputs / 2 && this.#findings.length < most) await this.#batch()
    // Caches of all kinds have filled by then: that of plans holds a mebibyte of texts, with all that they stand for.
    const settledBytes = usedBytes()
    while (this.#inputs < inputs && this.#findings.length < (this.#options.mostFindings ?? mostFindings))
      await this.#batch()
    const heapGrowthBytes = usedBytes() - settledBytes
    if (heapGrowthBytes > mostGrowthBytes) this.#find(`${heapGrowthBytes} bytes stay on the heap`, new Uint8Array(0))
    const { name } = this.#target
    const found = { findings: this.#findings, corpus: this.#corpus, heapGrowthBytes }
    return { target: name, inputs: this.#inputs, blocks, ...found }
  }

  get #isDear(): boolean {
    return this.#target.steps.fixed >= dearSteps
  }

  /** How many blocks were reached. */
  async #guide(inputs: number): Promise<number> {
    const coverage = this.#coverage
    if (coverage === undefined) return 0
    while (this.#inputs < inputs) await this.#batch()
    await this.#pumpAll()
    const { blocks } = coverage
    if (this.#options.isReduced === true) await this.#reduce(coverage)
    coverage.stop()
    this.#coverage = undefined
    return blocks
  }

  /** Keeps the shortest that reach what all do. */
  async #reduce(coverage: Coverage): Promise<void> {
    const inputs = this.#corpus.toSorted((a, b) => a.length - b.length)
    this.#corpus = []
    coverage.forget()
    for (const input of inputs) await this.#look([input])
  }

  async close(): Promise<void> {
    this.#coverage?.stop()
    await this.#subject.close?.()
  }

  /** The seeds and what was kept. */
  async #begin(): Promise<void> {
    const inputs = [...this.#subject.seeds, ...this.#options.corpus]
    this.#coverage?.skip()
    if (this.#coverage !== undefined) for (const input of inputs) await this.#look([input])
    if (this.#corpus.length === 0) this.#corpus.push(...inputs)
    await this.#subject.reset?.()
  }

  #make(): Uint8Array {
    const random = this.#random
    const { generate, repair } = this.#subject
    const isNew = generate !== undefined && random.chance(0.3)
    let input = isNew ? generate(random) : this.#changed()
    if (repair !== undefined && random.chance(0.7)) input = repair(input, random)
    return input.subarray(0, this.#target.mostBytes)
  }

  #changed(): Uint8Array {
    const corpus = this.#corpus
    const random = this.#random
    // What was found last leads on.
    const at = random.chance(0.3)
      ? corpus.length - 1 - random.below(Math.min(8, corpus.length))
      : random.below(corpus.length)
    return mutate(corpus[at]!, random, corpus, this.#words, this.#target.mostBytes)
  }

  async #batch(): Promise<void> {
    const inputs = Array.from({ length: batchSize }, () => this.#make())
    this.#inputs += inputs.length
    if (this.#coverage === undefined) for (const input of inputs) await this.#try(input)
    else await this.#look(inputs)
    await this.#subject.reset?.()
  }

  /** Who of them reaches what nothing has reached, who is dear? Asked of halves, until it is one. */
  async #look(inputs: readonly Uint8Array[]): Promise<void> {
    const coverage = this.#coverage!
    let allowed = 0
    for (const input of inputs) {
      allowed += this.#allowedSteps(input)
      await this.#try(input)
    }
    const [input] = inputs
    const isOne = inputs.length === 1
    const { steps, fresh } = coverage.look(isOne)
    if (isOne) {
      if (fresh > 0) this.#corpus.push(Uint8Array.from(input!))
      if (steps > allowed) this.#find(`${steps} steps for ${input!.length} bytes`, input!)
    } else if (fresh > 0 || steps > allowed / 4) {
      const half = inputs.length >> 1
      await this.#look(inputs.slice(0, half))
      await this.#look(inputs.slice(half))
    }
  }

  #allowedSteps(input: Uint8Array): number {
    const { fixed, perByte } = this.#target.steps
    return fixed + perByte * input.length
  }

  /** What it throws is a finding. */
  async #try(input: Uint8Array): Promise<void> {
    try {
      await this.#subject.run(input)
    } catch (error) {
      this.#find(error instanceof Error ? (error.stack ?? error.message) : String(error), input)
    }
  }

  #find(what: string, input: Uint8Array): void {
    const isKnown = this.#findings.some((other) => firstLines(other.what) === firstLines(what))
    if (!isKnown) this.#findings.push({ target: this.#target.name, what, input: Uint8Array.from(input) })
  }

  async #pumpAll(): Promise<void> {
    this.#coverage!.skip()
    for (let left = Math.min(mostPumps, 4 * this.#corpus.length); left > 0; left--) {
      const input = this.#corpus[this.#random.below(this.#corpus.length)]!
      const from = this.#random.below(input.length + 1)
      const to = Math.min(input.length, from + 1 + this.#random.below(16))
      const repeated = (size: number): Uint8Array => pumped(input, from, to, size)
      // What only the longer one comes to, a dear request behind a cheap one, grows no further.
      const isOut =
        (await this.#growsTooFast(repeated(pumpedBytes / 4), repeated(pumpedBytes))) &&
        (await this.#growsTooFast(repeated(pumpedBytes), repeated(pumpedBytes * 4)))
      if (isOut) this.#find('steps grow faster than the input', repeated(pumpedBytes))
    }
  }

  /** Four times the size: four times the steps, or a little more where something is sorted; the square would be sixteen. */
  async #growsTooFast(small: Uint8Array, large: Uint8Array): Promise<boolean> {
    const before = await this.#stepsOf(small)
    return (await this.#stepsOf(large)) > 8 * before + pumpedSteps
  }

  async #stepsOf(input: Uint8Array): Promise<number> {
    await this.#try(input)
    return this.#coverage!.look().steps
  }
}

function firstLines(text: string): string {
  return text
    .split('\n')
    .slice(0, 3)
    .join('\n')
    .replace(/\d+/g, 'N')
    .replace(/"[^"]*"/g, '"…"')
}

function usedBytes(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
