/**
 * Inputs that are kept in the repository, one a line: as a JSON string where its characters are its bytes and most can be
 * read, else in base64.
 *
 *   corpus/TARGET.txt   what reaches code that nothing shorter does: where runs begin
 *   crashes/TARGET.txt  what a reader once did not take as it should
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Scripts run at the repository's root. */
const folder = join('test', 'fuzz')

export type Kept = 'corpus' | 'crashes'

const pathOf = (kept: Kept, target: string): string => join(folder, kept, `${target}.txt`)

export function readKept(kept: Kept, target: string): Uint8Array[] {
  const path = pathOf(kept, target)
  if (!existsSync(path)) return []
  const lines = readFileSync(path, 'utf8').split('\n')
  return lines.filter((line) => line !== '').map(decodeLine)
}

export function writeKept(kept: Kept, target: string, inputs: readonly Uint8Array[]): void {
  mkdirSync(join(folder, kept), { recursive: true })
  const lines = inputs.map((input) => `${encodeLine(input)}\n`)
  writeFileSync(pathOf(kept, target), [...new Set(lines)].join(''))
}

function decodeLine(line: string): Uint8Array {
  if (!line.startsWith('"')) return Buffer.from(line, 'base64')
  return Buffer.from(JSON.parse(line) as string, 'latin1')
}

export function encodeLine(input: Uint8Array): string {
  const text = JSON.stringify(Buffer.from(input).toString('latin1')).replace(
    /[\x7f-\xff]/g,
    (character) => `\\u00${character.charCodeAt(0).toString(16)}`,
  )
  const base64 = Buffer.from(input).toString('base64')
  return text.length <= 1.3 * base64.length || input.length === 0 ? text : base64
}
