/** The smallest program found whose last statement still fails: fewer statements first, then smaller ones. */
import { smaller } from './piece.ts'
import type { Program } from './program.ts'

const maxTries = 400

export async function shrink(program: Program, fails: (program: Program) => Promise<boolean>): Promise<Program> {
  let best = program
  let tries = 0
  const attempt = async (candidate: Program): Promise<boolean> => {
    if (tries >= maxTries) return false
    tries++
    if (!(await fails(candidate))) return false
    best = candidate
    return true
  }
  await attempt(best.slice(-1))
  for (
    let size = Math.ceil(best.length / 2);
    size >= 1 && best.length > 1;
    size = size === 1 ? 0 : Math.ceil(size / 2)
  ) {
    for (let from = 0; from < best.length - 1;) {
      const to = Math.min(from + size, best.length - 1)
      if (!(await attempt([...best.slice(0, from), ...best.slice(to)]))) from = to
    }
  }
  for (let changed = true; changed;) {
    changed = false
    for (let at = best.length - 1; at >= 0 && !changed; at--) changed = await shrinkStep(best, at, attempt)
  }
  return best
}

async function shrinkStep(
  program: Program,
  at: number,
  attempt: (candidate: Program) => Promise<boolean>,
): Promise<boolean> {
  const step = program[at]!
  for (const statement of smaller(step.statement)) {
    if (await attempt(program.with(at, { ...step, statement }))) return true
  }
  return false
}
