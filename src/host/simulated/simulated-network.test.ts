import { hear } from '../deaf.ts'
import { describe, expect, test } from 'vitest'
import type { Host, Socket } from '../host.ts'
import { SimulatedWorld } from './simulated-world.ts'

/** What only the simulated network does: faults, and what follows of a process's end. */
async function connect(world: SimulatedWorld): Promise<{ server: Log; client: Log }> {
  let accepted: Socket | undefined
  await world.complete(listen(world.startProcess('server'), (socket) => (accepted = socket)))
  const socket = await world.complete(world.startProcess('client').network.connect({ host: 'server', port: 1 }))
  await world.run()
  return { server: watch(accepted as Socket), client: watch(socket) }
}

function listen(host: Host, onConnection: (socket: Socket) => void): Promise<unknown> {
  return host.network.listen({ host: '127.0.0.1', port: 1 }, onConnection)
}

interface Log {
  readonly socket: Socket
  readonly chunks: string[]
  readonly events: string[]
}

function watch(socket: Socket): Log {
  const log: Log = { socket, chunks: [], events: [] }
  hear(socket, {
    onData: (chunk) => log.chunks.push(Buffer.from(chunk).toString()),
    onEnd: () => log.events.push('end'),
    onClose: () => log.events.push('close'),
  })
  return log
}

describe('the simulated network', () => {
  test('cuts what is written into pieces and joins what is written apart', async () => {
    const sizes = new Set<number>()
    for (let seed = 1; seed <= 20; seed += 1) {
      const world = new SimulatedWorld(seed)
      const { server, client } = await connect(world)
      for (const word of ['abcd', 'efgh', 'ijkl']) client.socket.write(Buffer.from(word))
      await world.run()
      expect(server.chunks.join('')).toBe('abcdefghijkl')
      for (const chunk of server.chunks) sizes.add(chunk.length)
    }
    expect(sizes).toContain(12)
    expect(sizes).toContain(1)
    expect(sizes.size).toBeGreaterThan(5)
  })

  test('delivers in any order between connections', async () => {
    const orders = new Set<string>()
    for (let seed = 1; seed <= 20; seed += 1) {
      const world = new SimulatedWorld(seed)
      const order: string[] = []
      await world.complete(
        listen(world.startProcess('server'), (socket) => {
          hear(socket, { onData: (chunk) => order.push(Buffer.from(chunk).toString()) })
        }),
      )
      const sockets: Socket[] = []
      for (const name of ['a', 'b']) {
        sockets.push(await world.complete(world.startProcess(name).network.connect({ host: 'server', port: 1 })))
      }
      await world.run()
      for (const [index, socket] of sockets.entries()) socket.write(Buffer.from(String(index)))
      await world.run()
      orders.add(order.join(''))
    }
    expect([...orders].sort()).toEqual(['01', '10'])
  })

  test('a cut closes both sides, a half-open connection one', async () => {
    for (const kind of ['cut', 'half-open'] as const) {
      for (let seed = 1; seed <= 10; seed += 1) {
        const world = new SimulatedWorld(seed)
        const { server, client } = await connect(world)
        world.faults.once({ fault: kind, process: 'server' })
        client.socket.write(Buffer.from('lost'))
        await world.run()
        const heard = [...server.events, ...client.events]
        expect(heard).toEqual(kind === 'cut' ? ['close', 'close'] : ['close'])
        expect(server.chunks).toEqual([])
        expect(world.faultCounts[kind]).toBe(1)
        // Who has not heard goes on into the void, until it gives up by itself.
        const deaf = server.events.length === 0 ? server : client
        deaf.socket.write(Buffer.alloc(20_000))
        await world.run()
        if (kind === 'half-open') expect(deaf.socket.pendingBytes).toBeGreaterThanOrEqual(20_000)
        deaf.socket.destroy()
        await world.run()
        expect(deaf.events).toEqual(['close'])
      }
    }
  })

  test('a paused receiver takes no more than its window', async () => {
    const world = new SimulatedWorld(1)
    const { server, client } = await connect(world)
    server.socket.pause()
    client.socket.write(Buffer.alloc(200_000))
    expect(await world.run({ maxSteps: 10_000 })).toBe('idle')
    expect(client.socket.pendingBytes).toBe(200_000 - 65_536)
    expect(server.chunks).toEqual([])
    server.socket.resume()
    server.socket.resume()
    await world.run()
    expect(server.chunks.join('').length).toBe(200_000)
  })

  test('connections of a process can be cut from outside', async () => {
    const world = new SimulatedWorld(1)
    const { server, client } = await connect(world)
    const process = world.startProcess('bystander')
    world.network.cut(process)
    await world.run()
    expect(server.events).toEqual([])
    client.socket.write(Buffer.from('x'))
    await world.run()
    expect(server.chunks).toEqual(['x'])
  })

  test('a process that ends frees its port and its peers hear of it, after a silence where the power failed', async () => {
    for (const kind of ['process', 'power'] as const) {
      const world = new SimulatedWorld(11)
      const server = world.startProcess('server')
      await world.complete(listen(server, () => {}))
      const client = world.startProcess('client')
      const log = watch(await world.complete(client.network.connect({ host: 'server', port: 1 })))
      await world.run()
      const crashedUs = world.timeUs
      world.crash(server, kind)
      await world.run({ until: () => log.events.length > 0 })
      expect(log.events).toHaveLength(1)
      if (kind === 'process') expect(world.timeUs - crashedUs).toBeLessThan(1000)
      else expect(world.timeUs - crashedUs).toBeGreaterThan(1000)
      await expect(world.complete(client.network.connect({ host: 'server', port: 1 }))).rejects.toMatchObject({
        code: 'refused',
      })
      await world.complete(listen(world.startProcess('server'), () => {}))
    }
  })

  test('refuses by chance, and delays', async () => {
    const world = new SimulatedWorld(1)
    const { server, client } = await connect(world)
    const sentUs = world.timeUs
    world.faults.once({ fault: 'slow-network' })
    client.socket.write(Buffer.from('x'))
    await world.run()
    expect(server.chunks).toEqual(['x'])
    expect(world.timeUs - sentUs).toBeGreaterThan(300)
    world.faults.probability = { refuse: 1 }
    const other = world.startProcess('other')
    await expect(world.complete(other.network.connect({ host: 'server', port: 1 }))).rejects.toThrow(/refused/)
  })

  test('copies on arrival: a sender that reuses its bytes too early is found out', async () => {
    const world = new SimulatedWorld(1)
    const { server, client } = await connect(world)
    const bytes = Buffer.from('good')
    client.socket.write(bytes)
    bytes.write('evil')
    await world.run()
    expect(server.chunks.join('')).toBe('evil')
  })
})
