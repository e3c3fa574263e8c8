/** Redis's scripts: what they may do, how they stop, and what they leave behind. */
import { mutationsOf, type Mutation } from './mutation.ts'

const scripts = ['src/gateway/redis/scripts/scripts.test.ts']
const golden = ['src/gateway/redis/golden.test.ts']

export const scriptMutations: readonly Mutation[] = [
  ...mutationsOf('src/gateway/redis/scripts/run.ts', scripts, [
    ['a script asks for none of the keys that it touches', '      this.#checkMay(command)\n', ''],
    [
      'what a script has written does not save it from SCRIPT KILL',
      'if (!command.readOnly) this.hasWritten = true',
      '',
    ],
    ['memory that a script has grown to stays charged', 'if (this.#grownBytes > 0)', 'if (this.#grownBytes < 0)'],
    ['a wait within a script is passed over', 'if (step.value !== undefined) throw step.value', ''],
  ]),
  ...mutationsOf('src/gateway/redis/scripts/run.ts', golden, [
    [
      'a read-only script writes',
      'if (this.#request.isReadOnly && (!command.readOnly',
      'if (false && (!command.readOnly',
    ],
    ['a script changes the database of its client', 'inner.client = this.#client', 'inner.client = call.client'],
  ]),
  ...mutationsOf('src/gateway/redis/scripts/scripts.ts', scripts, [
    ['an interpreter that has grown is used again', 'if (interpreter.isLarge || ', 'if ('],
    ['an interpreter that has failed is used again', ' || interpreter.machine.isBroken) return', ') return'],
  ]),
  ...mutationsOf(
    'src/gateway/redis/command-table.ts',
    ['src/gateway/redis/permissions.test.ts'],
    [['who may run scripts may write, by other doors', 'this.isScript = mayBeNone', 'this.isScript = false']],
  ),
  ...mutationsOf('src/language/lua/threads.ts', scripts, [
    ['what pcall answers is lost where the script has stopped', 'given = link.finish(', 'given = 0 * link.finish('],
    ['a coroutine yields across pcall', '!link.yields ||', ''],
  ]),
  ...mutationsOf('src/language/lua/machine.ts', golden, [
    ['bytecode is taken', 'if (text.bytes[text.start] === bytecodeMark)', 'if (text.bytes[text.start] === -1)'],
  ]),
  ...mutationsOf('src/language/lua/patterns.ts', scripts, [
    ['steps of patterns are not counted', 'if (++this.#steps > mostSteps)', 'if (this.#steps > mostSteps)'],
  ]),
  ...mutationsOf('src/language/lua/patterns.ts', golden, [
    ['a frontier takes the byte before it', 's === this.#start ? 0 : memory[s - 1]!', '0'],
    ['an empty match of gmatch comes twice', '(e === s ? 1 : 0)', '0'],
  ]),
  ...mutationsOf('src/language/lua/formats.ts', golden, [
    ['what is not signed is printed with a sign', 'isSigned ? toInt64(value) : toUint64(value)', 'toInt64(value)'],
    ['zeros fill a width beside a precision', "flags.includes('0') && precision < 0", "flags.includes('0')"],
    ['a digit beyond the base is taken', 'if (weight >= base) return undefined', 'if (weight > base) return undefined'],
  ]),
  ...mutationsOf('src/language/lua/unpack.ts', golden, [
    ['unpack counts its results in 32 bits', 'last - first >= mostResults', 'last - first >= 2 ** 32'],
  ]),
  ...mutationsOf('src/language/lua/sandbox.ts', golden, [
    ['a library can be written to by rawset', 'real.rawset = given.guard(rawset)', 'real.rawset = rawset'],
  ]),
]
