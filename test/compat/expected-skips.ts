/**
 * The list of cases of a suite that are expected not to pass yet, `expected-skips/SUITE`. One case a line, a tab, the
 * reason; `#` begins a comment line. The list may only shrink: `score.ts` fails a listed case that passes.
 */
export type ExpectedSkips = ReadonlyMap<string, string>

export function parseExpectedSkips(text: string): ExpectedSkips {
  const skips = new Map<string, string>()
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const [name = '', reason = '', ...rest] = line.split('\t')
    if (name === '' || reason.trim() === '' || rest.length > 0) {
      throw new Error(`line ${index + 1} of the expected skips is not "case, tab, reason": ${line}`)
    }
    if (skips.has(name)) throw new Error(`line ${index + 1} of the expected skips names ${name} again`)
    skips.set(name, reason)
  }
  return skips
}
