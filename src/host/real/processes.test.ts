import { execFile, spawn, type ChildProcess } from 'node:child_process'
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { rolldown } from 'rolldown'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DiskError } from '../host.ts'
import { lockByKernelName, lockFolder } from './lock.ts'

/** What only real processes and threads can show, run from JavaScript as the package ships it. */
const folder = fs.mkdtempSync(path.join(tmpdir(), 'polylog-processes-'))
const built = path.join(folder, 'built')
const children = new Set<ChildProcess>()

beforeAll(async () => {
  const sources = ['real/real-host.ts', 'real/worker-entry.ts', 'real/node-forge.d.ts'].map((name) =>
    path.join(import.meta.dirname, '..', name),
  )
  const tsc = path.join(import.meta.dirname, '../../../node_modules/typescript/bin/tsc')
  const options = '--ignoreConfig --target es2023 --module nodenext --types node --rewriteRelativeImportExtensions'
  await promisify(execFile)(process.execPath, [
    tsc,
    ...options.split(' '),
    '--skipLibCheck',
    '--rootDir',
    path.join(import.meta.dirname, '../..'),
    '--outDir',
    built,
    ...sources,
  ])
  fs.writeFileSync(path.join(folder, 'package.json'), '{"type":"module"}')
})

afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
  fs.rmSync(folder, { recursive: true, force: true })
})

function write(name: string, text: string): string {
  const file = path.join(folder, name)
  fs.writeFileSync(file, text)
  return file
}

function start(script: string, ...args: string[]): ChildProcess {
  const child = spawn(process.execPath, [script, ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
  children.add(child)
  child.once('exit', () => children.delete(child))
  return child
}

function line(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    let text = ''
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      if (text.includes('\n')) resolve(text.slice(0, text.indexOf('\n')))
    })
    child.stdout?.once('end', () => resolve(text))
  })
}

/** The script of worker threads whose job `name` is what `text` defines as `run`. */
async function workerScript(name: string, text: string): Promise<string> {
  const input = write(
    `${name}-main.js`,
    `import { answerJobs } from './built/host/real/worker-entry.js'\n${text}\nanswerJobs({ ${name}: async () => run })`,
  )
  const bundled = await rolldown({ input, platform: 'node', logLevel: 'silent' })
  const file = path.join(folder, `${name}.cjs`)
  await bundled.write({ file, format: 'cjs' })
  await bundled.close()
  return pathToFileURL(file).href
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => void child.once('exit', () => resolve()))
}

async function run(script: string, ...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [script, ...args])
  return stdout.trim()
}

describe('lock', () => {
  const locker = (): string =>
    write(
      'locker.js',
      `import { createRealHost } from './built/host/real/real-host.js'
       const host = createRealHost()
       process.stdin.resume()
       try {
         await host.disk.lock(process.argv[2])
         console.log('held')
       } catch (error) {
         console.log(error.code + ' ' + error.pid)
         process.exit()
       }`,
    )

  test('of racing processes exactly one gets it, round after round of kill -9', async () => {
    const lock = path.join(folder, 'raced')
    const script = locker()
    for (let round = 0; round < 4; round += 1) {
      const racers = Array.from({ length: 5 }, () => start(script, lock))
      const answers = await Promise.all(racers.map(line))
      const winner = racers[answers.indexOf('held')]
      const expected = racers.map((racer) => (racer === winner ? 'held' : `locked ${winner?.pid}`))
      expect(answers).toEqual(expected)
      // Killed while it holds; the names of the dead stay behind for the next round.
      const over = winner === undefined ? undefined : ended(winner)
      winner?.kill('SIGKILL')
      await over
    }
  })

  test('of contenders that start at the same moment exactly one gets it', async () => {
    for (let round = 0; round < 5; round += 1) {
      const lock = path.join(folder, `contended ${round}`)
      const results = await Promise.allSettled(Array.from({ length: 6 }, () => lockFolder(lock)))
      const held = results.filter((result) => result.status === 'fulfilled')
      expect(held).toHaveLength(1)
      await held[0]?.value.release()
      expect(fs.readdirSync(lock)).toEqual([])
    }
  })

  test('a name left by a process whose id another process now has does not lock', async () => {
    const lock = path.join(folder, 'reused')
    const child = start(locker(), lock)
    expect(await line(child)).toBe('held')
    const over = ended(child)
    child.kill('SIGKILL')
    await over
    const [name = ''] = fs.readdirSync(lock)
    fs.renameSync(path.join(lock, name), path.join(lock, `${process.pid}-00ff`))
    const held = await lockFolder(lock)
    expect(fs.readdirSync(lock)).toHaveLength(1)
    await held.release()
    expect(fs.readdirSync(lock)).toEqual([])
  })

  test('the same process cannot lock twice, and can again after the release', async () => {
    const lock = path.join(folder, 'twice')
    const held = await lockFolder(lock)
    const error = await lockFolder(lock).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(DiskError)
    expect(error).toMatchObject({ code: 'locked', pid: process.pid })
    await held.release()
    await (await lockFolder(lock)).release()
  })

  test('a name of the kernel stands in where the file system has no sockets', async () => {
    const lock = path.join(folder, 'kernel')
    const held = await lockByKernelName(lock)
    await expect(lockByKernelName(lock)).rejects.toMatchObject({ code: 'locked', pid: undefined })
    await held.release()
    await (await lockByKernelName(lock)).release()
  })

  test('a path longer than a socket address is no obstacle', async () => {
    const parent = path.join(folder, 'x'.repeat(120))
    fs.mkdirSync(parent)
    const held = await lockFolder(path.join(parent, 'LOCK'))
    await expect(lockFolder(path.join(parent, 'LOCK'))).rejects.toMatchObject({ code: 'locked' })
    await held.release()
  })

  test('a held lock does not keep a process alive', async () => {
    const script = write(
      'idle.js',
      `import { createRealHost } from './built/host/real/real-host.js'
       const host = createRealHost()
       await host.disk.lock(process.argv[2])
       host.at(1e9, () => {})
       console.log('done')`,
    )
    expect(await run(script, path.join(folder, 'idle'))).toBe('done')
  })
})

