/** What only a conversation made for it brings about: when a request ends, and what it takes meanwhile. */
import { expect, test } from 'vitest'
import { ProcessMemory } from '../database/process-memory.ts'
import type { Host, Socket } from '../host/host.ts'
import { DoorCounts } from '../session/activity.ts'
import type { SessionHost } from '../session/contract.ts'
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
