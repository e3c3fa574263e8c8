/**
 * Where the statements of a psql script end, as psql finds it: at a `;` outside of quotes, comments, parentheses and the
 * body of a function in standard SQL. A command of psql (`\d x`) ends with its line.
 *
 * And what a transcript (`psql -a`: each line of the script, followed by what it brought about) says after each of them.
 */
export interface ScriptLine {
  /** From 1. */
  readonly line: number
  readonly text: string
  /** A statement ends here, or a command of psql stands here: what follows in a transcript is the answer. */
  readonly answers: boolean
}

/** Lines of a script that psql shows again: not the blank ones, nor the data of a COPY. */
export function scriptLines(script: string): ScriptLine[] {
  const lexer = new Lexer()
  const shown: ScriptLine[] = []
  let isData = false
  for (const [index, text] of script.split('\n').entries()) {
    if (isData) {
      if (text === '\\.') isData = false
      continue
    }
    if (text === '') {
      lexer.line(text)
      continue
    }
    const answers = lexer.line(text)
    shown.push({ line: index + 1, text, answers })
    isData = answers && lexer.copies
  }
  return shown
}

class Lexer {
  #depth = 0
  #comment = 0
  /** What ends the text that is open: a quote, or a dollar quote's tag. */
  #closing: string | undefined
  #hasEscapes = false
  /** Of the statement so far, without its texts. */
  #words = ''
  /** The statement that ended last takes its data from the lines below. */
  copies = false

  /** Whether a statement ends in it. */
  line(text: string): boolean {
    this.copies = false
    let ended = false
    const startsStatement = this.#closing === undefined && this.#comment === 0
    if (startsStatement && text.startsWith('\\')) return true
    for (let at = 0; at < text.length;) {
      const taken = this.#take(text, at)
      if (taken === 'statement' || taken === 'command') {
        ended = true
        if (taken === 'command') return true
        at++
      } else if (taken === 'comment') break
      else at += taken
    }
    this.#words += ' '
    return ended
  }

  /** How many characters belong together; or that a statement ends, a line's comment or a command of psql begins. */
  #take(text: string, at: number): number | 'statement' | 'comment' | 'command' {
    if (this.#comment > 0) {
      if (text.startsWith('*/', at)) this.#comment--
      else if (text.startsWith('/*', at)) this.#comment++
      else return 1
      return 2
    }
    if (this.#closing !== undefined) {
      if (this.#hasEscapes && text[at] === '\\') return 2
      if (!text.startsWith(this.#closing, at)) return 1
      const { length } = this.#closing
      this.#closing = undefined
      return length
    }
    return this.#takeCode(text, at)
  }

  #takeCode(text: string, at: number): number | 'statement' | 'comment' | 'command' {
    const one = text[at]!
    if (text.startsWith('--', at)) return 'comment'
    if (text.startsWith('/*', at)) {
      this.#comment++
      return 2
    }
    if (one === "'" || one === '"') {
      this.#closing = one
      this.#hasEscapes = one === "'" && /(?:^|[^\w$])[eE]$/.test(text.slice(0, at))
      return 1
    }
    const tag =
      one === '$' && !/[\w$]$/.test(text.slice(0, at)) ? /^\$(?:[A-Za-z_]\w*)?\$/.exec(text.slice(at))?.[0] : undefined
    if (tag !== undefined) {
      this.#closing = tag
      this.#hasEscapes = false
      return tag.length
    }
    if (one === '(') this.#depth++
    else if (one === ')') this.#depth = Math.max(0, this.#depth - 1)
    else if (one === '\\') return this.#ends('command')
    else if (one === ';' && this.#depth === 0 && !this.#isInBody()) return this.#ends('statement')
    this.#words += one
    return 1
  }

  /** `CREATE FUNCTION … BEGIN ATOMIC …; END` */
  #isInBody(): boolean {
    if (!/\bcreate\b[^;]*\b(?:function|procedure)\b/i.test(this.#words)) return false
    const begins = this.#words.match(/\bbegin\s+atomic\b|\bcase\b/gi)?.length ?? 0
    const ends = this.#words.match(/\bend\b/gi)?.length ?? 0
    return /\bbegin\s+atomic\b/i.test(this.#words) && begins > ends
  }

  #ends(what: 'statement' | 'command'): 'statement' | 'command' {
    this.copies = /^\s*copy\b.*\bfrom\s+stdin\b/i.test(this.#words)
    this.#words = ''
    this.#depth = 0
    return what
  }
}

/** What follows each line that answers: by the line's number. Undefined where the transcript ends before. */
export function answersOf(lines: readonly ScriptLine[], transcript: string): Map<number, string> {
  const output = transcript.split('\n')
  const answers = new Map<number, string>()
  let at = 0
  let open: ScriptLine | undefined
  let answer: string[] = []
  for (const line of lines) {
    const found = output.indexOf(line.text, at)
    if (found === -1) continue
    // Between lines of one statement nothing is said.
    if (open !== undefined) answer.push(...output.slice(at, found))
    if (open?.answers === true) answers.set(open.line, answer.join('\n').trimEnd())
    open = line
    answer = []
    at = found + 1
  }
  if (open?.answers === true) answers.set(open.line, output.slice(at).join('\n').trimEnd())
  return answers
}
