/**
 * Every file and every folder of a real data directory, lost or damaged: the data is the same, or the start fails and
 * says where. What a start must never do is to serve less than was there.
 */
import fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DiskError, type File, type Host, type OpenOptions } from '../../host/host.ts'
import { createRealHost } from '../../host/real/real-host.ts'
import { contentOf, History } from './crash-history.ts'
import { Instance } from '../instance.ts'

const root = fs.mkdtempSync(join(tmpdir(), 'polylog-damaged-'))
const whole = join(root, 'whole')
const options = { segmentBytes: 16 * 1024, checkpointEveryBytes: 1e9 }
const names = ['polylog', 'shop', 'new']
let expected: Map<string, string>
let serial = 0

afterAll(() => fs.rmSync(root, { recursive: true, force: true }))

/** The real disk, which is spared the syncs: nothing here loses power. */
function hostOf(check: (path: string) => void = () => {}): Host {
  const real = createRealHost()
  const open = async (path: string, how: OpenOptions): Promise<File> => {
    check(path)
    const file = await real.disk.open(path, { mode: how.mode })
    file.sync = async () => {}
    file.allocate = (_, to) => file.truncate(to)
    return file
  }
  const list = async (path: string): Promise<string[]> => {
    check(path)
    return real.disk.list(path)
  }
  const syncFolder = async (path: string): Promise<void> => void (await real.disk.list(path))
  return { ...real, disk: { ...real.disk, open, list, syncFolder } }
}

/** One database with a checkpoint and some segments of log behind it, a smaller and a new one; as a kill leaves them. */
beforeAll(async () => {
  const scratch = join(root, 'scratch')
  const instance = await Instance.open({ host: hostOf(), directory: scratch, ...options }, names[0]!)
  for (const name of names.slice(1)) await instance.create(name)
  for (const [seed, name] of names.slice(0, 2).entries()) {
    const database = await instance.use(name)
    const history = new History(seed + 1)
    for (let step = 0; step < [60, 15][seed]!; step++) {
      history.step(database)
      if (step % 4 === 0) await database.pipeline.settled()
      if (step === 9) await database.checkpoint()
    }
    await database.pipeline.settled()
  }
  await instance.use(names[2]!)
  expected = contentsOf(instance)
  fs.cpSync(scratch, whole, { recursive: true, filter: (path) => !path.includes('LOCK') })
  await instance.close()
  fs.rmSync(scratch, { recursive: true })
})

function contentsOf(instance: Instance): Map<string, string> {
  return new Map([...instance.databases].map(([name, database]) => [name, contentOf(database)]))
}

interface Outcome {
  readonly end: 'same' | 'cut' | 'failed'
  /** Of a failure. */
  readonly code?: string
  readonly message?: string
}

/** Damages a copy of the directory and opens it; twice where that fails, for it must not have changed anything. */
async function outcomeOf(
  damage: (directory: string) => void,
  hostFor = (_: string): Host => hostOf(),
): Promise<Outcome> {
  const directory = join(root, `copy ${++serial}`)
  fs.cpSync(whole, directory, { recursive: true })
  damage(directory)
  try {
    const first = await openOnce(directory, hostFor(directory))
    if (first.end === 'failed') expect(await openOnce(directory, hostFor(directory))).toEqual(first)
    return first
  } finally {
    fs.rmSync(directory, { recursive: true, force: true })
  }
}

async function openOnce(directory: string, host: Host): Promise<Outcome> {
  let instance: Instance
  try {
    instance = await Instance.open({ host, directory, ...options }, names[0]!)
  } catch (error) {
    const { code, message } = error as { code: string; message: string }
    return { end: 'failed', code, message: message.replaceAll(directory, 'DIR') }
  }
  try {
    for (const name of names) await instance.use(name)
  } catch (error) {
    const { code, message } = error as { code: string; message: string }
    await instance.close()
    return { end: 'failed', code, message: message.replaceAll(directory, 'DIR') }
  }
  const found = contentsOf(instance)
  const isCut = instance.notices.some(({ kind }) => kind === 'damaged')
  await instance.close()
  if (!isCut) expect(Object.fromEntries(found)).toEqual(Object.fromEntries(expected))
  return { end: isCut ? 'cut' : 'same' }
}

/** What scripts see as exit codes 4 and 1. */
const failures = ['data_corrupted', 'data_newer', 'denied', 'io_error']

function expectSameOrFailure(outcome: Outcome, path: string): void {
  if (outcome.end === 'cut') throw new Error(`${path}: cut off`)
  if (outcome.end === 'same') return
  expect(failures, outcome.message).toContain(outcome.code)
  if (outcome.code === 'data_newer') {
    expect(outcome.message).toMatch(/^DIR has format/)
    return
  }
  // The path, or the database's folder with the segment's name or with what is missing of the history.
  const [folder, base] = [path.split('/').slice(0, 2).join('/'), path.split('/').at(-1)!]
  expect(outcome.message).toContain(`DIR/${folder}`)
  if (!outcome.message!.endsWith('what lies between is missing')) expect(outcome.message).toContain(base)
}

