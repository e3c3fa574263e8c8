import { expect, test } from 'vitest'
import { sliceOf } from '../base/slice.ts'
import { SimulatedWorld } from '../host/simulated/simulated-world.ts'
import { startServer, type RunningServer } from './server.ts'

interface Running {
  readonly world: SimulatedWorld
  readonly server: RunningServer
  readonly disk: RunningServerDisk
  write(bytes?: number): void
  pass(ms: number): Promise<void>
}

type RunningServerDisk = ReturnType<SimulatedWorld['startProcess']>['disk']

async function start(): Promise<Running> {
  const world = new SimulatedWorld(3)
  const host = world.startProcess('server')
  const server = await world.complete(startServer({ instance: { host, directory: 'data' }, server: { port: 1 } }))
  const session = server.server.sessions.openSession({ user: 'me', door: 'test' })
  const write = (bytes = 5): void =>
    void session.run((tx) => tx.put(sliceOf(Uint8Array.of(40, 1, 1)), sliceOf(Buffer.alloc(bytes, 'value'))))
  write()
  const pass = (ms: number): Promise<void> => world.complete(new Promise<void>((resolve) => host.at(ms, resolve)))
  return { world, server, disk: world.startProcess('other', { machine: 'server' }).disk, write, pass }
}

test('nothing is said while the directory lies where it was, and a stop is clean', async () => {
  const { world, server, write, pass } = await start()
  await pass(3000)
  write()
  await world.complete(server.stop())
  expect(world.logged).toEqual([])
})

const losses: [string, (disk: RunningServerDisk, folder: string) => Promise<void>][] = [
  ['is renamed', (disk) => disk.rename('data', 'elsewhere')],
  ['is replaced', (disk) => disk.rename('data', 'elsewhere').then(() => disk.makeFolder('data'))],
  ['loses its databases', (disk) => disk.rename('data/databases', 'data/away')],
  ['loses a log', (disk, folder) => disk.rename(`${folder}/log`, `${folder}/away`)],
]

test.each(losses)('a directory that %s is noticed in a second: said, no writes, no clean stop', async (_, lose) => {
  const { world, server, disk, write, pass } = await start()
  await pass(1000)
  const [uuid] = await world.complete(disk.list('data/databases'))
  await world.complete(lose(disk, `data/databases/${uuid}`))
  await pass(1000)
  expect(world.logged).toEqual([
    expect.objectContaining({
      level: 'error',
      message: expect.stringMatching(/^data.* was removed, renamed or replaced/),
    }),
  ])
  expect(write).toThrow(/read-only.*the data directory is lost/)
  await expect(world.complete(server.stop())).rejects.toThrow('removed, renamed or replaced')
  expect(world.logged).toHaveLength(1)
})

test('a log that fails first, because its next segment has no folder, has failed of the directory', async () => {
  const { world, server, disk, write, pass } = await start()
  await pass(1200)
  await world.complete(disk.rename('data', 'elsewhere'))
  const { pipeline } = server.instance.databases.get('polylog')!
  while (pipeline.failure === undefined) {
    write(100_000)
    await pass(20)
  }
  expect(pipeline.failure.message).toMatch(/^the log failed/)
  await pass(1000)
  expect(write).toThrow(/read-only.*the data directory is lost.*removed, renamed or replaced/)
  await expect(world.complete(server.stop())).rejects.toThrow('removed, renamed or replaced')
})

test('a directory that goes just before the stop is noticed by it', async () => {
  const { world, server, disk, pass } = await start()
  await pass(1000)
  await world.complete(disk.rename('data', 'elsewhere'))
  await expect(world.complete(server.stop())).rejects.toThrow('removed, renamed or replaced')
  expect(world.logged).toHaveLength(1)
})
