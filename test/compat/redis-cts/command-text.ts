/**
 * How the suite writes commands: words with single spaces between them; a double quote begins and ends a stretch in which
 * spaces do not separate, and nothing escapes it. A binary command names bytes by backslashes (`\x00`, `\n`, `\a`, …)
 * first, and is split after that. The same as in the suite's own runner.
 */
export function splitCommand(text: string, isBinary: boolean): Buffer[] {
  const bytes = isBinary ? unescapeBytes(text) : Buffer.from(text, 'utf8')
  const words: Buffer[] = []
  let word: number[] = []
  let isQuoted = false
  for (const byte of bytes) {
    if (byte === quote) isQuoted = !isQuoted
    else if (byte === space && !isQuoted) {
      words.push(Buffer.from(word))
      word = []
    } else word.push(byte)
  }
  words.push(Buffer.from(word))
  return words
}

const quote = 0x22
const space = 0x20

const escapes = new Map([
  ['\\', 0x5c],
  ['"', quote],
  ['n', 0x0a],
  ['r', 0x0d],
  ['t', 0x09],
  ['a', 0x07],
  ['b', 0x08],
])

function unescapeBytes(text: string): Buffer {
  const bytes: number[] = []
  for (const [whole, hex, letter] of text.matchAll(/\\x([0-9a-fA-F]{2})|\\([\\"nrtab])|[^]/g)) {
    if (hex !== undefined) bytes.push(Number.parseInt(hex, 16))
    else if (letter !== undefined) bytes.push(escapes.get(letter) ?? 0)
    else bytes.push(byteOf(whole))
  }
  return Buffer.from(bytes)
}

function byteOf(character: string): number {
  const code = character.charCodeAt(0)
  if (code > 0xff) throw new Error(`a binary command has the character ${character}, which is not one byte`)
  return code
}