describe('worker', () => {
  test('runs jobs, more than there are threads, and hands errors and deaths back', async () => {
    const url = await workerScript(
      'echo',
      `let calls = 0
       function run(input) {
         calls += 1
         if (input === 'fail') throw new RangeError('as asked')
         if (input === 'die') process.exit(7)
         if (input === 'function') return () => {}
         if (input.shared) new Int32Array(input.shared)[0] = 42
         return { input, calls }
       }`,
    )
    const script = write(
      'jobs.js',
      `import { rmSync } from 'node:fs'
       import { createRealHost } from './built/host/real/real-host.js'
       const host = createRealHost({ workers: { script: new URL(${JSON.stringify(url)}), jobs: ['echo'], endlessJobs: [] }, workerLimit: 1 })
       rmSync(new URL(${JSON.stringify(url)}))
       const text = (promise) => promise.then((value) => JSON.stringify(value), (error) => error.name + ': ' + error.message)
       const shared = new SharedArrayBuffer(4)
       const answers = await Promise.all([
         text(host.worker('echo', 'a')), text(host.worker('echo', 'fail')), text(host.worker('echo', 'function')),
         text(host.worker('echo', () => {})), text(host.worker('echo', { shared })), text(host.worker('echo', 'die')),
         text(host.worker('echo', 'b')), text(host.worker('nothing', 'c')),
       ])
       console.log(JSON.stringify([...answers, new Int32Array(shared)[0]]))`,
    )
    const answers = JSON.parse(await run(script)) as unknown[]
    expect(answers[0]).toBe('{"input":"a","calls":1}')
    expect(answers[1]).toBe('RangeError: as asked')
    expect(answers[2]).toMatch(/could not be cloned/)
    expect(answers[3]).toMatch(/could not be cloned/)
    expect(answers[4]).toBe('{"input":{"shared":{}},"calls":4}')
    expect(answers[5]).toBe('Error: the worker thread ended with code 7')
    expect(answers[6]).toBe('{"input":"b","calls":1}')
    expect(answers[7]).toBe('UnknownJobError: no worker job is named nothing')
    expect(answers[8]).toBe(42)
  })

  test('tells what the heaps of threads have, and ends a thread that a large job has left large', async () => {
    const url = await workerScript(
      'keep',
      `const kept = []
       let calls = 0
       const run = async (count) => {
         for (let i = 0; i < count; i++) kept.push({ i })
         return ++calls
       }`,
    )
    const script = write(
      'heaps.js',
      `import { createRealHost } from './built/host/real/real-host.js'
       const host = createRealHost({ workers: { script: new URL(${JSON.stringify(url)}), jobs: ['keep'], endlessJobs: [] }, workerLimit: 1 })
       const mebibytes = () => host.memory().workerBytes / 1048576
       const told = [mebibytes()]
       for (const count of [1, 1, 4_000_000, 1]) told.push(await host.worker('keep', count), mebibytes())
       console.log(JSON.stringify(told))`,
    )
    const [none, first, small, second, , third, large, fourth, after] = JSON.parse(await run(script)) as number[]
    expect([none, first, second, third, fourth]).toEqual([0, 1, 2, 3, 1])
    expect(small).toBeGreaterThan(1)
    expect(large).toBeGreaterThan(64)
    expect(after).toBeLessThan(64)
  })

  test('lets endless jobs take turns, ends them when they are given up, and bounds their memory', async () => {
    const url = await workerScript(
      'job',
      `function run(input) {
         if (input === 'grow') { const kept = []; for (;;) kept.push(new Array(10_000).fill(kept.length)) }
         if (input === 'loop') for (;;);
         return input
       }`,
    )
    const script = write(
      'endless-jobs.js',
      `import { createRealHost } from './built/host/real/real-host.js'
       const script = new URL(${JSON.stringify(url)})
       const host = createRealHost({ workers: { script, jobs: [], endlessJobs: ['job'] }, workerLimit: 1, endlessHeapMb: 32 })
       const text = (promise) => promise.then((value) => JSON.stringify(value), (error) => error.name + ': ' + error.message)
       const running = new AbortController()
       const waiting = new AbortController()
       const loops = [text(host.worker('job', 'loop', running.signal)), text(host.worker('job', 'loop', waiting.signal))]
       const passed = await text(host.worker('job', 'passes'))
       waiting.abort()
       const grown = await text(host.worker('job', 'grow'))
       running.abort()
       const after = await text(host.worker('job', 'after'))
       console.log(JSON.stringify([passed, grown, after, ...(await Promise.all(loops))]))`,
    )
    expect(JSON.parse(await run(script))).toEqual([
      '"passes"',
      'WorkerMemoryError: the worker thread ran out of memory',
      '"after"',
      'Error: the job was given up',
      'Error: the job was given up',
    ])
  })
})

test('fatal says what happened and ends the process with 1', async () => {
  const script = write(
    'fatal.js',
    `import { createRealHost } from './built/host/real/real-host.js'
     createRealHost().fatal(new Error('the invariant'))`,
  )
  const failure = (await run(script).catch((error: unknown) => error)) as { code: number; stderr: string }
  expect(failure.code).toBe(1)
  expect(failure.stderr).toMatch(/^polylog: fatal: Error: \(its message is left out: --log-literals\)\n +at /)
})
