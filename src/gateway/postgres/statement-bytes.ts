/**
 * What a statement takes on the heap: its text, its tree, what it is bound to and its plan. Measured (decision 074): 110
 * bytes for each element of `IN (1, 1, …)`, 360 for each row of `VALUES (1), (1), …`, which is 120 for each character that
 * divides a text; next to nothing for the characters of a long literal.
 */

/** What is shorter is little beside its connection. */
export const shortTextLength = 4096
const bytesPerDivider = 128
const bytesPerCharacter = 4
/** Of short texts, whose trees are shared by all who send them. */
const bytesPerShortCharacter = 32

const dividers: readonly boolean[] = Array.from({ length: 128 }, (_, code) =>
  ' \n\t,()[]+-*/<>=|.;'.includes(String.fromCharCode(code)),
)
const quote = 0x27

export function heldByStatement(text: string): number {
  if (text.length < shortTextLength) return text.length * bytesPerShortCharacter
  let isQuoted = false
  let divided = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === quote) isQuoted = !isQuoted
    else if (!isQuoted && dividers[code] === true) divided++
  }
  return text.length * bytesPerCharacter + divided * bytesPerDivider
}
