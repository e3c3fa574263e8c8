/** Statements of SQL by a grammar, from the text to its rows; and texts that are hardly SQL, up to the grammar. */
import { PolylogError } from '../../../src/base/errors.ts'
import { openTestDatabase } from '../../../src/database/testing.ts'
import { SeededRandom } from '../../../src/host/simulated/random.ts'
import { loadSql, parse } from '../../../src/language/sql/sql.ts'
import { TestSql } from '../../../src/language/sql/testing.ts'
import { randomChoices, sqlOf, tablesOfSql } from '../grammars/sql.ts'
import { refusing, Unexpected, type Target } from '../target.ts'

/** Answers that nobody meant: faults of our own, and values of ours that have become words. */
const nonsense = /^ERROR: {2}(XX|\(internal)|^ERROR(?!.*number is undefined).*(\bundefined\b|\[object )/

const ending = /\b(abort|commit|end;|rollback;)/

/** Batches of rows, and pauses, of one statement. */
const mostBatches = 300

export const sqlTarget: Target = {
  name: 'sql-statements',
  title: 'statements of SQL by a grammar: parsed, bound, planned, run',
  mostBytes: 160,
  steps: { fixed: 2_000_000, perByte: 20_000 },
  share: 0.2,
  async open() {
    await loadSql()
    const open = async () => {
      const database = await openTestDatabase()
      const sql = new TestSql(database, false, mostBatches)
      for (const text of tablesOfSql) await sql.query(text)
      return { database, sql }
    }
    let at = await open()
    const reopen = async (): Promise<void> => {
      await at.database.close()
      at = await open()
    }
    const random = new SeededRandom(1)
    return {
      seeds: Array.from({ length: 40 }, () => randomChoices(random)),
      words: [],
      generate: randomChoices,
      async run(input: Uint8Array) {
        const text = sqlOf(input)
        const stays = (input[0] ?? 0) % 256 === 1 || ending.test(text)
        // What an input makes or drops, the next one need not know.
        if (!stays) await at.sql.show('begin')
        // `show` answers errors of ours as text and passes everything else on.
        const shown = await at.sql.show(text)
        await at.sql.show('rollback')
        if (nonsense.test(shown)) throw new Unexpected(`${shown.slice(0, 300)}\n\n\n${text}`)
        if (stays) await reopen()
      },
      reset: reopen,
      close: () => at.database.close(),
    }
  },
}

/** Behind it is PostgreSQL's own grammar, in WebAssembly; before it and behind it we stand. */
export const sqlTextTarget: Target = {
  name: 'sql-text',
  title: 'texts that are nearly SQL, up to their parse tree',
  mostBytes: 512,
  steps: { fixed: 20_000, perByte: 2000 },
  async open() {
    await loadSql()
    const random = new SeededRandom(2)
    return {
      seeds: Array.from({ length: 60 }, () => Buffer.from(sqlOf(randomChoices(random)))),
      words: [
        'select ',
        '(',
        ')',
        "'",
        '"',
        '$1',
        '$$',
        '/*',
        '--',
        '::',
        ';',
        'U&"\\0041"',
        "E'\\x41'",
        '\0',
        '\u{1f600}',
        '[',
        '@>',
        '1e',
        '0x',
        ':=',
      ],
      generate: (seeded: SeededRandom) => Buffer.from(sqlOf(randomChoices(seeded))),
      run: (input: Uint8Array) => void refusing(() => parse(Buffer.from(input).toString()), PolylogError),
    }
  },
}