function pathsBelow(folder: string, prefix = ''): { path: string; isFolder: boolean }[] {
  return fs.readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = prefix + entry.name
    const own = { path, isFolder: entry.isDirectory() }
    return entry.isDirectory() ? [own, ...pathsBelow(join(folder, entry.name), `${path}/`)] : [own]
  })
}

const isSegment = (path: string): boolean => path.endsWith('.log')

function filesOf(pattern: RegExp): string[] {
  const files = pathsBelow(whole).filter(({ path, isFolder }) => !isFolder && pattern.test(path))
  expect(files.length, String(pattern)).toBeGreaterThan(0)
  return files.map(({ path }) => path)
}

function folderNamed(name: string): string {
  const databases = join(whole, 'databases')
  const uuid = fs.readdirSync(databases).find((each) => fs.readFileSync(join(databases, each, 'name'), 'utf8') === name)
  return `databases/${uuid}`
}

function flip(file: string, at: number): void {
  const bytes = fs.readFileSync(file)
  bytes[at]! ^= 1 << (at % 8)
  fs.writeFileSync(file, bytes)
}

/** A host to which the path is closed, as by its permissions; the superuser of a test would not notice those. */
function withoutAccess(directory: string, path: string): Host {
  const closed = join(directory, path)
  return hostOf((asked) => {
    if (asked === closed || asked.startsWith(`${closed}/`)) throw new DiskError('access', asked, `${asked}: EACCES`)
  })
}

test('the directory has what is to be damaged', async () => {
  expect(filesOf(/\.log$/).length).toBeGreaterThan(4)
  expect(filesOf(/checkpoint\/\d+\/(manifest|entries)$/).length).toBe(4)
  expect(filesOf(/newest-/).length).toBe(3)
  expect([...expected.values()].map((content) => content.length > 1000)).toEqual([true, true, false])
  expect(await outcomeOf(() => {})).toEqual({ end: 'same' })
})

describe('any one file', () => {
  const eachFile = async (check: (path: string) => Promise<void>): Promise<void> => {
    for (const path of filesOf(/./)) await check(path)
  }

  test('deleted', () =>
    eachFile(async (path) => {
      const outcome = await outcomeOf((directory) => fs.rmSync(join(directory, path)))
      expectSameOrFailure(outcome, path)
      if (/FORMAT|CONTENTS|\/name$/.test(path)) expect(outcome).toMatchObject({ end: 'failed', code: 'data_corrupted' })
    }))

  test('emptied', () =>
    eachFile(async (path) => {
      const outcome = await outcomeOf((directory) => fs.writeFileSync(join(directory, path), ''))
      expectSameOrFailure(outcome, path)
      if (isSegment(path)) expect(outcome.end).toBe('failed')
    }))

  test('cut', () =>
    eachFile(async (path) => {
      const { size } = fs.statSync(join(whole, path))
      for (const length of new Set([512, size >> 1, size - 1].filter((each) => each > 0 && each < size))) {
        const outcome = await outcomeOf((directory) => fs.truncateSync(join(directory, path), length))
        expectSameOrFailure(outcome, path)
      }
    }))

  test('replaced by garbage', () =>
    eachFile(async (path) => {
      const size = fs.statSync(join(whole, path)).size
      const garbage = Buffer.alloc(size, 'garbage of \xff\xfe\0/../ bytes', 'latin1')
      const outcome = await outcomeOf((directory) => fs.writeFileSync(join(directory, path), garbage))
      expectSameOrFailure(outcome, path)
      if (!/newest|spare/.test(path)) expect(outcome.end).toBe('failed')
    }))

  test('replaced by a folder', () =>
    eachFile(async (path) => {
      const replace = (directory: string): void => {
        fs.rmSync(join(directory, path))
        fs.mkdirSync(join(directory, path))
      }
      expectSameOrFailure(await outcomeOf(replace), path)
    }))

  test('that may not be read', () =>
    eachFile(async (path) => {
      const outcome = await outcomeOf(
        () => {},
        (directory) => withoutAccess(directory, path),
      )
      expectSameOrFailure(outcome, path)
      if (outcome.end === 'failed') expect(outcome.code).toBe('denied')
    }))

  test('with one bit flipped', () =>
    eachFile(async (path) => {
      const { size } = fs.statSync(join(whole, path))
      const places = new Set([0, 40, 530, size - 1].filter((at) => at >= 0 && at < size))
      for (const at of places) {
        const outcome = await outcomeOf((directory) => flip(join(directory, path), at))
        // The last group commit cannot be told from a torn one, but it is not dropped in silence.
        if (outcome.end === 'cut') expect(path).toBe(newestSegmentBeside(path))
        else expectSameOrFailure(outcome, path)
        // With another bit 5 is 4, which is brought up to date again.
        const isOlder = path === 'FORMAT' && at === 0
        if (/FORMAT|CONTENTS|name$/.test(path)) expect(outcome.end).toBe(isOlder ? 'same' : 'failed')
      }
    }))
})

