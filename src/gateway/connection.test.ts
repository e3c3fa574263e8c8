/** What only a conversation made for it brings about: when a request ends, and what it takes meanwhile. */
import { expect, test } from 'vitest'
import type { PolylogError } from '../base/errors.ts'
import { ProcessMemory } from '../database/process-memory.ts'
import type { Host, Socket } from '../host/host.ts'
import { DoorCounts } from '../session/activity.ts'
import type { SessionHost } from '../session/contract.ts'
import type { SessionLimits } from '../session/limits.ts'
import { Connection } from './connection.ts'
import { type Conversation, type GatewayLimits, step, type Step } from './gateway.ts'
import { ReceiveBuffer } from './receive-buffer.ts'
import { Turns } from './turns.ts'

/** Time passes when it is told to. */
class Clock {
  readonly #timers = new Set<() => void>()

  readonly host = {
    now: () => 0,
    monotonic: () => 0,
    turn: (run: () => void) => void this.#timers.add(run),
    at: (_delayMs: number, run: () => void) => {
      const timer = (): void => run()
      this.#timers.add(timer)
      return () => void this.#timers.delete(timer)
    },
  } as unknown as Host

  passes(): void {
    const due = [...this.#timers]
    this.#timers.clear()
    for (const timer of due) timer()
  }
}

/** A byte begins a COPY; each further one is a part of it, which ends when the test says so. */
class CopyConversation implements Partial<Conversation> {
  readonly input = new ReceiveBuffer(1024)
  isCanceled = false
  isClosed = false
  endPart: () => void = () => undefined
  #runs = false
  #partWaits = false

  get takesMore(): boolean {
    return this.#runs && !this.#partWaits
  }

  next(): Step | Promise<void> {
    const { input } = this
    if (input.start === input.end) return step.more
    input.start++
    if (!this.#runs) {
      this.#runs = true
      return new Promise(() => undefined)
    }
    this.#partWaits = true
    return new Promise<void>((resolve) => (this.endPart = resolve)).then(() => void (this.#partWaits = false))
  }

  refuse(): void {}

  cancel(): void {
    this.isCanceled = true
  }

  close(): void {
    this.isClosed = true
  }
}

function fakeSocket(): Socket {
  const calls = { write: () => true, pause() {}, resume() {}, end() {}, destroy() {} }
  return { ...calls, remote: 'test', pendingBytes: 0 } as unknown as Socket
}

test('who ends its half in the middle of a COPY is given up also where a part of it ends after that', async () => {
  const clock = new Clock()
  const socket = fakeSocket()
  const conversation = new CopyConversation()
  const principals = { areProved: false }
  const sessions = { host: clock.host, memory: ProcessMemory.unlimited(), principals } as unknown as SessionHost
  const door = {
    sessions,
    limits: { maxPendingOutputBytes: 1024, maxMessageBytes: 1024 } as GatewayLimits,
    turns: new Turns(clock.host, Infinity),
    counts: new DoorCounts('test'),
    closed: () => undefined,
  }
  const connection = new Connection(door, 1, socket, {}, { converse: () => conversation as unknown as Conversation })
  connection.onData(Uint8Array.of(1, 2))
  expect(connection.isWaiting).toBe(true)
  socket.listener.onEnd()
  conversation.endPart()
  await new Promise((resolve) => setImmediate(resolve))
  clock.passes()
  expect(conversation.isCanceled).toBe(true)
  clock.passes()
  expect(conversation.isClosed).toBe(true)
  expect(sessions.memory.work.usedBytes).toBe(0)
})

/** Waits for more than ever comes. */
class HalfMessage implements Partial<Conversation> {
  readonly input = new ReceiveBuffer(1024 * 1024)
  refusal: PolylogError | undefined

  next(): Step {
    return step.more
  }

  refuse(error: PolylogError): void {
    this.refusal = error
  }

  cancel(): void {}
  close(): void {}
}

test.each([
  ['of one that nobody knows is held up to 64 KiB', false, 64 * 1024],
  ['of one that speaks the protocol is held up to what a session may have', true, 300 * 1024],
])('half a message %s', (_, isGreeted, mostBytes) => {
  const memory = ProcessMemory.unlimited()
  const conversation = new HalfMessage()
  const sessions = { host: new Clock().host, memory, principals: { areProved: false } } as unknown as SessionHost
  const door = {
    sessions,
    limits: { maxPendingOutputBytes: 1024 } as GatewayLimits,
    counts: new DoorCounts('test'),
    turns: new Turns(sessions.host),
    closed: () => undefined,
  }
  const state = { converse: () => conversation as unknown as Conversation, close: () => undefined }
  const connection = new Connection(door, 1, fakeSocket(), {}, state)
  if (isGreeted) connection.greet({ sessionBytes: mostBytes, queuedBytes: Infinity } as SessionLimits)
  let heldBytes = 0
  for (let i = 0; i < 1000 && conversation.refusal === undefined; i++) {
    heldBytes = connection.chargedBytes
    connection.onData(new Uint8Array(1000))
  }
  expect(conversation.refusal?.code).toBe('out_of_memory')
  expect(heldBytes).toBeGreaterThan(mostBytes / 2)
  expect(heldBytes).toBeLessThanOrEqual(mostBytes)
  connection.onClose()
  expect(memory.work.usedBytes).toBe(0)
})
