/** A password from the terminal, which does not show it, or from the first line of the standard input. */
import { UsageError } from './arguments.ts'

const mostBytes = 8192

/** Errors: `UsageError` where there is none. */
export async function readPassword(prompt: string): Promise<string> {
  const password = process.stdin.isTTY ? await askTwice(prompt) : await firstLine()
  if (password === '') throw new UsageError('a password is needed: a line on the standard input')
  return password
}

async function firstLine(): Promise<string> {
  let text = ''
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    text += chunk as string
    if (text.includes('\n') || text.length > mostBytes) break
  }
  return text.split(/\r?\n/, 1)[0]!
}

async function askTwice(prompt: string): Promise<string> {
  const first = await ask(prompt)
  if ((await ask('Once more: ')) !== first) throw new UsageError('the two passwords differ')
  return first
}

/** Keys that have come behind the line that was asked for: a paste of two. */
let ahead = ''

/** Arrows and their like: an escape, and what it begins. */
const controlSequence = new RegExp(`${String.fromCharCode(27)}(?:\\[[0-9;]*[A-Za-z~]|O.|.)`, 'g')

function ask(prompt: string): Promise<string> {
  const stdin = process.stdin
  const stderr = process.stderr
  stderr.write(prompt)
  stdin.setRawMode(true)
  stdin.setEncoding('utf8')
  return new Promise((resolve, reject) => {
    let typed = ''
    const end = (): void => {
      stdin.off('data', take)
      stdin.setRawMode(false)
      stdin.pause()
      stderr.write('\n')
    }
    const take = (keys: string): void => {
      const all = [...(ahead + keys).replaceAll(controlSequence, '')]
      ahead = ''
      for (const [at, key] of all.entries()) {
        if (key === '\r' || key === '\n') {
          ahead = all.slice(at + 1).join('')
          end()
          return resolve(typed)
        }
        if (key === '\u0003' || key === '\u0004') {
          end()
          return reject(new UsageError('given up'))
        }
        if (key === '\u0015') typed = ''
        else if (key === '\u007f' || key === '\b') typed = [...typed].slice(0, -1).join('')
        else typed += key
      }
      return undefined
    }
    stdin.on('data', take)
    stdin.resume()
    if (ahead !== '') take('')
  })
}