function newestSegmentBeside(path: string): string {
  const folder = path.slice(0, path.lastIndexOf('/'))
  const segments = fs.readdirSync(join(whole, folder)).filter(isSegment)
  return `${folder}/${segments.sort().at(-1)}`
}

describe('any one folder', () => {
  const eachFolder = async (check: (path: string) => Promise<void>): Promise<void> => {
    for (const { path, isFolder } of pathsBelow(whole)) if (isFolder) await check(path)
  }

  test('deleted', () =>
    eachFolder(async (path) => {
      const outcome = await outcomeOf((directory) => fs.rmSync(join(directory, path), { recursive: true }))
      if (outcome.end === 'failed') expect(outcome.code).toBe('data_corrupted')
      if (path.endsWith('log') || path.split('/').length < 3) expect(outcome.end).toBe('failed')
    }))

  test('emptied', () =>
    eachFolder(async (path) => {
      const empty = (directory: string): void => {
        fs.rmSync(join(directory, path), { recursive: true })
        fs.mkdirSync(join(directory, path))
      }
      const outcome = await outcomeOf(empty)
      if (outcome.end === 'failed') expect(outcome.code).toBe('data_corrupted')
      if (path.endsWith('log') || path.split('/').length < 3) expect(outcome.end).toBe('failed')
    }))

  test('replaced by a file', () =>
    eachFolder(async (path) => {
      const replace = (directory: string): void => {
        fs.rmSync(join(directory, path), { recursive: true })
        fs.writeFileSync(join(directory, path), 'a file')
      }
      const outcome = await outcomeOf(replace)
      expect(outcome.end, path).toBe('failed')
      expect(outcome.message).toContain(`DIR/${path}`)
    }))
})

describe('more than one file', () => {
  const remove =
    (...paths: string[]) =>
    (directory: string): void => {
      for (const path of paths) fs.rmSync(join(directory, path), { recursive: true })
    }

  test.each(names)('log and checkpoint of %s deleted, or emptied', async (name) => {
    const folder = folderNamed(name)
    const deleted = await outcomeOf(remove(`${folder}/log`, `${folder}/checkpoint`))
    const emptied = await outcomeOf((directory) => {
      for (const each of ['log', 'checkpoint']) {
        remove(`${folder}/${each}`)(directory)
        fs.mkdirSync(join(directory, folder, each))
      }
    })
    for (const outcome of [deleted, emptied]) {
      expect(outcome).toMatchObject({ end: 'failed', code: 'data_corrupted' })
      expect(outcome.message).toMatch(`database "${name}" in DIR/${folder}/log: the log is missing`)
    }
  })

  test('FORMAT with CONTENTS deleted', async () => {
    const outcome = await outcomeOf(remove('FORMAT', 'CONTENTS'))
    expect(outcome).toMatchObject({ code: 'data_corrupted', message: expect.stringContaining('DIR/FORMAT is missing') })
  })

  test('CONTENTS replaced by one that does not list a database with data', async () => {
    const outcome = await outcomeOf((directory) => {
      fs.cpSync(join(whole, folderNamed('shop')), join(directory, 'databases/another'), { recursive: true })
    })
    expect(outcome).toMatchObject({
      code: 'data_corrupted',
      message: 'DIR/databases/another holds data, and DIR/CONTENTS does not list it',
    })
  })

  test('the newest segment deleted together with nothing else is named', async () => {
    const path = newestSegmentBeside(`${folderNamed('shop')}/log/x`)
    const outcome = await outcomeOf(remove(path))
    expect(outcome).toMatchObject({ code: 'data_corrupted' })
    expect(outcome.message).toMatch(/"shop" in DIR.*[0-9a-f]{16}\.log\+0: the segment is missing/)
  })

  test('files that are not ours change nothing', async () => {
    const outcome = await outcomeOf((directory) => {
      for (const folder of ['', 'databases', `${folderNamed('shop')}/checkpoint`, `${folderNamed('shop')}/log`]) {
        fs.writeFileSync(join(directory, folder, 'notes'), 'not ours')
      }
    })
    expect(outcome).toEqual({ end: 'same' })
  })
})

describe('a checkpoint of a newer number that is damaged', () => {
  test('does not cost the one before it', async () => {
    const directory = join(root, `copy ${++serial}`)
    fs.cpSync(whole, directory, { recursive: true })
    const newer = join(directory, folderNamed('shop'), 'checkpoint', '999999')
    fs.mkdirSync(newer)
    expect((await openOnce(directory, hostOf())).end).toBe('failed')
    fs.rmSync(newer, { recursive: true })
    expect((await openOnce(directory, hostOf())).end).toBe('same')
  })
})
