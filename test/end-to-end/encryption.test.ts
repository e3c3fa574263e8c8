/** An encrypted data directory as people use one: by a file, by a command, with another key, and with a wrong one. */
import { chmod, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { open, openFollower } from '../../src/polylog.ts'
import { loggedAt, oneReply } from './data-folders.ts'
import { runPolylog, runPolylogWith, ServerProcess, withFolder } from './server-process.ts'

const [first, second] = ['11', 'a2'].map((byte) => byte.repeat(32)) as [string, string]

test('a directory is served, followed, verified and changed with its key, and with no other', () =>
  withFolder(async (outer) => {
    const [data, oldFile, newFile] = ['data', 'old', 'new'].map((name) => join(outer, name)) as [string, string, string]
    await writeFile(oldFile, `${first}\n`, { mode: 0o600 })
    await writeFile(newFile, Buffer.from(second, 'hex'), { mode: 0o600 })
    const withOld = ['--data', data, '--encryption-key-file', oldFile]
    const withNew = ['--data', data, '--encryption-key-command', `cat '${newFile}'`]

    const server = await ServerProcess.start(...withOld)
    await oneReply(server.port, 'SET', 'key', 'value')
    const follower = await openFollower(data, { encryptionKey: first })
    expect(await follower.read((snapshot) => snapshot.keys().get('key'))).toEqual(new Uint8Array(Buffer.from('value')))
    await follower.close()
    await expect(openFollower(data, { encryptionKey: second })).rejects.toMatchObject({ code: 'invalid_argument' })
    await server.kill()

    for (const [command, options, message] of [
      ['serve', ['--data', data], 'no key was given'],
      ['verify', withNew, 'is not the one of'],
    ] as const) {
      const { status, stderr } = await runPolylog(command, ...options)
      expect([status, stderr]).toEqual([2, expect.stringContaining(message)])
    }
    expect(await runPolylog('verify', ...withOld)).toMatchObject({ status: 0 })
    expect(await runPolylogWith({ input: 'pw\n' }, 'user', 'add', 'ada', '--admin', ...withOld)).toMatchObject({
      status: 0,
    })

    const rotate = ['key', 'rotate', ...withOld, '--new-key-file', newFile]
    const running = await ServerProcess.start(...withOld)
    expect((await runPolylog(...rotate)).status).toBe(3)
    await running.stop()
    const rotated = await runPolylog(...rotate)
    expect([rotated.status, loggedAt('info', rotated.stderr)]).toEqual([
      0,
      [expect.objectContaining({ message: 'encryption key changed' })],
    ])
    expect((await runPolylog(...rotate)).status).toBe(2)
    const after = await ServerProcess.start(...withNew)
    await after.stop()
    const db = await open(data, { encryptionKey: Buffer.from(second, 'hex') })
    expect(await db.read((snapshot) => snapshot.keys().get('key'))).toEqual(new Uint8Array(Buffer.from('value')))
    await db.close()
    await expect(open(data)).rejects.toMatchObject({ code: 'invalid_argument' })
    expect((await readFile(join(data, 'FORMAT'))).toString()).toBe('5\n')
  }))

test('what is no key, and a file that others may read, is said', () =>
  withFolder(async (outer) => {
    const [data, file] = [join(outer, 'data'), join(outer, 'key')]
    await writeFile(file, 'x'.repeat(32), { mode: 0o600 })
    const wrong = [
      ['--encryption-key-file', file],
      ['--encryption-key-file', join(outer, 'none')],
      ['--encryption-key-command', 'exit 3'],
      ['--encryption-key-file', file, '--encryption-key-command', 'true'],
    ]
    for (const options of wrong) {
      const { status, stderr } = await runPolylog('serve', '--data', data, ...options)
      expect([status, stderr]).toEqual([2, expect.stringContaining('--encryption-key-')])
    }
    expect((await runPolylog('serve', '--memory', '--encryption-key-file', file)).status).toBe(2)
    await expect(open(data, { encryptionKey: 'x'.repeat(32) })).rejects.toMatchObject({ code: 'invalid_argument' })
    await writeFile(file, Buffer.from(first, 'hex').toString('base64'))
    for (const command of [['verify'], ['user', 'list']]) {
      const online = ['--url', 'postgres://127.0.0.1:1/', '--encryption-key-file', file]
      expect((await runPolylog(...command, ...online)).stderr).toContain('is for --data')
    }
    await chmod(file, 0o644)
    const server = await ServerProcess.start('--data', data, '--encryption-key-file', file)
    const { status, stderr } = await server.stop()
    expect(status).toBe(0)
    expect(stderr).toContain('chmod 600')
  }))
