/**
 * What a connection takes that has been used and does nothing now: objects of the heap and memory beside it, by the collector's
 * own count. Sockets are stood in for, so that it is what the gateway, its session and their parts have.
 *
 * A connection that rests has no buffers, no parser's state, nothing that most never ask for (decision 102).
 */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Door } from '../gateway/door.ts'
import { defaultGatewayLimits } from '../gateway/gateway.ts'
import { deaf } from '../host/deaf.ts'
import type { Socket, SocketListener } from '../host/host.ts'
import { openTestSessions, type TestSessions } from '../session/testing.ts'
import { probes } from './gateway-probes.ts'
import { protocols, type ProtocolName } from './protocols.ts'

class Peer implements Socket {
  received: Buffer | undefined
  listener: SocketListener = deaf
  readonly remote = 'peer:1'
  readonly isLocal = true
  readonly pendingBytes = 0
  readonly onAnswer: () => void

  constructor(onAnswer: () => void) {
    this.onAnswer = onAnswer
  }

  write(bytes: Uint8Array): boolean {
    this.received = this.received === undefined ? Buffer.from(bytes) : Buffer.concat([this.received, bytes])
    this.onAnswer()
    return true
  }

  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {}
}

setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

async function heldBytes(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    await new Promise((resolve) => setImmediate(resolve))
    collect()
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

let opened: TestSessions

beforeAll(async () => {
  opened = await openTestSessions()
})

afterAll(async () => opened.close())

/** Says it, and waits for one answer. */
function ask(peer: Peer, countAnswers: (received: Buffer) => number, say: () => void): Promise<void> {
  return new Promise((resolve) => {
    Object.assign(peer, {
      onAnswer: () => {
        if (peer.received === undefined || countAnswers(peer.received) === 0) return
        peer.received = undefined
        resolve()
      },
    })
    say()
  })
}

async function used(door: Door, name: ProtocolName): Promise<Peer> {
  const { openings, request, countAnswers } = probes[name]
  const peer = new Peer(() => undefined)
  door.accept(peer, Buffer.alloc(0))
  for (const message of [openings[0]!, request])
    await ask(peer, countAnswers, () => peer.listener.onData(Buffer.from(message)))
  Object.assign(peer, { onAnswer: undefined })
  return peer
}

/** Less than twice what was measured: 1.5, 4.4 and 4.1 KB, 150 bytes of each are the test's own. */
test.each<[ProtocolName, number]>([
  ['redis', 2700],
  ['postgres', 8000],
  ['mongodb', 7500],
])('%s: an idle connection takes no more than %d bytes', async (name, mostBytes) => {
  const door = new Door(protocols.get(name)!, opened.sessions, defaultGatewayLimits)
  const peers: Peer[] = []
  const open = async (count: number): Promise<void> => {
    for (let i = 0; i < count; i++) peers.push(await used(door, name))
  }
  // What is made for the first ones stays, and is shared.
  await open(50)
  const before = await heldBytes()
  await open(200)
  const each = ((await heldBytes()) - before) / 200
  for (const peer of peers) peer.listener.onClose()
  await door.close(0)
  expect(each).toBeLessThan(mostBytes)
})
