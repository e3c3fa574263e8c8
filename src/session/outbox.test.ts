import { deaf } from '../host/deaf.ts'
import { describe, expect, test } from 'vitest'
import { PolylogError } from '../base/errors.ts'
import type { SocketListener, Socket } from '../host/host.ts'
import type { Durability, Sequence } from '../log/commit-log.ts'
import { nothingSeen, Outbox, type DurabilityWatch, type StandIn, type Witness } from './outbox.ts'

/** A log whose progress the test tells. */
class Progress implements DurabilityWatch {
  through: Record<Durability, Sequence> = { memory: 1000, written: 0, synced: 0 }
  failure: PolylogError | undefined
  readonly #refused: [first: Sequence, last: Sequence][] = []
  #waiting: { sequence: Sequence; level: Durability; run: (error?: PolylogError) => void }[] = []

  durableThrough(level: Durability): Sequence {
    return this.through[level]
  }

  isDurable(sequence: Sequence, level: Durability): boolean {
    return !this.#isRefused(sequence) && this.through[level] >= sequence
  }

  #isRefused(sequence: Sequence): boolean {
    return this.#refused.some(([first, last]) => sequence >= first && sequence <= last)
  }

  whenDurable(sequence: Sequence, level: Durability, run: (error?: PolylogError) => void): void {
    if (this.#isRefused(sequence)) run(new PolylogError('disk_full', 'no space'))
    else if (this.through[level] >= sequence) run()
    else this.#waiting.push({ sequence, level, run })
  }

  reach(level: Durability, sequence: Sequence): void {
    this.through[level] = sequence
    this.#wake((waiter) => this.through[waiter.level] >= waiter.sequence)
  }

  /** A full disk: what is behind `sequence` never was; later sequences are of others. */
  takeBack(sequence: Sequence, last: Sequence = sequence + 10): void {
    this.#refused.push([sequence + 1, last])
    this.#wake((waiter) => waiter.sequence > sequence, new PolylogError('disk_full', 'no space'))
  }

  fail(error: PolylogError): void {
    this.failure = error
    this.#wake(() => true, error)
  }

  #wake(ready: (waiter: { sequence: Sequence; level: Durability }) => boolean, error?: PolylogError): void {
    const woken = this.#waiting.filter(ready)
    this.#waiting = this.#waiting.filter((waiter) => !woken.includes(waiter))
    for (const { run } of woken) run(error)
  }
}

class Peer {
  text = ''
  writes = 0
  pendingBytes = 0
  listener: SocketListener = deaf
  remote = 'peer'
  isLocal = true

  write(bytes: Uint8Array): boolean {
    this.writes++
    this.text += Buffer.from(bytes).toString()
    return true
  }

  pause(): void {}
  resume(): void {}
  end(): void {}
  destroy(): void {}
}

function open(standIn?: (isLasting: boolean) => StandIn | undefined): {
  peer: Peer
  log: Progress
  outbox: Outbox
  failures: string[]
  say: Say
  caller: Caller
} {
  const peer: Peer & Socket = new Peer()
  const log = new Progress()
  const failures: string[] = []
  const caller = callerOf(log)
  const outbox = new Outbox(peer, caller, {
    repliesLost: (error) => failures.push(error.code),
    ...(standIn && { standInFor: standIn }),
  })
  const say: Say = (text, sequence, level = 'synced') => {
    caller.seen = sequence
    caller.durability = level
    outbox.writer.copy(Buffer.from(text))
  }
  return { peer, log, outbox, failures, say, caller }
}

/** A session whose progress the test tells; a refusal leaves it with what `forgetsTo` says. */
interface Caller extends Witness {
  seen: Sequence
  durability: Durability
  forgetsTo: Sequence
}

function callerOf(durabilityWatch: DurabilityWatch): Caller {
  return {
    seen: 0,
    durability: 'synced',
    durabilityWatch,
    forgetsTo: 0,
    forgetRefused() {
      this.seen = Math.max(this.seen, this.forgetsTo)
    },
  }
}

type Say = (text: string, sequence: Sequence, level?: Durability) => void

