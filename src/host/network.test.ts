import { hear } from './deaf.ts'
import { describe, expect, test } from 'vitest'
import type { Host, Listener, Socket } from './host.ts'
import { createRealHost } from './real/real-host.ts'
import { SimulatedWorld } from './simulated/simulated-world.ts'

/** What every `Network` does, with real sockets on the loopback and with simulated ones. */
interface Subject {
  readonly name: string
  run(body: (host: Host) => Promise<void>): Promise<void>
}

const subjects: Subject[] = [
  { name: 'real', run: (body) => body(createRealHost()) },
  ...[1, 2, 3].map((seed) => ({
    name: `simulated (seed ${seed})`,
    run: async (body: (host: Host) => Promise<void>): Promise<void> => {
      const world = new SimulatedWorld(seed)
      await world.complete(body(world.startProcess('p')), { maxSteps: 100_000 })
      expect(world.fatals).toEqual([])
    },
  })),
]

const LOCAL = { host: '127.0.0.1', port: 0 }

/** What happened to a socket, in order; neighbouring chunks are joined. */
class Witness {
  readonly socket: Socket
  readonly events: string[] = []
  received = 0
  #lastKind = ''
  #changed: () => void = () => {}

  constructor(socket: Socket) {
    this.socket = socket
    hear(socket, {
      onData: (chunk) => this.#add('data ', Buffer.from(chunk).toString('latin1')),
      onEnd: () => this.#add('end'),
      onDrain: () => this.#add('drain'),
      onClose: () => this.#add('close'),
    })
  }

  async until(condition: (events: string[]) => boolean): Promise<void> {
    while (!condition(this.events)) await new Promise<void>((resolve) => (this.#changed = resolve))
  }

  #add(kind: string, text = ''): void {
    const last = this.events.length - 1
    if (kind === 'data ' && this.#lastKind === kind) this.events[last] += text
    else this.events.push(kind + text)
    this.#lastKind = kind
    this.received += text.length
    this.#changed()
  }
}

async function pair(host: Host): Promise<{ client: Witness; server: Witness; close: () => Promise<void> }> {
  let accept: (server: Witness) => void
  const accepted = new Promise<Witness>((resolve) => (accept = resolve))
  const listener = await host.network.listen(LOCAL, (socket) => accept(new Witness(socket)))
  const client = new Witness(await host.network.connect(listener.address))
  return { client, server: await accepted, close: () => listener.close() }
}

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1')

describe.each(subjects)('$name network', ({ run }) => {
  test('carries bytes both ways, in order, until both sides have ended', () =>
    run(async (host) => {
      const { client, server, close } = await pair(host)
      for (const word of ['one ', 'two ', 'three']) expect(client.socket.write(bytes(word))).toBe(true)
      client.socket.end()
      await server.until((events) => events.includes('end'))
      // Our half goes on after theirs has ended.
      server.socket.write(bytes('answer'))
      server.socket.end()
      await Promise.all([client, server].map((side) => side.until((events) => events.includes('close'))))
      expect(server.events).toEqual(['data one two three', 'end', 'close'])
      expect(client.events).toEqual(['data answer', 'end', 'close'])
      await close()
    }))

  test('holds back what the other side does not take, and tells when it has', () =>
    run(async (host) => {
      const { client, server, close } = await pair(host)
      server.socket.pause()
      // Far beyond what the kernels of both sides hold.
      const block = new Uint8Array(1 << 20).fill(0x61)
      for (let count = 0; count < 12; count += 1) client.socket.write(block)
      expect(client.socket.write(bytes('z'))).toBe(false)
      expect(client.socket.pendingBytes).toBeGreaterThan(0)
      for (let count = 0; count < 50; count += 1) await new Promise<void>((resolve) => host.turn(resolve))
      expect(server.events).toEqual([])
      expect(client.events).toEqual([])
      expect(client.socket.pendingBytes).toBeGreaterThan(1 << 20)
      server.socket.resume()
      await client.until((events) => events.includes('drain'))
      expect(client.socket.pendingBytes).toBe(0)
      await server.until(() => server.received === 12 * block.length + 1)
      expect(server.events[0]?.endsWith('az')).toBe(true)
      client.socket.destroy()
      await server.until((events) => events.includes('end') || events.includes('close'))
      server.socket.destroy()
      await close()
    }))

  test('destroy closes our side at once and theirs soon; later calls do nothing', () =>
    run(async (host) => {
      const { client, server, close } = await pair(host)
      client.socket.destroy()
      client.socket.destroy()
      expect(client.socket.write(bytes('late'))).toBe(true)
      client.socket.end()
      await client.until((events) => events.includes('close'))
      await server.until((events) => events.includes('end') || events.includes('close'))
      if (!server.events.includes('close')) {
        // Whoever goes on writing to a side that is no more is told in the end.
        while (!server.events.includes('close')) {
          server.socket.write(bytes('into the void'))
          await new Promise<void>((resolve) => void host.at(1, resolve))
        }
      }
      expect(client.events).toEqual(['close'])
      expect(server.events.filter((event) => event === 'close')).toHaveLength(1)
      expect(server.socket.write(bytes('late'))).toBe(true)
      expect(server.socket.pendingBytes).toBe(0)
      await close()
    }))

  test('refuses where nobody listens, and a port that is in use', () =>
    run(async (host) => {
      const listener = await host.network.listen(LOCAL, (socket) => socket.destroy())
      expect(listener.address.port).toBeGreaterThan(0)
      await expect(host.network.listen(listener.address, () => {})).rejects.toMatchObject({ code: 'address-in-use' })
      await listener.close()
      await expect(host.network.connect(listener.address)).rejects.toMatchObject({ code: 'refused' })
      await (await host.network.listen(listener.address, () => {})).close()
    }))

  test('a listener that closes leaves its connections alone', () =>
    run(async (host) => {
      const { client, server, close } = await pair(host)
      await close()
      client.socket.write(bytes('still here'))
      await server.until((events) => events.length > 0)
      await server.until((events) => events[0] === 'data still here')
      client.socket.end()
      server.socket.end()
      await client.until((events) => events.includes('close'))
    }))

  test('a socket in the file system carries bytes as a port does', () =>
    run(async (host) => {
      const path = `/tmp/polylog-network-${process.pid}.sock`
      let accept: (server: Witness) => void
      const arrival = new Promise<Witness>((resolve) => (accept = resolve))
      const listen = (): Promise<Listener> =>
        host.network.listen({ host: '', port: 0, path }, (socket) => accept(new Witness(socket)))
      const listener = await listen()
      const client = new Witness(await host.network.connect({ host: '', port: 0, path }))
      client.socket.write(bytes('question'))
      const accepted = await arrival
      expect(accepted.socket.isLocal).toBe(true)
      await accepted.until((events) => events[0] === 'data question')
      accepted.socket.end()
      client.socket.end()
      await client.until((events) => events.includes('close'))
      await expect(listen()).rejects.toMatchObject({ code: 'address-in-use' })
      await listener.close()
      await (await listen()).close()
    }))
})
