/** Texts of geometric values, in all the forms that PostgreSQL reads. */
import { float8Type } from '../float.ts'
import { invalidText, sqlError } from '../type.ts'
import { boxOf, ofPoints, type Point, pointsOf, Shape, type ShapeKind } from './shape.ts'

const epsilon = 1e-6
const numberText = /[+-]?(?:(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?|nan|inf(?:inity)?)/iy

class ShapeReader {
  readonly #text: string
  readonly #kind: ShapeKind
  #at = 0

  constructor(kind: ShapeKind, text: string) {
    this.#kind = kind
    this.#text = text
  }

  read(): Shape {
    switch (this.#kind) {
      case 'point': {
        const point = this.#pair()
        this.#end()
        return ofPoints('point', [point])
      }
      case 'lseg':
        return ofPoints('lseg', this.#points(2, true).points)
      case 'box': {
        const [a, b] = this.#points(2, false).points
        // As box_in has it: of equal ones the first is the higher, -0 and 0 among them.
        return boxOf(b!, a!)
      }
      case 'path':
        return this.#path()
      case 'polygon':
        return ofPoints('polygon', this.#points(this.#pairCount(), false).points)
      case 'line':
        return this.#line()
      default:
        return this.#circle()
    }
  }

  #pairCount(): number {
    const commas = this.#text.split(',').length - 1
    if (commas % 2 === 0) throw this.#invalid()
    return (commas + 1) / 2
  }

  #path(): Shape {
    const count = this.#pairCount()
    this.#space()
    const isWrapped = this.#peek() === '(' && this.#text.lastIndexOf('(') === this.#at
    if (isWrapped) this.#at++
    const { points, isOpen } = this.#points(count, true, isWrapped)
    if (isWrapped) {
      this.#expect(')')
      this.#space()
      this.#end()
    }
    return ofPoints('path', points, !isOpen)
  }

  /** PostgreSQL's path_decode: brackets where they are allowed, parentheses around all where there are some within. */
  #points(count: number, mayBeOpen: boolean, goesOn = false): { points: Point[]; isOpen: boolean } {
    this.#space()
    const isOpen = this.#peek() === '['
    let depth = 0
    if (isOpen) {
      if (!mayBeOpen) throw this.#invalid()
      this.#at++
      depth = 1
    } else if (this.#peek() === '(') {
      let next = this.#at + 1
      while (/\s/.test(this.#text[next] ?? 'x')) next++
      if (this.#text[next] === '(' || this.#text.lastIndexOf('(') === this.#at) {
        this.#at = next
        depth = 1
      }
    }
    const points: Point[] = []
    for (let i = 0; i < count; i++) {
      points.push(this.#pair())
      if (this.#peek() === ',') this.#at++
    }
    if (depth === 1) {
      if (this.#peek() !== ')' && !(isOpen && this.#peek() === ']')) throw this.#invalid()
      this.#at++
      this.#space()
    }
    if (!goesOn) this.#end()
    return { points, isOpen }
  }

  #pair(): Point {
    this.#space()
    const isWrapped = this.#peek() === '('
    if (isWrapped) this.#at++
    const x = this.#number()
    this.#expect(',')
    const y = this.#number()
    if (isWrapped) {
      this.#expect(')')
      this.#space()
    }
    return { x, y }
  }

  #number(): number {
    this.#space()
    numberText.lastIndex = this.#at
    const found = numberText.exec(this.#text)?.[0]
    if (found === undefined) throw this.#invalid()
    this.#at += found.length
    const value = float8Type.parseText(found) as number
    this.#space()
    return value
  }

  #line(): Shape {
    this.#space()
    if (this.#peek() !== '{') {
      const [a, b] = this.#points(2, true).points as [Point, Point]
      if (Math.abs(a.x - b.x) <= epsilon && Math.abs(a.y - b.y) <= epsilon) {
        throw sqlError('invalid_argument', '22P02', 'invalid line specification: must be two distinct points')
      }
      return lineThrough(a, b)
    }
    this.#at++
    const numbers = [this.#number()]
    for (let i = 0; i < 2; i++) {
      this.#expect(',')
      numbers.push(this.#number())
    }
    this.#expect('}')
    this.#space()
    this.#end()
    if (Math.abs(numbers[0]!) <= epsilon && Math.abs(numbers[1]!) <= epsilon) {
      throw sqlError('invalid_argument', '22P02', 'invalid line specification: A and B cannot both be zero')
    }
    return new Shape('line', numbers)
  }

  #circle(): Shape {
    this.#space()
    let depth = 0
    const isAngled = this.#peek() === '<'
    if (isAngled) {
      depth = 1
      this.#at++
    } else if (this.#peek() === '(') {
      let next = this.#at + 1
      while (/\s/.test(this.#text[next] ?? 'x')) next++
      if (this.#text[next] === '(') {
        depth = 1
        this.#at = next
      }
    }
    const { x, y } = this.#pair()
    if (this.#peek() === ',') this.#at++
    const radius = this.#number()
    if (radius < 0) throw this.#invalid()
    if (depth === 1) {
      if (this.#peek() !== ')' && !(isAngled && this.#peek() === '>')) throw this.#invalid()
      this.#at++
      this.#space()
    }
    this.#end()
    return new Shape('circle', [x, y, radius])
  }

  #peek(): string | undefined {
    return this.#text[this.#at]
  }

  #expect(symbol: string): void {
    if (this.#text[this.#at++] !== symbol) throw this.#invalid()
  }

  #space(): void {
    while (/\s/.test(this.#text[this.#at] ?? 'x')) this.#at++
  }

  #end(): void {
    if (this.#at < this.#text.length) throw this.#invalid()
  }

  #invalid(): Error {
    return invalidText(this.#kind, this.#text)
  }
}

export function parseShape(kind: ShapeKind, text: string): Shape {
  return new ShapeReader(kind, text).read()
}

/** Through two points, as PostgreSQL scales it: a vertical one is -1, 0, x; any other one m, -1, y - m x. */
export function lineThrough(a: Point, b: Point): Shape {
  if (a.x === b.x || Math.abs(a.x - b.x) <= epsilon) return new Shape('line', [-1, 0, a.x])
  if (Math.abs(a.y - b.y) <= epsilon) return new Shape('line', [0, -1, a.y])
  return lineOfSlope(a, (b.y - a.y) / (b.x - a.x))
}

/** An infinite slope is vertical. */
export function lineOfSlope({ x, y }: Point, slope: number): Shape {
  if (!Number.isFinite(slope)) return new Shape('line', [-1, 0, x])
  if (slope === 0) return new Shape('line', [0, -1, y])
  const c = y - slope * x
  return new Shape('line', [slope, -1, c === 0 ? 0 : c])
}

function shown(value: number): string {
  return float8Type.formatText(value)
}

export function formatShape(shape: Shape): string {
  const { kind, numbers, isClosed } = shape
  if (kind === 'line') return `{${numbers.map(shown).join(',')}}`
  if (kind === 'circle') return `<(${shown(numbers[0]!)},${shown(numbers[1]!)}),${shown(numbers[2]!)}>`
  const points = pointsOf(shape).map(({ x, y }) => `(${shown(x)},${shown(y)})`)
  if (kind === 'point' || kind === 'box') return points.join(',')
  return kind === 'lseg' || !isClosed ? `[${points.join(',')}]` : `(${points.join(',')})`
}