describe('the outbox', () => {
  test('sends at once what has seen nothing that a crash can take back, all of a turn in one write', () => {
    const { peer, log, outbox, say } = open()
    log.reach('synced', 5)
    say('a', 5)
    say('b', 3)
    expect(peer.text).toBe('')
    outbox.flush()
    expect([peer.text, peer.writes]).toEqual(['ab', 1])
  })

  test('asks the socket what it holds when bytes leave or it is told to, not for every reply', () => {
    const { peer, log, outbox, say } = open()
    log.reach('synced', 5)
    let held = 0
    let asked = 0
    Object.defineProperty(peer, 'pendingBytes', {
      get: () => {
        asked++
        return held
      },
    })
    const askedIn = (work: () => void): number => {
      const before = asked
      work()
      return asked - before
    }
    const pipeline = (): void => {
      for (let i = 0; i < 100; i++) {
        say('reply', 1)
        expect(outbox.mayReach(1000)).toBe(false)
      }
    }
    expect(askedIn(pipeline)).toBe(0)
    held = 1000
    expect(askedIn(() => outbox.flush())).toBe(1)
    expect(outbox.mayReach(1000)).toBe(true)
    held = 0
    expect(askedIn(() => outbox.drained())).toBe(1)
    held = 1000
    expect(askedIn(() => outbox.askSocket())).toBe(1)
    expect(outbox.mayReach(1000)).toBe(true)
    held = 0
    outbox.askSocket()
    expect(askedIn(pipeline)).toBe(0)
  })

  test('holds a reply, and everything behind it, until what it has seen is durable', () => {
    const { peer, log, outbox, say } = open()
    say('a', 2)
    outbox.flush()
    say('b', 0)
    outbox.flush()
    expect(peer.text).toBe('')
    log.reach('synced', 1)
    expect(peer.text).toBe('')
    log.reach('synced', 2)
    expect(peer.text).toBe('ab')
  })

  test('keeps order over many flushes', () => {
    const { peer, log, outbox, say } = open()
    for (let i = 0; i < 10; i++) {
      say(String(i), 10 - i)
      outbox.flush()
    }
    log.reach('synced', 9)
    expect(peer.text).toBe('')
    log.reach('synced', 10)
    expect(peer.text).toBe('0123456789')
  })

  test('lets go at once of a flush that tells only that the client may go on, in its place', () => {
    const { peer, log, outbox, say } = open()
    const bare = (text: string): void => {
      const start = outbox.writer.end
      say(text, 7)
      outbox.noteBare(start)
    }
    bare('a')
    bare('b')
    outbox.flush()
    expect(peer.text).toBe('ab')
    bare('c')
    say('d', 7)
    bare('e')
    outbox.flush()
    bare('f')
    outbox.flush()
    expect(peer.text).toBe('ab')
    log.reach('synced', 7)
    expect(peer.text).toBe('abcdef')
  })

  test('holds what stands where bytes that told nothing were taken back', () => {
    const { peer, outbox, say } = open()
    say('tag', 7)
    outbox.noteBare(0)
    outbox.truncate(1)
    say('he', 7)
    outbox.flush()
    expect(peer.text).toBe('')
  })

  test('waits at the level of each flush, and at the strictest of those in one', () => {
    const { peer, log, outbox, say } = open()
    say('a', 1, 'memory')
    outbox.flush()
    expect(peer.text).toBe('a')
    say('b', 2, 'synced')
    say('c', 3, 'memory')
    outbox.flush()
    log.reach('written', 3)
    expect(peer.text).toBe('a')
    log.reach('synced', 3)
    expect(peer.text).toBe('abc')
    say('d', 4, 'written')
    outbox.flush()
    expect(peer.text).toBe('abc')
    log.reach('written', 4)
    expect(peer.text).toBe('abcd')
  })

  test('after a failure nothing that was held leaves, and the owner is told once', () => {
    const { peer, log, outbox, failures, say } = open()
    say('a', 1)
    outbox.flush()
    say('b', 2)
    outbox.flush()
    say('c', 3)
    log.fail(new PolylogError('outcome_unknown', 'sync failed'))
    log.reach('synced', 100)
    outbox.flush()
    expect([peer.text, failures]).toEqual(['', ['outcome_unknown']])
  })

  test('looks at the database that the reply has seen, though the connection has changed to another', () => {
    const peer: Peer & Socket = new Peer()
    const [first, second] = [new Progress(), new Progress()]
    const [one, other] = [callerOf(first), callerOf(second)]
    const outbox = new Outbox(peer, one, { repliesLost: () => undefined })
    second.reach('synced', 50)
    one.seen = 7
    outbox.writer.copy(Buffer.from('a'))
    other.seen = 50
    outbox.witness = other
    outbox.writer.copy(Buffer.from('b'))
    outbox.flush()
    first.reach('synced', 6)
    expect(peer.text).toBe('')
    first.reach('synced', 7)
    expect(peer.text).toBe('ab')
  })

  test('of a database that nothing was said of it waits for nothing', () => {
    const peer: Peer & Socket = new Peer()
    const [first, second] = [new Progress(), new Progress()]
    const outbox = new Outbox(peer, { ...callerOf(first), seen: 7 }, { repliesLost: () => undefined })
    expect(outbox.writer.end).toBe(0)
    outbox.witness = callerOf(second)
    outbox.writer.copy(Buffer.from('b'))
    outbox.flush()
    expect(peer.text).toBe('b')
  })

  test('waits for what each of several witnesses of one database has seen', () => {
    const peer: Peer & Socket = new Peer()
    const log = new Progress()
    const outbox = new Outbox<Witness>(peer, nothingSeen, { repliesLost: () => undefined })
    outbox.writerFor({ ...callerOf(log), seen: 3 }).copy(Buffer.from('a'))
    outbox.writerFor({ ...callerOf(log), seen: 9, durability: 'memory' }).copy(Buffer.from('b'))
    outbox.writerFor({ ...callerOf(log), seen: 2, durability: 'written' }).copy(Buffer.from('c'))
    outbox.flush()
    outbox.writerFor(nothingSeen).copy(Buffer.from('d'))
    outbox.flush()
    log.reach('written', 9)
    log.reach('synced', 8)
    expect(peer.text).toBe('')
    log.reach('synced', 9)
    expect(peer.text).toBe('abcd')
  })

  test('asks again at the flush: what was written may have seen more than when it began', () => {
    const peer: Peer & Socket = new Peer()
    const log = new Progress()
    const caller = callerOf(log)
    const outbox = new Outbox(peer, caller, { repliesLost: () => undefined })
    const { writer } = outbox
    caller.seen = 5
    writer.copy(Buffer.from('a'))
    outbox.flush()
    expect(peer.text).toBe('')
    log.reach('synced', 5)
    expect(peer.text).toBe('a')
  })

  test('keeps the level at which a reply was written, though a looser one is asked for behind it', () => {
    const { peer, log, outbox, say } = open()
    say('a', 4, 'synced')
    say('b', 4, 'memory')
    outbox.flush()
    say('c', 4, 'memory')
    outbox.flush()
    expect(peer.text).toBe('')
    log.reach('synced', 4)
    expect(peer.text).toBe('abc')
  })

  test('does not forget what a reply had seen when the state goes back before it leaves', () => {
    const { outbox, log, failures, peer, say } = open()
    say('a', 9)
    say('b', 4)
    outbox.flush()
    log.reach('synced', 5)
    log.takeBack(5)
    expect([peer.text, failures]).toEqual(['', ['disk_full']])
  })

  test("gives its memory away while it rests, and takes no other one's", () => {
    const [a, b] = [open(), open()]
    const kept = a.outbox.writer
    a.say('first', 0)
    a.outbox.rest()
    expect(kept.bytes.length).toBeGreaterThan(0)
    a.outbox.flush()
    a.outbox.rest()
    expect(kept.bytes.length).toBe(0)
    b.say('second', 0)
    // Who has kept a writer against the rule has memory of its own.
    kept.copy(Buffer.from('stale'))
    b.outbox.flush()
    expect([a.peer.text, b.peer.text]).toEqual(['first', 'second'])
  })

  test('tells its witness of a client that does not read, and what it has not taken', () => {
    const peer: Peer & Socket = new Peer()
    const told: number[] = []
    const outbox = new Outbox(
      peer,
      { ...nothingSeen, waitsForClient: (client) => told.push(client.untakenBytes) },
      { repliesLost: () => undefined },
    )
    outbox.writer.copy(Buffer.from('abc'))
    expect(outbox.roomBelow(10)).toBeUndefined()
    peer.pendingBytes = 12
    expect(outbox.roomBelow(10)).toBeInstanceOf(Promise)
    expect(told).toEqual([12])
  })

  test('makes producers wait while too much is pending', async () => {
    const { peer, log, outbox, say } = open()
    say('x'.repeat(100), 1)
    expect(outbox.roomBelow(1000)).toBeUndefined()
    let hasRoom = false
    const room = outbox.roomBelow(100)
    void room?.then(() => (hasRoom = true))
    await Promise.resolve()
    expect(hasRoom).toBe(false)
    expect(outbox.pendingBytes).toBe(100)
    peer.pendingBytes = 100
    log.reach('synced', 1)
    await Promise.resolve()
    expect(hasRoom).toBe(false)
    peer.pendingBytes = 0
    outbox.drained()
    await room
    expect(hasRoom).toBe(true)
  })

  test('runs what comes afterwards once all has left', () => {
    const { peer, log, outbox, say } = open()
    const seen: string[] = []
    outbox.afterwards(() => seen.push('empty'))
    say('a', 1)
    outbox.afterwards(() => seen.push(peer.text))
    outbox.drained()
    expect(seen).toEqual(['empty'])
    log.reach('synced', 1)
    expect(seen).toEqual(['empty', 'a'])
  })

  test('gives its buffer away where a reply is large, and copies where it is small', () => {
    const { peer, outbox, say } = open()
    const large = 'y'.repeat(200_000)
    say(large, 0)
    outbox.flush()
    say('z', 0)
    outbox.flush()
    expect(peer.text).toBe(`${large}z`)
  })

  test('a closed one sends nothing and lets waiters go', async () => {
    const { peer, log, outbox, say } = open()
    say('a', 1)
    const room = outbox.roomBelow(1)
    outbox.close()
    await room
    log.reach('synced', 1)
    outbox.flush()
    expect(peer.text).toBe('')
  })

  test('a reply whose transaction was taken back does not leave, however far the log comes afterwards', () => {
    const { peer, log, outbox, failures, say } = open()
    say('one', 5)
    outbox.flush()
    say('two', 7)
    outbox.flush()
    log.takeBack(5)
    log.reach('synced', 7)
    expect(peer.text).not.toContain('two')
    expect(failures).toEqual(['disk_full'])
  })
})

