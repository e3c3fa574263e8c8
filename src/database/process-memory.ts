/**
 * The memory of one process, divided: what the stores hold, and what everything that runs needs beside it.
 *
 *   limit (--memory-limit)
 *   ├─ the runtime itself      what the process has when it starts, some room, and a fifth of the limit for what its
 *   │                          allocators cannot use again: never handed out
 *   ├─ stored data             grows as the stores ask the system for chunks; writes are refused when nothing is left
 *   └─ work                    statements, cursors, queues, connections; each byte counts twice
 *
 * Work counts twice because a collector needs room: what a statement has let go of stays in the process until the next
 * collection, and V8 lets a heap grow to about twice of what lives in it before it collects (decision 074 has the
 * figures). For the same reason work has at most half of V8's own heap limit, whatever the machine has: beyond it the
 * process would end.
 *
 * Stored data may take seven eighths of what is handed out; then writes are refused, but for what makes room. So there is
 * always memory left to work with, also to delete something. Beyond a half writes are refused also where the process has
 * reached its limit by other means (`pressure`).
 *
 * One statement gets at most half of all work and one session three quarters of it, so that a single caller cannot keep all
 * others from working. An operator that can spill does so beyond `operatorBytes` already: a sort of a few megabytes is as
 * fast from a file as from memory, and leaves the memory to those who have no choice.
 */
import { MemoryAccount } from '../base/memory-account.ts'
import type { Host } from '../host/host.ts'
import { MemoryPressure } from './memory-pressure.ts'

export interface MemoryOptions {
  /** What the whole process may take. Default: 60 % of what there is. */
  readonly limitBytes?: number
  /** What an operator keeps before it spills. */
  readonly operatorBytes?: number
  /** Of one statement. */
  readonly statementBytes?: number
}

const defaultShare = 0.6
const workWeight = 2
/** What the allocator holds in pieces that nobody can use any more. */
const fragmentedShare = 0.2
const storedShare = 7 / 8
/** So much may be stored whatever else the process has grown by. */
const surelyStoredShare = 1 / 2
/** Of work, for connections as such: some thousands at the least limit that is of use. */
const connectionsShare = 1 / 4
/** Of work, for cursors that outlive their connections: nobody may come for them again for minutes. */
const cursorsShare = 1 / 4
/** For code that is compiled later, buffers of sockets, threads. */
const runtimeSpareBytes = 48 * 1024 * 1024
/** With less nothing useful can be done. */
const leastBytes = 16 * 1024 * 1024
const mostOperatorBytes = 64 * 1024 * 1024

export class ProcessMemory {
  readonly limitBytes: number
  readonly operatorBytes: number
  readonly statementBytes: number
  readonly sessionBytes: number
  readonly root: MemoryAccount
  readonly #handedOutBytes: number
  readonly stored: MemoryAccount
  readonly work: MemoryAccount
  /** Of `work`: what connections have beside what they hold. Never refused for want of memory elsewhere. */
  readonly connections: MemoryAccount
  /** Of `work`: what is kept for clients that may have gone. */
  readonly cursors: MemoryAccount
  /** What is measured. */
  readonly pressure: MemoryPressure

  /** Who can give up what nobody has asked for lately, where memory is short: how many bytes of `work` came free. */
  readonly holders: Set<(missingBytes: number) => number> = new Set()

  constructor(limitBytes: number, runtimeBytes: number, heapLimitBytes: number, options: MemoryOptions = {}) {
    this.limitBytes = limitBytes
    const handedOut = Math.max(limitBytes * (1 - fragmentedShare) - runtimeBytes, leastBytes)
    const workBytes = Math.min(handedOut / workWeight, heapLimitBytes / 2)
    this.root = new MemoryAccount('the server', undefined, { limitBytes: handedOut })
    this.#handedOutBytes = handedOut
    this.stored = this.root.child('stored data')
    this.pressure = new MemoryPressure(limitBytes, this.root, this.stored)
    this.work = this.root.child('all statements together', { limitBytes: workBytes, weight: workWeight })
    const connectionBytes = workBytes * connectionsShare
    this.connections = this.work.child('all connections together', {
      limitBytes: connectionBytes,
      assuredBytes: connectionBytes,
      // They come and go seldom enough to be asked for one by one.
      quantumBytes: 1,
    })
    this.cursors = this.work.child('all cursors together', { limitBytes: workBytes * cursorsShare })
    this.pressure.giveUp = (missingBytes) => this.#giveUp(missingBytes / workWeight)
    this.work.onRefusal = this.cursors.onRefusal = (missingBytes) => void this.#giveUp(missingBytes)
    this.statementBytes = options.statementBytes ?? workBytes / 2
    this.sessionBytes = (workBytes * 3) / 4
    this.operatorBytes = Math.min(options.operatorBytes ?? Math.min(workBytes / 32, mostOperatorBytes))
  }

  #giveUp(missingBytes: number): boolean {
    let freedBytes = 0
    for (const giveUp of this.holders) {
      if (freedBytes < missingBytes) freedBytes += giveUp(missingBytes - freedBytes)
    }
    return freedBytes > 0
  }

  static of(host: Host, options: MemoryOptions = {}): ProcessMemory {
    const { totalBytes, heapLimitBytes, residentBytes } = host.memory()
    const limit = options.limitBytes ?? Math.floor(totalBytes * defaultShare)
    const memory = new ProcessMemory(limit, residentBytes + runtimeSpareBytes, heapLimitBytes, options)
    memory.pressure.watch(host)
    return memory
  }

  /** For databases that nobody else shares a process with: tests, and tools. */
  static unlimited(): ProcessMemory {
    return new ProcessMemory(Infinity, 0, Infinity)
  }

  /** `freeBytes`: what stores have asked the system for, and could use without asking for more. */
  isFull(freeBytes: number): boolean {
    const storedShareUsed = (this.stored.usedBytes - freeBytes) / this.#handedOutBytes
    return storedShareUsed >= storedShare || (storedShareUsed >= surelyStoredShare && this.pressure.isSurelyAtLimit())
  }
}
