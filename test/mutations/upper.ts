/** Queries, languages, sessions, doors, the library. */
import { mutationsOf, type Mutation } from './mutation.ts'

const operators = ['src/query/operators.test.ts']
const sessions = [
  'src/session/parties-in-turn.test.ts',
  'src/session/session.test.ts',
  'src/session/failed-transaction.test.ts',
  'src/session/read-only-party.test.ts',
]
const sql = ['src/language/sql/golden.test.ts']

export const upperMutations: readonly Mutation[] = [
  ...mutationsOf('src/language/sql/plan/subquery.ts', sql, [
    [
      'a row with a NULL is told apart from all rows',
      'const others = key === undefined ? gathered : partial',
      'const others = partial',
    ],
  ]),
  ...mutationsOf(
    'src/gateway/postgres/copy-out.ts',
    ['src/gateway/postgres/copy-out.test.ts'],
    [
      [
        'a long field with a delimiter is not quoted',
        'byte === newline || byte === carriageReturn || byte === delimiterByte',
        'byte === newline || byte === carriageReturn',
      ],
    ],
  ),
  ...mutationsOf(
    'src/model/table/codec.ts',
    ['src/language/sql/large-arrays.test.ts'],
    [
      [
        'a large array is written in one turn',
        'while (!storing.step()) if (isTurnOver()) throw suspended',
        'while (!storing.step()) charge(0)',
      ],
    ],
  ),
  ...mutationsOf(
    'src/session/outbox.ts',
    ['src/session/outbox.test.ts'],
    [
      ['what follows a bare tag leaves with it', 'if (start === this.#bareEnd) this', 'this'],
      ['bytes that were taken back stay bare', 'if (this.#bareEnd > end) this.#bareEnd = end', ''],
    ],
  ),
  ...mutationsOf(
    'src/gateway/postgres/copy-in.ts',
    ['src/server/held-memory.test.ts'],
    [['what COPY holds of a row is charged to nobody', 'this.#hold()\n    return isEnough', 'return isEnough']],
  ),
  ...mutationsOf('src/language/sql/statement/inserted-columns.ts', sql, [
    ['OVERRIDING USER VALUE asks for ALWAYS', 'return isIdentity && overrides', 'return false && overrides'],
  ]),
  ...mutationsOf('src/language/sql/statement/insert.ts', sql, [
    ['a query keeps what OVERRIDING USER VALUE ignores', 'isIgnored(columns[i]!) ? undefined : ', ''],
  ]),
  ...mutationsOf(
    'src/gateway/receive-buffer.ts',
    ['src/gateway/redis/wire.test.ts'],
    [['half a message keeps the buffer that its chunk was part of', 'this.bytes.buffer.byteLength >', 'false && 0 >']],
  ),
  ...mutationsOf(
    'src/gateway/redis/wire.ts',
    ['src/gateway/redis/wire.test.ts'],
    [['arguments stay where half a request was', 'else if (this.bytes !== bytes)', 'else if (false)']],
  ),
  ...mutationsOf(
    'src/gateway/postgres/client.ts',
    ['src/gateway/postgres/durability.test.ts'],
    [['a tag outside of a block does not wait', "this.block.kind === 'explicit' && this.block.status === 'T'", 'true']],
  ),
  ...mutationsOf(
    'src/gateway/postgres/portal.ts',
    ['src/gateway/postgres/changed-tables.test.ts'],
    [['a portal that has come to its end keeps its table', '!this.isDone && prepared', 'prepared']],
  ),
  ...mutationsOf(
    'src/gateway/postgres/query-run.ts',
    ['src/gateway/postgres/changed-tables.test.ts'],
    [['EXECUTE answers other columns than were prepared', 'this.#options.keepsColumns === true || ', '']],
  ),
  ...mutationsOf(
    'src/query/row-operators.ts',
    [...operators, ...sql],
    [
      [
        'a filter forgets a row that it pauses at',
        'const accepted = this.#accepts(row, run)\n      input.advance()',
        'input.advance()\n      const accepted = this.#accepts(row, run)',
      ],
      [
        'a limit returns one row more',
        'if (this.#returned >= bounds.limit) return this.#tied(run)',
        'if (this.#returned > bounds.limit) return this.#tied(run)',
      ],
      ['an offset begins anew with each batch', 'this.#skipped += skip\n', ''],
      ['a limit that begins again remembers what it has returned', 'this.#returned = 0\n', ''],
    ],
  ),
  ...mutationsOf(
    'src/query/set-operators.ts',
    [...operators, ...sql],
    [['DISTINCT shows a row again', 'this.#seen.add(key)\n    return true', 'return true']],
  ),
  ...mutationsOf(
    'src/session/sight.ts',
    ['src/session/parties-in-turn.test.ts'],
    [
      [
        'what was seen last is all that was seen',
        'if (sequence > this.sequence) this.sequence = sequence',
        'this.sequence = sequence',
      ],
    ],
  ),
  ...mutationsOf('src/session/shared-transaction.ts', sessions, [
    ['statements of parties overtake each other', 'this.#queue.shift()?.()', 'this.#queue.pop()?.()'],
    [
      'an error leaves the turn taken',
      '    } catch (error) {\n      this.#passOn()\n      throw error',
      '    } catch (error) {\n      throw error',
    ],
    ['a failed transaction commits', "    if (this.failed) {\n      this.abort()\n      return 'aborted'\n    }\n", ''],
    [
      'a savepoint is gone once it was rolled back to',
      'this.#savepoints.length = position + 1',
      'this.#savepoints.length = position',
    ],
    ['a savepoint hides an older one of its name', 'this.#savepoints.findLastIndex(', 'this.#savepoints.findIndex('],
    [
      'a rollback to a savepoint leaves the transaction failed',
      '    this.failed = false\n  }\n\n  release',
      '  }\n\n  release',
    ],
    ['a savepoint does not remember who may only read', '    this.#restrict(reading)\n', ''],
    [
      'a failed transaction without savepoints keeps its locks',
      'if (this.#savepoints.length === 0) this.kernel.rollback()',
      '',
    ],
    ['a token is good after the end', '    this.#withdraw?.()\n', ''],
    ['a party that has left is not told', '    this.#decide(outcome)\n', ''],
    [
      'one party that may only read makes all others so',
      'return this.#reading.all || this.#reading.parties.has(party)',
      'return this.#reading.all || this.#reading.parties.size > 0',
    ],
  ]),
  ...mutationsOf('src/language/sql/functions/text-functions.ts', sql, [
    [
      'a character of two units counts twice',
      "typeof all === 'string' ? all.slice(from, to) : all.slice(from, to).join('')",
      'value.slice(from, to)',
    ],
    ['a position begins with zero', 'countCharacters(value.slice(0, at)) + 1', 'countCharacters(value.slice(0, at))'],
    [
      'a negative field counts from the wrong end',
      'field > 0 ? field - 1 : parts.length + field',
      'field > 0 ? field - 1 : parts.length + field - 1',
    ],
    ['a literal with a quote is not quoted', `value.replaceAll("'", "''")`, 'value'],
    ['ltrim trims both ends', 'if (atEnd) while', 'while'],
  ]),
  ...mutationsOf(
    'src/gateway/postgres/waiting-rows.ts',
    [
      'src/gateway/postgres/transcript.test.ts',
      'src/gateway/postgres/drivers.test.ts',
      'src/gateway/postgres/connection.test.ts',
      'src/gateway/postgres/portals.test.ts',
    ],
    [
      [
        'a portal shows one row more than its limit',
        'const first = rows.take(Math.min(count, rowsPerPiece), bytesPerPiece)',
        'const first = rows.take(Math.min(count + 1, rowsPerPiece), bytesPerPiece)',
      ],
      [
        'a portal stops after its first piece',
        'if (written >= count || rows.length === 0) return done(written)',
        'if (written > 0) return done(written)',
      ],
    ],
  ),
  ...mutationsOf(
    'src/library/follow.ts',
    ['src/library/feed-position.test.ts', 'src/library'],
    [['a trimmed feed is a disk that fails', "trimmed: 'trimmed', ", '']],
  ),
  ...mutationsOf(
    'src/gateway/turns.ts',
    ['src/gateway/turns.test.ts'],
    [
      ['a turn of connections has no end', 'if (leftUs <= 0) return false\n', ''],
      ['the queue of connections is first come first served', 'if (this.#queue[middle]!.hadUs > hadUs)', 'if (true)'],
      [
        'who meets a collection of garbage pays for it with its place',
        'Math.min(us, this.#requests * mostRequestUs + this.#mostUs)',
        'us',
      ],
      ['turns are long while connections come', 'if (this.#shortTurns === 0) this.#serve()', 'this.#serve()'],
    ],
  ),
  ...mutationsOf(
    'src/session/scheduler.ts',
    ['src/session/scheduler.test.ts'],
    [['slices are first come first served', 'count < fewSlices', 'count >= 0']],
  ),
  ...mutationsOf(
    'src/gateway/receive-buffer.ts',
    ['src/gateway/receive-buffer.test.ts'],
    [
      [
        'what a message was to be holds for the next one',
        '    this.#expectedBytes = 0\n    if (this.start',
        '    if (this.start',
      ],
      [
        'what is gathered is not charged',
        "this.#charge(this.#chargedBytes + chunk.length, 'a message that arrives')",
        '',
      ],
    ],
  ),
  ...mutationsOf(
    'src/gateway/gathering.ts',
    ['src/gateway/receive-buffer.test.ts'],
    [['all blocks are moved at once', 'isWhole ? Infinity : 2 * chunk.length', 'Infinity']],
  ),
  ...mutationsOf(
    'src/server/newcomer.ts',
    ['src/server/crowded.test.ts', 'src/server/newcomer.test.ts'],
    [
      [
        'a connection that nobody speaks on any more stays charged',
        'this.#place.close()\n    this.#told()',
        'this.#told()',
      ],
    ],
  ),
  ...mutationsOf(
    'src/database/transaction/transaction-locks.ts',
    ['src/server/held-memory.test.ts'],
    [['locks are not charged', 'if (++this.#taken % chargeEvery === 0) this.#charge()', '']],
  ),
  ...mutationsOf(
    'src/database/database.ts',
    ['src/server/held-memory.test.ts'],
    [['the catalog is not charged', ' + this.catalog.heapBytes)', ')']],
  ),
]
