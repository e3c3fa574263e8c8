/** Makes a failing program shorter: leaves out units, ever fewer at a time, as long as it still fails. */
import type { Program, Step, Unit } from './program.ts'

interface Atom {
  readonly step: Step
  readonly unit: Unit
}

/** Runs of the program that a shrinking may cost. */
const maxAttempts = 400

export async function shrinkProgram(
  program: Program,
  fails: (candidate: Program) => Promise<boolean>,
): Promise<Program> {
  let atoms: Atom[] = program.steps.flatMap((step) => step.units.map((unit) => ({ step, unit })))
  let attempts = 0
  for (let size = Math.ceil(atoms.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let at = 0; at < atoms.length && attempts < maxAttempts;) {
      const fewer = [...atoms.slice(0, at), ...atoms.slice(at + size)]
      attempts++
      if (await fails(assemble(program.seed, fewer))) atoms = fewer
      else at += size
    }
  }
  return assemble(program.seed, atoms)
}

/** What was sent together still is. */
function assemble(seed: number, atoms: readonly Atom[]): Program {
  const steps: Step[] = []
  let last: Step | undefined
  for (const { step, unit } of atoms) {
    if (step === last) steps[steps.length - 1] = { ...step, units: [...steps.at(-1)!.units, unit] }
    else steps.push({ ...step, units: [unit] })
    last = step
  }
  return { seed, steps }
}
