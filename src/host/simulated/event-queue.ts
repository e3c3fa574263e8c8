/** What will happen at a moment of simulated time. */
export interface Event {
  readonly timeUs: number
  /** Orders events of the same moment: first by chance, then by age. */
  readonly tie: number
  readonly serial: number
  readonly name: string
  run(): void
}

/** A binary heap, earliest event first. The order is total, so it depends on nothing but the events. */
export class EventQueue<E extends Event> {
  readonly #heap: E[] = []

  get size(): number {
    return this.#heap.length
  }

  peek(): E | undefined {
    return this.#heap[0]
  }

  push(event: E): void {
    const heap = this.#heap
    let place = heap.length
    heap.push(event)
    while (place > 0) {
      const parent = (place - 1) >> 1
      const above = heap[parent] as E
      if (!precedes(event, above)) break
      heap[place] = above
      place = parent
    }
    heap[place] = event
  }

  pop(): E | undefined {
    const heap = this.#heap
    const first = heap[0]
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return first
    let place = 0
    for (;;) {
      let child = 2 * place + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && precedes(heap[child + 1] as E, heap[child] as E)) child += 1
      if (!precedes(heap[child] as E, last)) break
      heap[place] = heap[child] as E
      place = child
    }
    heap[place] = last
    return first
  }
}

function precedes(one: Event, other: Event): boolean {
  if (one.timeUs !== other.timeUs) return one.timeUs < other.timeUs
  if (one.tie !== other.tie) return one.tie < other.tie
  return one.serial < other.serial
}
