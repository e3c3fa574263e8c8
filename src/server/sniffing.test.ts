import { expect, test } from 'vitest'
import type { Gateway, Protocol } from '../gateway/gateway.ts'
import { probes } from './gateway-probes.ts'
import { protocols } from './protocols.ts'
import { choose } from './sniffing.ts'

function sniffing({ name, sniff }: Protocol): Gateway {
  return { name, sniff, accept: () => undefined, close: () => Promise.resolve() }
}

const gateways = [...protocols.values()].map(sniffing)
const openings = [...protocols.keys()].flatMap((name) => probes[name].openings.map((bytes) => ({ name, bytes })))

function chosen(bytes: Uint8Array, among: readonly Gateway[]): string {
  const found = choose(among, bytes)
  return typeof found === 'string' ? found : found.name
}

test('each protocol is registered by its own name', () => {
  for (const [name, protocol] of protocols) expect(protocol.name).toBe(name)
})

test.each(openings)('an opening of $name is told, and of no prefix of it anybody else is sure', ({ name, bytes }) => {
  for (let end = 0; end <= bytes.length; end++)
    expect(['more', name]).toContain(chosen(bytes.subarray(0, end), gateways))
  expect(chosen(bytes, gateways)).toBe(name)
})

test('once it is told, more of it changes nothing', () => {
  for (const { name, bytes } of openings) {
    let isTold = false
    for (let end = 0; end <= bytes.length; end++) {
      const now = chosen(bytes.subarray(0, end), gateways) === name
      expect(now || !isTold).toBe(true)
      isTold = now
    }
  }
})

test('any two gateways tell each others openings apart, at every prefix, in either order', () => {
  for (const one of gateways) {
    for (const other of gateways) {
      if (one === other) continue
      for (const { name, bytes } of openings.filter((opening) => opening.name === one.name)) {
        for (let end = 0; end <= bytes.length; end++) {
          expect(['more', name]).toContain(chosen(bytes.subarray(0, end), [other, one]))
        }
        expect(chosen(bytes, [one, other])).toBe(name)
        expect(other.sniff(bytes)).toBe('no')
      }
    }
  }
})

test('who is sure waits as long as another hopes, and what two claim is nobodys', () => {
  const of = (name: string, verdict: 'yes' | 'no' | 'more'): Gateway => ({
    ...gateways[0]!,
    name,
    sniff: () => verdict,
  })
  const bytes = Buffer.from('B')
  expect(chosen(bytes, [of('a', 'yes'), of('b', 'more')])).toBe('more')
  expect(chosen(bytes, [of('a', 'more'), of('b', 'yes')])).toBe('more')
  expect(chosen(bytes, [of('a', 'no'), of('b', 'yes')])).toBe('b')
  expect(chosen(bytes, [of('a', 'yes'), of('b', 'yes')])).toBe('no')
  expect(chosen(bytes, [of('a', 'no'), of('b', 'no')])).toBe('no')
})
