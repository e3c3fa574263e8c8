/**
 * The list of cases of a suite that are expected not to pass yet, `expected-skips/SUITE`. One case a line, a tab, the
 * reason; `#` begins a comment line. Of a file of records a line names several: `path:3,17,20`. The list may only shrink:
 * `score.ts` fails a listed case that passes.
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
    for (const one of namesIn(name)) {
      if (skips.has(one)) throw new Error(`line ${index + 1} of the expected skips names ${one} again`)
      skips.set(one, reason)
    }
  }
  return skips
}

function namesIn(text: string): string[] {
  const [, path, lines] = /^(.*):(\d+(?:,\d+)+)$/.exec(text) ?? []
  return path === undefined ? [text] : lines!.split(',').map((line) => `${path}:${line}`)
}

/** As `parseExpectedSkips` reads it: cases of one file and reason share a line. */
export function formatExpectedSkips(skips: readonly { readonly name: string; readonly reason: string }[]): string {
  const lines = new Map<string, { name: string; numbers: string[]; reason: string }>()
  for (const { name, reason } of skips) {
    const [, path = name, line] = /^(.*):(\d+)$/.exec(name) ?? []
    const key = `${line === undefined ? name : path}\t${reason}`
    const known = lines.get(key)
    if (known === undefined) lines.set(key, { name: path, numbers: line === undefined ? [] : [line], reason })
    else known.numbers.push(line!)
  }
  const shown = [...lines.values()].map(({ name, numbers, reason }) => {
    return `${numbers.length === 0 ? name : `${name}:${numbers.join(',')}`}\t${reason}\n`
  })
  return shown.join('')
}
