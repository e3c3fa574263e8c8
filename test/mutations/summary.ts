/** What a run over planted bugs comes to. */

export interface Result {
  readonly name: string
  readonly verdict: 'killed' | 'survived' | 'hung'
  readonly seconds: number
  /** The test that noticed, or that hung, where it is known. */
  readonly by: string
}

/**
 * A test that hangs has noticed, as its own limit would say in a whole run. But who hangs without a test that had begun has
 * shown nothing, and a slow machine hangs as well: each is named, so that it can be tried alone.
 */
export function summaryOf(results: readonly Result[]): { readonly lines: readonly string[]; readonly failed: number } {
  const of = (wanted: Result['verdict']): Result[] => results.filter(({ verdict }) => verdict === wanted)
  const [hung, survived] = [of('hung'), of('survived')]
  const failed = survived.length + hung.filter(({ by }) => by === '').length
  const passed = results.length - failed
  return {
    lines: [
      ...hung.map(({ name, by }) => `hung: ${name}: ${by === '' ? 'no test had begun' : by}`),
      ...survived.map(({ name }) => `survived: ${name}`),
      `${of('killed').length} killed, ${hung.length} hung, ${survived.length} survived`,
      `${passed} passed, ${failed} failed, 0 skipped`,
    ],
    failed,
  }
}
