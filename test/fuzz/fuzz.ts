/**
 * `npm run fuzz -- [--targets A,B] [--inputs N] [--seed N] [--keep] [--workers N]`: fuzzes each target in a process of its
 * own, two at a time. `--keep` writes what reached new code into the corpus, and what was found among the crashes.
 *
 * Without arguments it gives each target 100,000 inputs, always the same ones, as continuous integration does. `--go-on` tries others: the next seed of each target by the ledger, which it is added to.
 */
import { parseArgs } from 'node:util'
import { fuzzAll, type Report } from './apart.ts'
import { fuzz } from './fuzzer.ts'
import { goOn } from './ledger.ts'
import { encodeLine, readKept, writeKept } from './kept-inputs.ts'
import { loadTarget } from './targets.ts'

const { values } = parseArgs({
  options: {
    targets: { type: 'string' },
    inputs: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    workers: { type: 'string', default: '2' },
    keep: { type: 'boolean', default: false },
    'go-on': { type: 'boolean', default: false },
    /** In a process of its own: that target, and a report as JSON. */
    one: { type: 'string' },
  },
})

async function fuzzOne(name: string): Promise<Report> {
  const target = await loadTarget(name)
  const corpus = readKept('corpus', name)
  const startedMs = Date.now()
  const result = await fuzz(target, {
    seed: Number(values.seed),
    inputs: Number(values.inputs) * (target.share ?? 1),
    corpus,
    isReduced: values.keep,
  })
  if (values.keep) {
    writeKept('corpus', name, result.corpus)
    const crashes = [...readKept('crashes', name), ...result.findings.map(({ input }) => input)]
    if (crashes.length > 0) writeKept('crashes', name, crashes)
  }
  return {
    target: name,
    inputs: result.inputs,
    blocks: result.blocks,
    corpus: result.corpus.length,
    heapGrowthBytes: result.heapGrowthBytes,
    tookMs: Date.now() - startedMs,
    findings: result.findings.map(({ what, input }) => `${what}\n  input: ${encodeLine(input)}`),
  }
}

const counts = { passed: 0, failed: 0 }

function show({ target, inputs, blocks, corpus, findings, heapGrowthBytes, tookMs }: Report): void {
  counts[findings.length === 0 ? 'passed' : 'failed']++
  const growth = Math.round(heapGrowthBytes / 1024)
  const told = `${inputs} inputs, ${blocks} blocks reached, ${corpus} in the corpus, ${growth} KiB more, ${tookMs} ms`
  process.stdout.write(`${target}: ${told}\n`)
  for (const finding of findings) process.stdout.write(`  ${finding}\n`)
}

if (values.one !== undefined) {
  process.stdout.write(JSON.stringify(await fuzzOne(values.one)), () => process.exit(0))
} else {
  const names = values.targets?.split(',')
  const wanted = { seed: Number(values.seed), inputs: Number(values.inputs), workers: Number(values.workers) }
  const chosen = { ...wanted, ...(names !== undefined && { targets: names }) }
  await (values['go-on'] ? goOn(chosen, show) : fuzzAll({ ...chosen, keep: values.keep }, show))
  process.stdout.write(`${counts.passed} passed, ${counts.failed} failed, 0 skipped\n`)
  process.exitCode = counts.failed > 0 ? 1 : 0
}
