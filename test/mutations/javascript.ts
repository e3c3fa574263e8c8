/** JavaScript of MongoDB's clients: what it is given, where it runs, and what it leaves behind. */
import { mutationsOf, type Mutation } from './mutation.ts'

const scripts = ['src/gateway/mongodb/scripts.test.ts']
const threads = ['src/language/mql/evaluate-job.test.ts']

export const javascriptMutations: readonly Mutation[] = [
  ...mutationsOf('src/language/mql/scripts.ts', scripts, [
    ['rules may hold scripts', 'if (areRefused) throw', 'if (areRefused && name === "") throw'],
    ['the state of a group is not finalized', 'new Uint8Array([end === undefined ? 0 : 1])', 'new Uint8Array([0])'],
  ]),
  ...mutationsOf('src/language/mql/pipeline.ts', scripts, [
    ['$match takes $where', 'if (filter.hasWhere === true) throw', 'if (filter.near !== undefined) throw'],
  ]),
  ...mutationsOf('src/language/mql/javascript/values.ts', scripts, [
    [
      '64-bit integers go in as numbers',
      "return special('l', String(readInt64(value)))",
      'return Number(readInt64(value))',
    ],
    ['a result may be of any size', 'if (value.end - value.start <= mostBytes) return value', 'return value'],
  ]),
  ...mutationsOf('src/language/mql/javascript/interpreter.ts', scripts, [
    ['chance begins alike in all', "this.run('seed', Math.floor(chance * 2 ** 31), '')", "this.run('seed', 0, '')"],
  ]),
  ...mutationsOf('src/language/mql/scripts.ts', threads, [
    [
      'a broken interpreter is asked again',
      'if (this.#interpreter?.isBroken === true) this.#interpreter = undefined',
      '',
    ],
  ]),
  ...mutationsOf('src/language/mql/javascript/interpreter.ts', threads, [
    ['scripts see the present of the interpreter', 'this.#now = now\n    this.#interrupts', 'this.#interrupts'],
  ]),
]
