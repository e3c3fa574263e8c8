/** The code blocks of a Markdown document, in order, and what the clients' own ways of showing replies mean. */

export interface Block {
  readonly language: string
  readonly text: string
  /** Of the `text` block that follows at once: what is shown. */
  readonly shown: string | undefined
}

export function readBlocks(markdown: string): Block[] {
  const found = [...markdown.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(
    ([whole, language = '', text = ''], index, all) => {
      const next = all[index + 1]
      const between = next === undefined ? 'x' : markdown.slice(all[index]!.index + whole.length, next.index)
      return { language, text, shown: next?.[1] === 'text' && between.trim() === '' ? next[2] : undefined }
    },
  )
  return found.filter(({ language }) => language !== 'text')
}

/** The cells of a table as `psql` draws it, without its heading. */
export function cellsOf(table: string): string[][] {
  const lines = table.trimEnd().split('\n').slice(2)
  return lines.filter((line) => !/^\(\d+ rows?\)$/.test(line)).map((line) => line.split('|').map((cell) => cell.trim()))
}

export interface Exchange {
  readonly command: readonly string[]
  /** The reply's values, one after another. */
  readonly reply: readonly string[]
}

/** What a session of `redis-cli` shows: prompts with commands, and replies. */
export function readExchanges(session: string): Exchange[] {
  const exchanges: { command: string[]; reply: string[] }[] = []
  for (const line of session.trimEnd().split('\n')) {
    const command = /^\S+> (.*)$/.exec(line)?.[1]
    if (command === undefined) exchanges.at(-1)!.reply.push(valueOf(line))
    else exchanges.push({ command: command.split(' '), reply: [] })
  }
  return exchanges
}

/** `1) "ada"` is ada, `(integer) 3` is 3. */
function valueOf(line: string): string {
  return line
    .replace(/^ *\d+\) /, '')
    .replace(/^\(integer\) /, '')
    .replace(/^"(.*)"$/, '$1')
}
