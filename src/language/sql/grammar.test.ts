import { beforeAll, describe, expect, it } from 'vitest'
import { grammarReplaced, loadGrammar } from './grammar.ts'
import { parseText } from './parse.ts'

beforeAll(loadGrammar)

describe('grammar', () => {
  it('parses as before after any number of texts that ran out of its stack', async () => {
    const before = await grammarReplaced()
    for (let i = 0; i < 16; i++) {
      const chain = `select ${Array.from({ length: 20_000 + i }, () => '1').join(' + ')}`
      expect(() => parseText(chain)).toThrow(
        expect.objectContaining({ detail: { sqlState: '54001', hint: expect.any(String) } }),
      )
      await grammarReplaced()
    }
    expect(parseText(`select ${'('.repeat(500)}1${')'.repeat(500)}, 'after'`)).toHaveLength(1)
    expect(await grammarReplaced()).toBeGreaterThanOrEqual(before + 3)
  })

  it('tells where a text is wrong, in characters', () => {
    const position = (text: string): unknown => {
      try {
        return parseText(text)
      } catch (error) {
        return (error as { detail: { position?: number } }).detail.position
      }
    }
    expect(position('selekt 1')).toBe(1)
    expect(position("select 'ä', frm t where")).toBe(24)
  })
})
