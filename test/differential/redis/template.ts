/**
 * Commands as templates: a command's grammar on one line, in the notation of Redis's own documentation.
 *
 *   template := item*
 *   item     := WORD | <slot> | [ item* ( | item* )* ] | ( item* ( | item* )* ) | item + | item *
 *
 * `[…]` may be left out, `(…)` may not, `|` separates alternatives, `+` repeats one to three times, `*` none to three. What
 * stands for a slot comes from the vocabulary.
 */
import type { SeededRandom } from '../../../src/host/simulated/random.ts'

type Item =
  | { readonly kind: 'word'; readonly text: string }
  | { readonly kind: 'slot'; readonly name: string }
  | { readonly kind: 'choice'; readonly alternatives: readonly Item[][]; readonly optional: boolean }
  | { readonly kind: 'repeat'; readonly item: Item; readonly least: number }

export type FillSlot = (name: string) => readonly Buffer[]

const most = 3
const optionProbability = 0.4
const lowerCaseProbability = 0.2

export class Template {
  /** The command's name. */
  readonly name: string
  readonly #items: readonly Item[]

  constructor(text: string) {
    const tokens = text.match(/<[^>]+>|[()[\]|+*]|[^\s()[\]|<>+*]+/g) ?? []
    const reader = new TokenReader(tokens)
    this.#items = reader.sequence()
    if (!reader.isAtEnd) throw new Error(`the template ${text} does not close`)
    this.name = (tokens[0] ?? '').toLowerCase()
  }

  expand(random: SeededRandom, slot: FillSlot): Buffer[] {
    const args: Buffer[] = []
    for (const item of this.#items) fillItem(item, random, slot, args)
    return args
  }
}

class TokenReader {
  readonly #tokens: readonly string[]
  #at = 0

  constructor(tokens: readonly string[]) {
    this.#tokens = tokens
  }

  get isAtEnd(): boolean {
    return this.#at === this.#tokens.length
  }

  sequence(): Item[] {
    const items: Item[] = []
    for (; !this.isAtEnd; this.#at++) {
      const token = this.#tokens[this.#at]!
      if (token === ')' || token === ']' || token === '|') break
      if (token === '+' || token === '*')
        items.push({ kind: 'repeat', item: items.pop()!, least: token === '+' ? 1 : 0 })
      else items.push(this.#item(token))
    }
    return items
  }

  #item(token: string): Item {
    if (token.startsWith('<')) return { kind: 'slot', name: token.slice(1, -1) }
    if (token !== '(' && token !== '[') return { kind: 'word', text: token }
    const alternatives: Item[][] = []
    do {
      this.#at++
      alternatives.push(this.sequence())
    } while (this.#tokens[this.#at] === '|')
    if (this.#tokens[this.#at] !== (token === '(' ? ')' : ']')) throw new Error(`a ${token} does not close`)
    return { kind: 'choice', alternatives, optional: token === '[' }
  }
}

function fillItem(item: Item, random: SeededRandom, slot: FillSlot, into: Buffer[]): void {
  if (item.kind === 'word') {
    into.push(Buffer.from(random.chance(lowerCaseProbability) ? item.text.toLowerCase() : item.text))
  } else if (item.kind === 'slot') {
    into.push(...slot(item.name))
  } else if (item.kind === 'repeat') {
    for (let left = random.between(item.least, most); left > 0; left--) fillItem(item.item, random, slot, into)
  } else if (!item.optional || random.chance(optionProbability)) {
    const chosen = item.alternatives[random.below(item.alternatives.length)]!
    for (const each of chosen) fillItem(each, random, slot, into)
  }
}