describe('where a full disk has refused what replies had seen', () => {
  const shout: StandIn = (bytes, error) => Buffer.from(`[${Buffer.from(bytes).toString()} ${error.code}]`)

  test('what the door says leaves in their place, in order, and the connection goes on', () => {
    const { peer, log, outbox, failures, say, caller } = open(() => shout)
    caller.forgetsTo = 20
    for (const [text, sequence] of [
      ['a', 5],
      ['b', 6],
      ['c', 7],
    ] as const) {
      say(text, sequence)
      outbox.flush()
    }
    log.takeBack(5, 19)
    expect([peer.text, caller.seen]).toEqual(['', 20])
    log.reach('synced', 5)
    expect(peer.text).toBe('a[b disk_full][c disk_full]')
    log.reach('synced', 20)
    say('d', caller.seen)
    outbox.flush()
    expect([peer.text, failures]).toEqual(['a[b disk_full][c disk_full]d', []])
    expect(outbox.pendingBytes).toBe(0)
  })

  test('it counts what leaves, not what was held', () => {
    const { log, outbox, say } = open(() => shout)
    say('first', 5)
    outbox.flush()
    say('b', 6)
    outbox.flush()
    log.takeBack(5)
    expect(outbox.pendingBytes).toBe('first[b disk_full]'.length)
  })

  test('the door is asked of each chunk that must wait, and of no other, and hears which tells of what stays', () => {
    const asked: boolean[] = []
    const { log, outbox, say } = open((isLasting) => {
      asked.push(isLasting)
      return undefined
    })
    log.reach('synced', 5)
    for (const sequence of [5, 6, 4, 7, 8]) {
      if (sequence === 5 || sequence === 7) outbox.noteLasting()
      say('x', sequence)
      outbox.flush()
    }
    expect(asked).toEqual([false, true, false])
  })

  test('a door that has nothing to say loses the connection', () => {
    let chunks = 0
    const { peer, log, outbox, failures, say } = open(() => (chunks++ === 1 ? undefined : shout))
    for (const text of ['a', 'b', 'c']) {
      say(text, 6)
      outbox.flush()
    }
    log.takeBack(5)
    expect([peer.text, failures]).toEqual(['[a disk_full]', ['disk_full']])
  })

  test('nothing is said where nobody knows what has become of it', () => {
    const { peer, log, outbox, failures, say } = open(() => shout)
    say('a', 5)
    outbox.flush()
    log.fail(new PolylogError('outcome_unknown', 'sync failed'))
    expect([peer.text, failures]).toEqual(['', ['outcome_unknown']])
  })

  test('bytes that were not flushed yet are refused too, however much later ones have seen', () => {
    const { peer, log, outbox, say } = open(() => shout)
    say('a', 6)
    log.takeBack(5, 8)
    log.reach('synced', 100)
    say('b', 9)
    outbox.flush()
    say('c', 9)
    outbox.flush()
    expect(peer.text).toBe('[ab disk_full]c')
  })

  test('looked at when the log has gone on, what was refused is not durable', () => {
    const { peer, log, outbox, say } = open(() => shout)
    log.takeBack(5, 8)
    log.reach('synced', 100)
    say('a', 6)
    outbox.flush()
    expect(peer.text).toBe('[a disk_full]')
  })

  test('who is content with memory hears nothing of it', () => {
    const { peer, log, outbox, say } = open(() => shout)
    log.takeBack(5, 8)
    say('a', 6, 'memory')
    outbox.flush()
    expect(peer.text).toBe('a')
  })

  test('what is to come afterwards comes', () => {
    const { peer, log, outbox, say } = open(() => shout)
    const seen: string[] = []
    say('a', 6)
    outbox.afterwards(() => seen.push(peer.text))
    log.takeBack(5)
    expect(seen).toEqual(['[a disk_full]'])
  })
})
